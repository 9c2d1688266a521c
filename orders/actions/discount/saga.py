"""A discount on its way: the order is reissued, and the old one cancelled.

Each phase is sent, polled and recovered like any command (``commands.dispatch``); its outcome ends the
command or leads to the next phase. See docs/adr/0007 for what may go wrong between two phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import HubError
from core.outbox import Clock, LeaseLost, StepOutcome
from iiko_client import json_reader, json_writer
from iiko_client.client import IikoClient
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBusy,
    IikoError,
    IikoNoAnswer,
    IikoNotSent,
    IikoRejected,
    IikoUnreadable,
)
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import VendorCommandState as VendorState
from iiko_client.models.order import read_order_info
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.discount import reissue_request
from orders.actions.rules import subject_of, version_of
from orders.commands import resolve
from orders.commands.outcome import FOLLOW_FOR, PAUSES, RECOVER_FOR, later, refused
from orders.commands.send import client_of, order_of, zone_of
from orders.commands.transitions import lock
from orders.mirror.unlisted import note_absent
from orders.models.command import CommandKind, CommandState, OrderCommand, Phase
from orders.models.order import CreationStatus, Order
from orders.signals import order_read

SEND_AGAIN_AFTER = timedelta(seconds=30)
"""A cancellation whose answer was lost, and of which the order shows nothing, is sent again: an order is
cancelled once, however often that is requested."""

MOST_SENDS = 3

MIDWAY = frozenset({Phase.CANCEL_OLD, Phase.CANCEL_NEW})
"""Phases in which something was done already that must come to an end."""

_MAY_BE_TWO = MIDWAY | {Phase.CREATE}
"""Steps after which two orders may live: they need attention when iiko cannot be read for long."""

Facts = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step has at hand."""

    command: OrderCommand
    order: Order
    client: IikoClient
    clock: Clock

    @property
    def ids(self) -> dict[str, str]:
        return {"organization_id": self.order.organization_id, "order_id": self.order.iiko_order_id or ""}


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as iiko shows it now; ``fields`` by the mirror's names."""

    info: JsonObject
    fields: Mapping[str, Any]

    @property
    def status(self) -> str | None:
        return self.fields.get("status")

    @property
    def is_cancelled(self) -> bool:
        """Or deleted, which leaves as little of it."""
        return self.status == DeliveryStatus.CANCELLED or self.fields.get("is_deleted") is True

    @property
    def is_closed(self) -> bool:
        return self.status == DeliveryStatus.CLOSED

    @property
    def is_taken(self) -> bool:
        return self.fields.get("creation_status") == CreationStatus.SUCCESS and self.status is not None


def _context(command: OrderCommand, clock: Clock) -> StepContext:
    order = order_of(command)
    return StepContext(command, order, client_of(order.organization, command), clock)


