"""A discount on its way: the order is reissued, and the old one cancelled.

Each phase is sent, polled and recovered like any command (``commands.dispatch``); its outcome ends the
command or leads to the next phase. See docs/adr/0007 for what may go wrong between two phases.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import ClassVar
from uuid import uuid4

from django.utils.translation import gettext as _

from core.errors import HubError
from core.outbox import Clock, StepOutcome
from iiko_client import json_reader, json_writer
from iiko_client.http.errors import IikoError
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import VendorCommandState as VendorState
from orders.actions.base import zone_of
from orders.actions.cancel import words_of_cancellation
from orders.actions.discount import reissue_request
from orders.actions.discount.state import sends_of, state_of
from orders.actions.discount.steps import (
    NotRead,
    RemoteOrder,
    StepContext,
    is_late,
    only_reading,
)
from orders.actions.rules import subject_of
from orders.commands.outcome import FOLLOW_FOR, PAUSES, later, refused
from orders.commands.send import client_of, order_of
from orders.models.command import CommandKind, CommandState, OrderCommand, Phase
from orders.models.order import CreationStatus

SEND_AGAIN_AFTER = timedelta(seconds=30)
"""A cancellation whose answer was lost, and of which the order shows nothing, is sent again: an order is
cancelled once, however often that is requested."""

MOST_SENDS = 3

MIDWAY = frozenset({Phase.CANCEL_OLD, Phase.CANCEL_NEW})
"""Phases in which something was done already that must come to an end."""


def send(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Take the step that changes something at iiko; what must be read before is read now."""
    phase = _PHASES[Phase(command.phase)]
    try:
        return phase.send(_context(command, clock))
    except NotRead as unread:
        return later(command, CommandState.PENDING, unread.error)