def send(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Take the step that changes something at iiko; what must be read before is read now."""
    try:
        return _SEND[Phase(command.phase)](_context(command, clock))
    except _NotRead as unread:
        return later(command, CommandState.PENDING, unread.error)


def poll(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Ask what became of a step that iiko took."""
    return _watched(_POLL, command, CommandState.SENT, clock)


def recover(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Read the orders themselves: the answer to a step was lost."""
    return _watched(_RECOVER, command, CommandState.UNKNOWN, clock)


def _watched(
    steps: Mapping[Phase, Callable[[StepContext], StepOutcome]],
    command: OrderCommand,
    state: CommandState,
    clock: Clock,
) -> StepOutcome:
    try:
        return steps[Phase(command.phase)](_context(command, clock))
    except (IikoError, HubError) as error:
        if command.phase in _MAY_BE_TWO and _is_late(command, clock):
            return _needs_attention(command, str(error))
        if clock() - command.asked_at > FOLLOW_FOR:
            return StepOutcome(CommandState.EXPIRED, None, "reissue_not_done", str(error))
        return later(command, state, error)


def overdue(command: OrderCommand) -> StepOutcome:
    """Judge a step that could not be sent in time although something was done before it."""
    if command.phase == Phase.CANCEL_OLD and not _sends(command):
        return _undo("undone_unsent", command.error)
    return _needs_attention(command, command.error)


def refused_in_phase(command: OrderCommand, failed: StepOutcome) -> StepOutcome:
    """Judge a step that iiko refused: nothing of it was done."""
    match command.phase:
        case Phase.CREATE:
            return _rejected("reissue_refused", failed.error)
        case Phase.CANCEL_OLD:
            return _old_refused(command, failed.error, sends=_sends(command))
        case Phase.CANCEL_NEW:
            return _needs_attention(command, failed.error)
    return failed


# --- outcomes ----------------------------------------------------------------------------------------


def _on(phase: Phase, **facts: Any) -> StepOutcome:
    return StepOutcome(CommandState.PENDING, PAUSES[0], phase=phase, facts=facts)


def _undo(why: str, error: str = "", facts: Facts | None = None) -> StepOutcome:
    """Take the new order back: the old one cannot be cancelled for it."""
    return _on(Phase.CANCEL_NEW, why=why, why_error=error, **(facts or {}))


def _old_refused(command: OrderCommand, error: str, *, sends: int) -> StepOutcome:
    """Judge that iiko refused to cancel the old order.

    ``sends``: earlier tries whose outcome is unknown. A POS that was away may still carry one out, and with
    the new order taken back nothing would be left.
    """
    if sends:
        return _needs_attention(command, error)
    return _undo("undone_refused", error, facts={_SENDS_OLD: 0})


def _rejected(code: str, error: str = "", **facts: Any) -> StepOutcome:
    return StepOutcome(CommandState.REJECTED, None, code, error, facts=facts)


def _undone(command: OrderCommand) -> StepOutcome:
    state_data = command.state_data
    return _rejected(
        state_data.get("why", "undone_refused"), state_data.get("why_error", ""), is_new_gone=True
    )


def _done(command: OrderCommand, new: RemoteOrder | None, confirmed_by: str = "order") -> StepOutcome:
    """End the command: the old order is cancelled for the new one, which must stand."""
    if new is not None and new.is_cancelled:
        return _needs_attention(command, code="both_cancelled")
    return StepOutcome(CommandState.CONFIRMED, confirmed_by=confirmed_by)


_SENDS_OLD = f"sends_{Phase.CANCEL_OLD}"
_STUCK = {
    Phase.CREATE: "new_not_proved",
    Phase.CANCEL_OLD: "old_not_proved",
    Phase.CANCEL_NEW: "two_orders",
}


def _needs_attention(command: OrderCommand, error: str = "", *, code: str = "") -> StepOutcome:
    errors = ". ".join(filter(None, (command.state_data.get("why_error", ""), error)))
    return StepOutcome(CommandState.NEEDS_ATTENTION, None, code or _STUCK[Phase(command.phase)], errors)


def _is_late(command: OrderCommand, clock: Clock) -> bool:
    return clock() - command.asked_at > RECOVER_FOR


# --- reading both orders -----------------------------------------------------------------------------


class _NotRead(Exception):
    """What must be known before a step could not be read: nothing was sent, and it is tried again."""

    def __init__(self, error: IikoError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _only_reading() -> Iterator[None]:
    """Distinguish a read that brought no answer from a step whose answer was lost."""
    try:
        yield
    except (IikoNoAnswer, IikoBusy, IikoUnreadable) as error:
        raise _NotRead(error) from error


def _read_orders(context: StepContext, *order_ids: str) -> dict[str, RemoteOrder]:
    """Read orders from iiko, give them to the mirror, and return those that it has, by id."""
    found = context.client.orders_by_id(
        organization_id=context.order.organization_id, order_ids=order_ids
    ).orders
    if found:
        order_read.send(Order, organization=context.order.organization, infos=found)
    zone = zone_of(context.order)
    readings = [(info, read_order_info(info, lambda _group: zone)) for info in found]
    seen = {read.iiko_order_id or "": RemoteOrder(info, dict(read.fields)) for info, read in readings}
    note_absent(context.order.organization_id, set(order_ids) - seen.keys(), now=context.clock())
    return seen


def _read_both(context: StepContext) -> tuple[RemoteOrder | None, RemoteOrder | None]:
    old_id, new_id = context.ids["order_id"], context.command.new_order_id
    seen = _read_orders(context, old_id, new_id)
    return seen.get(old_id), seen.get(new_id)


def _sends(command: OrderCommand) -> int:
    return int(command.state_data.get(f"sends_{command.phase}", 0))


@transaction.atomic
def _note_sending(command: OrderCommand, by: int) -> bool:
    """Write down how often a step was sent; False: another worker has the command by now."""
    locked = lock(command.pk)
    if locked is None or not is_same_claim(locked[1], command):
        return False
    current = locked[1]
    current.state_data[f"sends_{current.phase}"] = _sends(current) + by
    current.save(update_fields=["state_data"])
    command.state_data = current.state_data
    return True


def _sent_once(context: StepContext, call: Callable[[], T]) -> T:
    """Make a call that may be made again, written down before; what surely was not taken does not count."""
    if not _note_sending(context.command, 1):
        raise LeaseLost
    try:
        return call()
    except (IikoNotSent, IikoBusy, IikoRejected, IikoAuthFailed):
        _note_sending(context.command, -1)
        raise


def is_same_claim(current: OrderCommand, claimed: OrderCommand) -> bool:
    """Whether nobody took another step since ``claimed`` was: each claim ends at another moment."""
    return (
        not current.is_final
        and current.phase == claimed.phase
        and current.state == claimed.state
        and current.next_attempt_at == claimed.next_attempt_at
    )


# --- preparing ---------------------------------------------------------------------------------------


def _prepare(context: StepContext) -> StepOutcome:
    """Write the new order from what iiko shows of the old one. Nothing is changed at iiko yet."""
    with _only_reading():
        seen = _read_orders(context, context.ids["order_id"]).get(context.ids["order_id"])
    if seen is None or not seen.is_taken:
        return _rejected("order_not_shown")
    if seen.fields.get("is_deleted"):
        return _rejected("order_deleted")
    new_id = str(uuid4())
    request = reissue_request.reissue_request(
        seen.info,
        context.command.params,
        organization_id=context.order.organization_id,
        order_id=new_id,
        pos_version=version_of(subject_of(context.order).pos_version),
        zone=zone_of(context.order),
        now=context.clock(),
    )
    if not _pos_answers(context, request.terminal_group_id):
        return _rejected("till_offline")
    return _on(
        Phase.CREATE,
        new_order_id=new_id,
        body=json_writer.dumps(request.order),
        terminal_group_id=request.terminal_group_id,
        expected_minor=request.expected_minor,
        tolerance_minor=request.tolerance_minor,
    )


def _pos_answers(context: StepContext, terminal_group_id: str) -> bool:
    """Ask whether the POS is there: one that comes back late takes orders that nobody waits for."""
    with _only_reading():
        groups = context.client.terminal_groups_alive(
            organization_ids=[context.order.organization_id], terminal_group_ids=[terminal_group_id]
        )
    return all(one.is_alive for one in groups)


# --- the new order -----------------------------------------------------------------------------------


def _create(context: StepContext) -> StepOutcome:
    state_data = context.command.state_data
    created = context.client.create_delivery(
        organization_id=context.order.organization_id,
        terminal_group_id=state_data["terminal_group_id"],
        order=json_reader.loads(state_data["body"]),
    )
    info = created.order_info
    if _error_code(info) == "DuplicatedOrderId":
        # Under an id that nobody else has: this is the order itself, of a first try.
        return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "answer_lost")
    outcome = _judge_new(context, info, CommandState.SENT)
    if outcome.state == CommandState.SENT:
        return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=created.correlation_id)
    return outcome


def _error_code(info: JsonObject) -> str:
    error = info.get("errorInfo")
    return str(error.get("code") or "") if isinstance(error, Mapping) else ""


def _error_words(info: JsonObject) -> str:
    error = info.get("errorInfo")
    said = [error.get("code"), error.get("message")] if isinstance(error, Mapping) else []
    return ": ".join(str(one) for one in said if one)


def _watch_new(state: CommandState) -> Callable[[StepContext], StepOutcome]:
    def watch(context: StepContext) -> StepOutcome:
        new_id = context.command.new_order_id
        seen = _read_orders(context, new_id).get(new_id)
        if seen is not None:
            return _judge_new(context, seen.info, state)
        if _is_late(context.command, context.clock):
            return StepOutcome(CommandState.EXPIRED, None, "reissue_not_done", context.command.error)
        return later(context.command, state, None)

    return watch


def _judge_new(context: StepContext, info: JsonObject, state: CommandState) -> StepOutcome:
    command = context.command
    creation = info.get("creationStatus")
    if creation == CreationStatus.ERROR:
        return _rejected("reissue_refused", _error_words(info))
    if creation == CreationStatus.SUCCESS and isinstance(info.get("order"), Mapping):
        state_data = command.state_data
        problem = reissue_request.differs(
            info, command.params, state_data["expected_minor"], state_data["tolerance_minor"]
        )
        return _undo("undone_differs", problem) if problem else _on(Phase.CANCEL_OLD)
    if _is_late(command, context.clock):
        return StepOutcome(CommandState.EXPIRED, None, "reissue_unproved", command.error)
    return later(command, state, None)


# --- cancelling the old order ------------------------------------------------------------------------


def _cancel_old(context: StepContext) -> StepOutcome:
    with _only_reading():
        old, new = _read_both(context)
    if old is None or new is None:
        return _not_shown(context)
    if (settled := _before_cancelling_old(context.command, old, new)) is not None:
        return settled
    if not new.is_taken:
        return _not_shown(context)
    number = new.fields.get("readable_number") or context.command.new_order_id[:8]
    words = resolve.words_of_cancellation(
        subject_of(context.order), _("Discount: reissued as order %(number)s") % {"number": number}
    )
    cancel = partial(
        context.client.cancel, **context.ids, **words, moved_order_id=context.command.new_order_id
    )
    accepted = _sent_once(context, cancel)
    return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=accepted.correlation_id)


def _not_shown(context: StepContext) -> StepOutcome:
    outcome = later(context.command, CommandState.PENDING, None)
    return StepOutcome(outcome.state, outcome.wait, "order_not_shown")


def _before_cancelling_old(command: OrderCommand, old: RemoteOrder, new: RemoteOrder) -> StepOutcome | None:
    """Return what is settled already, or must not be done any more; None: the old order may be cancelled."""
    if old.is_cancelled and _sends(command):
        return _done(command, new)
    if new.is_cancelled:
        return _rejected("reissue_cancelled", is_new_gone=True)
    if new.is_closed:
        return _needs_attention(command, code="two_orders")
    if old.is_cancelled:
        return _undo("undone_cancelled")
    if old.is_closed:
        return _undo("undone_closed")
    if is_cancel_requested(command):
        return _undo("undone_cancel_asked")
    return None if reissue_request.is_before_kitchen(old.fields) else _undo("undone_cooking")


def is_cancel_requested(command: OrderCommand) -> bool:
    """Whether a cancellation of the old order waits behind: nobody wants the meal any more."""
    behind = OrderCommand.objects.open().filter(order_id=command.order_id, kind=CommandKind.CANCEL)
    return behind.filter(pk__gt=command.pk).exists()


def _poll_cancel_old(context: StepContext) -> StepOutcome:
    status = _status(context)
    if status.state == VendorState.SUCCESS:
        _old, new = _refresh(context)
        return _done(context.command, new, "status")
    if status.state == VendorState.ERROR:
        old, new = _read_both(context)
        if old is not None and old.is_cancelled:
            return _cancelled_by_whom(context.command, old, new)
        return _old_refused(context.command, refused(status).error, sends=_sends(context.command) - 1)
    return _not_yet(context, status.state)


def _cancelled_by_whom(command: OrderCommand, old: RemoteOrder, new: RemoteOrder | None) -> StepOutcome:
    """Judge a refusal for an order that is cancelled: an earlier try of ours did it, or somebody else."""
    moved = (old.fields.get("moved") or {}).get("to_order_id")
    if _sends(command) > 1 or moved == command.new_order_id:
        return _done(command, new)
    return _undo("undone_cancelled", facts={_SENDS_OLD: 0})


def _not_yet(context: StepContext, state: VendorState) -> StepOutcome:
    if state == VendorState.FORGOTTEN:
        return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "forgotten")
    if _is_late(context.command, context.clock):
        return _needs_attention(context.command)
    return later(context.command, CommandState.SENT, None)


def _status(context: StepContext) -> Any:
    return context.client.command_status(
        organization_id=context.order.organization_id, correlation_id=context.command.correlation_id
    )


def _refresh(context: StepContext) -> tuple[RemoteOrder | None, RemoteOrder | None]:
    """Read both orders for the mirror; it is done all the same where that fails."""
    try:
        return _read_both(context)
    except (IikoError, HubError):
        return None, None  # reconciliation brings what changed


def _recover_cancel_old(context: StepContext) -> StepOutcome:
    old, new = _read_both(context)
    if old is not None and old.is_cancelled:
        return _done(context.command, new) if _sends(context.command) else _undo("undone_cancelled")
    return _again_or_stuck(context)


def _again_or_stuck(context: StepContext) -> StepOutcome:
    command = context.command
    if context.clock() - command.asked_at <= SEND_AGAIN_AFTER:
        return later(command, CommandState.UNKNOWN, None)
    if _sends(command) < MOST_SENDS:
        return StepOutcome(CommandState.PENDING, timedelta(), "answer_lost", command.error)
    return _needs_attention(command, command.error)


# --- taking the new order back -----------------------------------------------------------------------


def _cancel_new(context: StepContext) -> StepOutcome:
    command = context.command
    with _only_reading():
        old, new = _read_both(context)
    if new is None:
        return _not_shown(context)
    if (settled := _before_cancelling_new(command, old, new)) is not None:
        return settled
    if not new.is_taken:
        return _not_shown(context)  # the mirror knows better, or iiko does: that shows in a moment
    words = resolve.words_of_cancellation(
        subject_of(context.order),
        _("The discount could not be given; the first order stays"),
        is_printed=_is_printed(new),
    )
    ids = context.ids | {"order_id": command.new_order_id}
    accepted = _sent_once(context, partial(context.client.cancel, **ids, **words))
    return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=accepted.correlation_id)


def _is_printed(seen: RemoteOrder) -> bool:
    items = seen.fields.get("items") or []
    return bool(seen.fields.get("when_printed") or any(item.get("when_printed") for item in items))


def _before_cancelling_new(
    command: OrderCommand, old: RemoteOrder | None, new: RemoteOrder
) -> StepOutcome | None:
    """Return what is settled already; None: the new order may be taken back."""
    was_ours = _is_cancelled_by_us(command, old)
    if new.is_cancelled:
        return _taken_back(command, old)
    if was_ours and not _sends(command):
        # A cancellation that counted as lost was carried out.
        return StepOutcome(CommandState.CONFIRMED, confirmed_by="order")
    if new.is_closed:
        return _needs_attention(command)
    return None


def _is_cancelled_by_us(command: OrderCommand, old: RemoteOrder | None) -> bool:
    return old is not None and old.is_cancelled and bool(command.state_data.get(_SENDS_OLD))


def _taken_back(command: OrderCommand, old: RemoteOrder | None) -> StepOutcome:
    """End the command: the new order is cancelled; the old one must stand, unless others cancelled it."""
    if _is_cancelled_by_us(command, old):
        return _needs_attention(command, code="both_cancelled")
    return _undone(command)


def _poll_cancel_new(context: StepContext) -> StepOutcome:
    status = _status(context)
    if status.state == VendorState.SUCCESS:
        old, _new = _refresh(context)
        return _taken_back(context.command, old)
    if status.state == VendorState.ERROR:
        return _refused_cancel_new(context, refused(status).error)
    return _not_yet(context, status.state)


def _refused_cancel_new(context: StepContext, words: str) -> StepOutcome:
    old, new = _read_both(context)
    if new is not None and (settled := _before_cancelling_new(context.command, old, new)) is not None:
        return settled
    if new is not None and _is_printed(new) and _sends(context.command) < MOST_SENDS:
        return StepOutcome(CommandState.PENDING, PAUSES[0], "answer_lost", words)  # now with a removal type
    return _needs_attention(context.command, words)


def _recover_cancel_new(context: StepContext) -> StepOutcome:
    old, new = _read_both(context)
    if new is not None and (settled := _before_cancelling_new(context.command, old, new)) is not None:
        return settled
    return _again_or_stuck(context)


_SEND: dict[Phase, Callable[[StepContext], StepOutcome]] = {
    Phase.READ: _prepare,
    Phase.CREATE: _create,
    Phase.CANCEL_OLD: _cancel_old,
    Phase.CANCEL_NEW: _cancel_new,
}
_POLL: dict[Phase, Callable[[StepContext], StepOutcome]] = {
    Phase.CREATE: _watch_new(CommandState.SENT),
    Phase.CANCEL_OLD: _poll_cancel_old,
    Phase.CANCEL_NEW: _poll_cancel_new,
}
_RECOVER: dict[Phase, Callable[[StepContext], StepOutcome]] = {
    Phase.CREATE: _watch_new(CommandState.UNKNOWN),
    Phase.CANCEL_OLD: _recover_cancel_old,
    Phase.CANCEL_NEW: _recover_cancel_new,
}