def poll(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Ask what became of a step that iiko took."""
    return _watched(command, CommandState.SENT, clock)


def recover(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Read the orders themselves: the answer to a step was lost."""
    return _watched(command, CommandState.UNKNOWN, clock)


def _watched(command: OrderCommand, state: CommandState, clock: Clock) -> StepOutcome:
    phase = _PHASES[Phase(command.phase)]
    try:
        context = _context(command, clock)
        return phase.poll(context) if state == CommandState.SENT else phase.recover(context)
    except (IikoError, HubError) as error:
        if phase.stuck and is_late(command, clock):
            return _needs_attention(command, str(error))
        if clock() - command.asked_at > FOLLOW_FOR:
            return StepOutcome(CommandState.EXPIRED, None, "reissue_not_done", str(error))
        return later(command, state, error)


def overdue(command: OrderCommand) -> StepOutcome:
    """Judge a step that could not be sent in time although something was done before it."""
    if command.phase == Phase.CANCEL_OLD and not state_of(command).sends_cancel_old:
        return _undo("undone_unsent", command.error)
    return _needs_attention(command, command.error)


def refused_in_phase(command: OrderCommand, failed: StepOutcome) -> StepOutcome:
    """Judge a step that iiko refused: nothing of it was done."""
    return _PHASES[Phase(command.phase)].refused(command, failed)


def is_cancel_requested(command: OrderCommand) -> bool:
    """Whether a cancellation of the old order waits behind: nobody wants the meal any more."""
    behind = OrderCommand.objects.open().filter(order_id=command.order_id, kind=CommandKind.CANCEL)
    return behind.filter(pk__gt=command.pk).exists()


def _context(command: OrderCommand, clock: Clock) -> StepContext:
    order = order_of(command)
    return StepContext(command, order, client_of(order.organization, command), clock)


# --- outcomes ----------------------------------------------------------------------------------------


def _on(phase: Phase, **facts: object) -> StepOutcome:
    """Go on to a phase; ``facts`` are of ``DiscountState``."""
    return StepOutcome(CommandState.PENDING, PAUSES[0], phase=phase, facts=facts)


def _undo(why: str, error: str = "", **facts: object) -> StepOutcome:
    """Take the new order back: the old one cannot be cancelled for it."""
    return _on(Phase.CANCEL_NEW, why=why, why_error=error, **facts)


def _rejected(code: str, error: str = "", **facts: object) -> StepOutcome:
    return StepOutcome(CommandState.REJECTED, None, code, error, facts=facts)


def _done(command: OrderCommand, new: RemoteOrder | None, confirmed_by: str = "order") -> StepOutcome:
    """End the command: the old order is cancelled for the new one, which must stand."""
    if new is not None and new.is_cancelled:
        return _needs_attention(command, code="both_cancelled")
    return StepOutcome(CommandState.CONFIRMED, confirmed_by=confirmed_by)


def _needs_attention(command: OrderCommand, error: str = "", *, code: str = "") -> StepOutcome:
    errors = ". ".join(filter(None, (state_of(command).why_error, error)))
    code = code or _PHASES[Phase(command.phase)].stuck
    return StepOutcome(CommandState.NEEDS_ATTENTION, None, code, errors)


# --- the phases --------------------------------------------------------------------------------------


class DiscountPhase(ABC):
    stuck: ClassVar[str] = ""
    """The code of a step after which two orders may live, when iiko cannot be read for long: it then needs
    attention. Empty: no such step."""

    @abstractmethod
    def send(self, context: StepContext) -> StepOutcome: ...

    def poll(self, context: StepContext) -> StepOutcome:
        raise NotImplementedError("Nothing is sent in this phase.")

    def recover(self, context: StepContext) -> StepOutcome:
        raise NotImplementedError("Nothing is sent in this phase.")

    def refused(self, command: OrderCommand, failed: StepOutcome) -> StepOutcome:
        """Judge that iiko refused the step: nothing of it was done."""
        return failed


class ReadOld(DiscountPhase):
    """Write the new order from what iiko shows of the old one. Nothing is changed at iiko yet."""

    def send(self, context: StepContext) -> StepOutcome:
        with only_reading():
            seen = context.read_orders(context.ids["order_id"]).get(context.ids["order_id"])
        if seen is None or not seen.is_taken:
            return _rejected("order_not_shown")
        if seen.fields.get("is_deleted"):
            return _rejected("order_deleted")
        new_id = str(uuid4())
        request = reissue_request.reissue_request(
            seen.info,
            context.params,
            organization_id=context.order.organization_id,
            order_id=new_id,
            pos_version=subject_of(context.order).version,
            zone=zone_of(context.order),
            now=context.clock(),
        )
        if not self._pos_answers(context, request.terminal_group_id):
            return _rejected("till_offline")
        return _on(
            Phase.CREATE,
            new_order_id=new_id,
            body=json_writer.dumps(request.order),
            terminal_group_id=request.terminal_group_id,
            expected_minor=request.expected_minor,
            tolerance_minor=request.tolerance_minor,
        )

    def _pos_answers(self, context: StepContext, terminal_group_id: str) -> bool:
        """Ask whether the POS is there: one that comes back late takes orders that nobody waits for."""
        with only_reading():
            groups = context.client.terminal_groups_alive(
                organization_ids=[context.order.organization_id], terminal_group_ids=[terminal_group_id]
            )
        return all(one.is_alive for one in groups)


class CreateNew(DiscountPhase):
    """Send the new order, and wait until the POS has taken it."""

    stuck = "new_not_proved"

    def send(self, context: StepContext) -> StepOutcome:
        created = context.client.create_delivery(
            organization_id=context.order.organization_id,
            terminal_group_id=context.state.terminal_group_id,
            order=json_reader.loads(context.state.body),
        )
        info = created.order_info
        if _error_of(info).get("code") == "DuplicatedOrderId":
            # Under an id that nobody else has: this is the order itself, of a first try.
            return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "answer_lost")
        outcome = self._judge(context, info, CommandState.SENT)
        if outcome.state == CommandState.SENT:
            return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=created.correlation_id)
        return outcome

    def poll(self, context: StepContext) -> StepOutcome:
        return self._watch(context, CommandState.SENT)

    def recover(self, context: StepContext) -> StepOutcome:
        return self._watch(context, CommandState.UNKNOWN)

    def refused(self, command: OrderCommand, failed: StepOutcome) -> StepOutcome:
        return _rejected("reissue_refused", failed.error)

    def _watch(self, context: StepContext, state: CommandState) -> StepOutcome:
        new_id = context.command.new_order_id
        seen = context.read_orders(new_id).get(new_id)
        if seen is not None:
            return self._judge(context, seen.info, state)
        if context.is_late:
            return StepOutcome(CommandState.EXPIRED, None, "reissue_not_done", context.command.error)
        return context.later(state)

    def _judge(self, context: StepContext, info: JsonObject, state: CommandState) -> StepOutcome:
        creation = info.get("creationStatus")
        if creation == CreationStatus.ERROR:
            error = _error_of(info)
            said = ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))
            return _rejected("reissue_refused", said)
        if creation == CreationStatus.SUCCESS and isinstance(info.get("order"), Mapping):
            expected, tolerance = context.state.expected_minor, context.state.tolerance_minor
            problem = reissue_request.differs(info, context.params, expected, tolerance)
            return _undo("undone_differs", problem) if problem else _on(Phase.CANCEL_OLD)
        if context.is_late:
            return StepOutcome(CommandState.EXPIRED, None, "reissue_unproved", context.command.error)
        return context.later(state)


def _error_of(info: JsonObject) -> JsonObject:
    error = info.get("errorInfo")
    return error if isinstance(error, Mapping) else {}


class Cancelling(DiscountPhase):
    """Cancel one of the two orders."""

    @abstractmethod
    def said_done(self, context: StepContext) -> StepOutcome:
        """Judge that iiko says the cancellation is done."""

    @abstractmethod
    def said_refused(self, context: StepContext, words: str) -> StepOutcome:
        """Judge that iiko says the cancellation is refused."""

    def poll(self, context: StepContext) -> StepOutcome:
        status = context.status()
        match status.state:
            case VendorState.SUCCESS:
                return self.said_done(context)
            case VendorState.ERROR:
                return self.said_refused(context, refused(status).error)
            case VendorState.FORGOTTEN:
                return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "forgotten")
        if context.is_late:
            return _needs_attention(context.command)
        return context.later(CommandState.SENT)

    def again_or_stuck(self, context: StepContext) -> StepOutcome:
        command = context.command
        if context.clock() - command.asked_at <= SEND_AGAIN_AFTER:
            return context.later(CommandState.UNKNOWN)
        if context.sends < MOST_SENDS:
            return StepOutcome(CommandState.PENDING, timedelta(), "answer_lost", command.error)
        return _needs_attention(command, command.error)

    def cancel(
        self,
        context: StepContext,
        order_id: str,
        words: str,
        *,
        is_printed: bool = False,
        moved_to: str | None = None,
    ) -> StepOutcome:
        said = words_of_cancellation(subject_of(context.order), words, is_printed=is_printed)
        ids = context.ids | {"order_id": order_id}
        accepted = context.sent_once(partial(context.client.cancel, **ids, **said, moved_order_id=moved_to))
        return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=accepted.correlation_id)


def _not_shown(context: StepContext) -> StepOutcome:
    return context.later(CommandState.PENDING, "order_not_shown")


class CancelOld(Cancelling):
    stuck = "old_not_proved"

    def send(self, context: StepContext) -> StepOutcome:
        with only_reading():
            old, new = context.read_both()
        if old is None or new is None:
            return _not_shown(context)
        if (settled := self._settled(context, old, new)) is not None:
            return settled
        if not new.is_taken:
            return _not_shown(context)
        new_id = context.command.new_order_id
        number = new.fields.get("readable_number") or new_id[:8]
        words = _("Discount: reissued as order %(number)s") % {"number": number}
        return self.cancel(context, context.ids["order_id"], words, moved_to=new_id)

    def _settled(self, context: StepContext, old: RemoteOrder, new: RemoteOrder) -> StepOutcome | None:
        """Return what is settled, or must not be done any more; None: the old order may be cancelled."""
        if old.is_cancelled and context.sends:
            return _done(context.command, new)
        if new.is_cancelled:
            return _rejected("reissue_cancelled", is_new_gone=True)
        if new.is_closed:
            return _needs_attention(context.command, code="two_orders")
        if old.is_cancelled:
            return _undo("undone_cancelled")
        if old.is_closed:
            return _undo("undone_closed")
        if is_cancel_requested(context.command):
            return _undo("undone_cancel_asked")
        return None if reissue_request.is_before_kitchen(old.fields) else _undo("undone_cooking")

    def said_done(self, context: StepContext) -> StepOutcome:
        _old, new = context.refresh()
        return _done(context.command, new, "status")

    def said_refused(self, context: StepContext, words: str) -> StepOutcome:
        old, new = context.read_both()
        if old is None or not old.is_cancelled:
            return self._refused(context.command, words, sends=context.sends - 1)
        # An earlier try of ours cancelled it, or somebody else.
        moved = (old.fields.get("moved") or {}).get("to_order_id")
        if context.sends > 1 or moved == context.command.new_order_id:
            return _done(context.command, new)
        return _undo("undone_cancelled", sends_cancel_old=0)

    def refused(self, command: OrderCommand, failed: StepOutcome) -> StepOutcome:
        return self._refused(command, failed.error, sends=sends_of(command))

    def _refused(self, command: OrderCommand, error: str, *, sends: int) -> StepOutcome:
        """Judge that iiko refused to cancel the old order.

        ``sends``: earlier tries whose outcome is unknown. A POS that was away may still carry one out, and
        with the new order taken back nothing would be left.
        """
        if sends:
            return _needs_attention(command, error)
        return _undo("undone_refused", error, sends_cancel_old=0)

    def recover(self, context: StepContext) -> StepOutcome:
        old, new = context.read_both()
        if old is not None and old.is_cancelled:
            return _done(context.command, new) if context.sends else _undo("undone_cancelled")
        return self.again_or_stuck(context)


class CancelNew(Cancelling):
    """Take the new order back."""

    stuck = "two_orders"

    def send(self, context: StepContext) -> StepOutcome:
        with only_reading():
            old, new = context.read_both()
        if new is None:
            return _not_shown(context)
        if (settled := self._settled(context, old, new)) is not None:
            return settled
        if not new.is_taken:
            return _not_shown(context)  # the mirror knows better, or iiko does: that shows in a moment
        words = _("The discount could not be given; the first order stays")
        return self.cancel(context, context.command.new_order_id, words, is_printed=new.is_printed)

    def _settled(self, context: StepContext, old: RemoteOrder | None, new: RemoteOrder) -> StepOutcome | None:
        """Return what is settled already; None: the new order may be taken back."""
        if new.is_cancelled:
            return self._taken_back(context, old)
        if self._is_old_cancelled_by_us(context, old) and not context.sends:
            # A cancellation that counted as lost was carried out.
            return StepOutcome(CommandState.CONFIRMED, confirmed_by="order")
        return _needs_attention(context.command) if new.is_closed else None

    def _is_old_cancelled_by_us(self, context: StepContext, old: RemoteOrder | None) -> bool:
        return old is not None and old.is_cancelled and bool(context.state.sends_cancel_old)

    def _taken_back(self, context: StepContext, old: RemoteOrder | None) -> StepOutcome:
        """End the command: the new order is cancelled; the old one must stand, unless others cancelled it."""
        if self._is_old_cancelled_by_us(context, old):
            return _needs_attention(context.command, code="both_cancelled")
        state = context.state
        return _rejected(state.why or "undone_refused", state.why_error, is_new_gone=True)

    def said_done(self, context: StepContext) -> StepOutcome:
        old, _new = context.refresh()
        return self._taken_back(context, old)

    def said_refused(self, context: StepContext, words: str) -> StepOutcome:
        old, new = context.read_both()
        if new is not None and (settled := self._settled(context, old, new)) is not None:
            return settled
        if new is not None and new.is_printed and context.sends < MOST_SENDS:
            # Now with a removal type.
            return StepOutcome(CommandState.PENDING, PAUSES[0], "answer_lost", words)
        return _needs_attention(context.command, words)

    def refused(self, command: OrderCommand, failed: StepOutcome) -> StepOutcome:
        return _needs_attention(command, failed.error)

    def recover(self, context: StepContext) -> StepOutcome:
        old, new = context.read_both()
        if new is not None and (settled := self._settled(context, old, new)) is not None:
            return settled
        return self.again_or_stuck(context)


_PHASES: dict[Phase, DiscountPhase] = {
    Phase.READ: ReadOld(),
    Phase.CREATE: CreateNew(),
    Phase.CANCEL_OLD: CancelOld(),
    Phase.CANCEL_NEW: CancelNew(),
}
