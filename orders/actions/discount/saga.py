"""A discount on its way: the draft changed and sent, or the order made anew and the old one cancelled.

Each phase is sent, asked about and looked for like any command (``services.carrying``); its verdict ends
the command or leads to the next phase. See docs/adr/0007 for what may go wrong between two phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import HubError
from iiko_client import json_reader, json_writer
from iiko_client.client import IikoClient
from iiko_client.endpoints.registry import DRAFTS_DISABLED
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
from iiko_client.models.commands import CommandState as VendorState
from iiko_client.models.order import read_order_info
from iiko_client.models.statuses import DeliveryStatus, normalise_creation_status
from orders.actions.discount import reissue_request
from orders.actions.rules import subject_of, version_of
from orders.commands import resolve
from orders.commands.outcome import (
    FOLLOW_FOR,
    LOOK_FOR,
    PAUSES,
    Clock,
    Verdict,
    later,
    of_failed_sending,
    refused,
    since,
)
from orders.commands.send import client_of, order_of, zone_of
from orders.commands.transitions import lock
from orders.mirror.unlisted import note_absent
from orders.models.command import CommandKind, CommandState, DraftUse, OrderCommand, Phase
from orders.models.order import CreationStatus, Order
from orders.signals import order_read

SEND_AGAIN_AFTER = timedelta(seconds=30)
"""A cancellation whose answer was lost, and of which the order shows nothing, is sent again: an order is
cancelled once, however often it is asked. With a draft it is the same."""

MOST_SENDS = 3
DRAFTS_OFF_FOR = timedelta(days=1)
"""So long a restaurant without drafts is not asked for one again."""

MIDWAY = frozenset({Phase.CANCEL_OLD, Phase.CANCEL_NEW, Phase.COMMIT_DRAFT, Phase.RESTORE_DRAFT})
"""Phases in which something was done already that must come to an end."""

_MAY_BE_TWO = MIDWAY | {Phase.CREATE}
"""Steps after which two orders may live: a person is told when iiko cannot be asked for long."""

Facts = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a step has at hand."""

    command: OrderCommand
    order: Order
    client: IikoClient
    clock: Clock

    @property
    def ids(self) -> dict[str, str]:
        return {"organization_id": self.order.organization_id, "order_id": self.order.iiko_order_id or ""}


@dataclass(frozen=True, slots=True)
class Seen:
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


def _desk(command: OrderCommand, clock: Clock) -> Desk:
    order = order_of(command)
    return Desk(command, order, client_of(order.organization, command), clock)


def send(command: OrderCommand, clock: Clock) -> Verdict:
    """Take the step that changes something at iiko; what must be read before is read now."""
    try:
        return _SEND[Phase(command.phase)](_desk(command, clock))
    except _Overtaken:
        return Verdict(CommandState.PENDING, PAUSES[0])
    except _NotRead as unread:
        return later(command, CommandState.PENDING, unread.error)
    except (IikoError, HubError) as error:
        failed = of_failed_sending(command, error)
        return _refused_in_phase(command, failed) if failed.wait is None else failed


def ask(command: OrderCommand, clock: Clock) -> Verdict:
    """Ask what became of a step that iiko took."""
    return _watched(_ASK, command, CommandState.SENT, clock)


def look(command: OrderCommand, clock: Clock) -> Verdict:
    """Look at the orders themselves: the answer to a step was lost."""
    return _watched(_LOOK, command, CommandState.UNKNOWN, clock)


def _watched(
    steps: Mapping[Phase, Callable[[Desk], Verdict]], command: OrderCommand, state: CommandState, clock: Clock
) -> Verdict:
    try:
        return steps[Phase(command.phase)](_desk(command, clock))
    except (IikoError, HubError) as error:
        if command.phase in _MAY_BE_TWO and _is_late(command, clock):
            return _attention(command, str(error))
        if clock() - since(command) > FOLLOW_FOR:
            return Verdict(CommandState.EXPIRED, None, "reissue_not_done", str(error))
        return later(command, state, error)


def overdue(command: OrderCommand) -> Verdict:
    """Judge a step that could not be sent in time although something was done before it."""
    if command.phase == Phase.CANCEL_OLD and not _sends(command):
        return _undo("undone_unsent", command.error)
    return _attention(command, command.error)


def _refused_in_phase(command: OrderCommand, failed: Verdict) -> Verdict:
    """iiko refused a step: nothing of it was done."""
    match command.phase:
        case Phase.CREATE:
            return _rejected("reissue_refused", failed.error)
        case Phase.CANCEL_OLD:
            return _old_refused(command, failed.error, sends=_sends(command))
        case Phase.COMMIT_DRAFT:
            return _on(Phase.RESTORE_DRAFT, why="draft_refused", why_error=failed.error)
        case Phase.CANCEL_NEW | Phase.RESTORE_DRAFT:
            return _attention(command, failed.error)
    return failed


# --- verdicts ----------------------------------------------------------------------------------------


def _on(phase: Phase, **facts: Any) -> Verdict:
    return Verdict(CommandState.PENDING, PAUSES[0], phase=phase, facts=facts)


def _undo(why: str, error: str = "", facts: Facts | None = None) -> Verdict:
    """The old order cannot be cancelled for the new one: take the new one back."""
    return _on(Phase.CANCEL_NEW, why=why, why_error=error, **(facts or {}))


def _old_refused(command: OrderCommand, error: str, *, sends: int) -> Verdict:
    """iiko refused to cancel the old order.

    ``sends``: earlier tries of which nobody knows. A till that was away may still carry one out, and with
    the new order taken back nothing would be left.
    """
    if sends:
        return _attention(command, error)
    return _undo("undone_refused", error, facts={_SENDS_OLD: 0})


def _rejected(code: str, error: str = "", **facts: Any) -> Verdict:
    return Verdict(CommandState.REJECTED, None, code, error, facts=facts)


def _undone(command: OrderCommand) -> Verdict:
    saga = command.saga
    return _rejected(saga.get("why", "undone_refused"), saga.get("why_error", ""), is_new_gone=True)


def _done(command: OrderCommand, new: Seen | None, proof: str = "order") -> Verdict:
    """The old order is cancelled for the new one, which must stand."""
    if new is not None and new.is_cancelled:
        return _attention(command, code="both_cancelled")
    return Verdict(CommandState.CONFIRMED, proof=proof)


_SENDS_OLD = f"sends_{Phase.CANCEL_OLD}"
_STUCK = {
    Phase.CREATE: "new_not_proved",
    Phase.CANCEL_OLD: "old_not_proved",
    Phase.CANCEL_NEW: "two_orders",
    Phase.COMMIT_DRAFT: "draft_unproved",
    Phase.RESTORE_DRAFT: "draft_left",
}


def _attention(command: OrderCommand, error: str = "", *, code: str = "") -> Verdict:
    words = ". ".join(filter(None, (command.saga.get("why_error", ""), error)))
    return Verdict(CommandState.ATTENTION, None, code or _STUCK[Phase(command.phase)], words)


def _wait(command: OrderCommand) -> Verdict:
    return later(command, CommandState.UNKNOWN, None)


def _is_late(command: OrderCommand, clock: Clock) -> bool:
    return clock() - since(command) > LOOK_FOR


# --- looking at the orders ---------------------------------------------------------------------------


class _NotRead(Exception):
    """What must be known before a step could not be read: nothing was sent, and it is tried again."""

    def __init__(self, error: IikoError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _only_reading() -> Iterator[None]:
    """Tell a read that brought no answer from a step whose answer was lost."""
    try:
        yield
    except (IikoNoAnswer, IikoBusy, IikoUnreadable) as error:
        raise _NotRead(error) from error


def _see(desk: Desk, *order_ids: str) -> dict[str, Seen]:
    """Read orders from iiko, give them to the mirror, and return those that it has, by id."""
    found = desk.client.orders_by_id(organization_id=desk.order.organization_id, order_ids=order_ids).orders
    if found:
        order_read.send(Order, organization=desk.order.organization, infos=found)
    zone = zone_of(desk.order)
    readings = [(info, read_order_info(info, lambda _group: zone)) for info in found]
    seen = {read.iiko_order_id or "": Seen(info, dict(read.fields)) for info, read in readings}
    note_absent(desk.order.organization_id, set(order_ids) - seen.keys(), now=desk.clock())
    return seen


def _see_both(desk: Desk) -> tuple[Seen | None, Seen | None]:
    old_id, new_id = desk.ids["order_id"], desk.command.new_order_id
    seen = _see(desk, old_id, new_id)
    return seen.get(old_id), seen.get(new_id)


def _sends(command: OrderCommand) -> int:
    return int(command.saga.get(f"sends_{command.phase}", 0))


@transaction.atomic
def _note_sending(command: OrderCommand, by: int) -> bool:
    """Write down how often a step was sent; False: the command is somebody else's by now."""
    locked = lock(command.pk)
    if locked is None or not is_same_claim(locked[1], command):
        return False
    current = locked[1]
    current.saga[f"sends_{current.phase}"] = _sends(current) + by
    current.save(update_fields=["saga"])
    command.saga = current.saga
    return True


def _sent_once(desk: Desk, call: Callable[[], T]) -> T:
    """Make a call that may be made again, written down before; what surely was not taken does not count."""
    if not _note_sending(desk.command, 1):
        raise _Overtaken
    try:
        return call()
    except (IikoNotSent, IikoBusy, IikoRejected, IikoAuthFailed):
        _note_sending(desk.command, -1)
        raise


class _Overtaken(Exception):
    """Somebody else has taken a later step of this command; what this one found does not count."""


def is_same_claim(current: OrderCommand, claimed: OrderCommand) -> bool:
    """Whether nobody took another step since ``claimed`` was: each claim ends at another moment."""
    return (
        not current.is_final
        and current.phase == claimed.phase
        and current.state == claimed.state
        and current.held_until == claimed.held_until
    )


# --- reading -----------------------------------------------------------------------------------------


def _read(desk: Desk) -> Verdict:
    """Find the draft of the order; without one, write the new order. Nothing is changed at iiko yet."""
    draft = _draft(desk)
    if draft is not None:
        return draft
    if not desk.command.wish["reissue"]:
        return _rejected("no_draft")
    return _new_order(desk)


def _new_order(desk: Desk) -> Verdict:
    with _only_reading():
        seen = _see(desk, desk.ids["order_id"]).get(desk.ids["order_id"])
    if seen is None or not seen.is_taken:
        return _rejected("order_not_shown")
    if seen.fields.get("is_deleted"):
        return _rejected("order_deleted")
    new_id = str(uuid4())
    anew = reissue_request.anew(
        seen.info,
        desk.command.wish,
        organization_id=desk.order.organization_id,
        order_id=new_id,
        till=version_of(subject_of(desk.order).till_version),
        zone=zone_of(desk.order),
        now=desk.clock(),
    )
    if not _till_answers(desk, anew.terminal_group_id):
        return _rejected("till_offline")
    return _on(
        Phase.CREATE,
        new_order_id=new_id,
        body=json_writer.dumps(anew.order),
        terminal_group_id=anew.terminal_group_id,
        expected_minor=anew.expected_minor,
        tolerance_minor=anew.tolerance_minor,
    )


def _till_answers(desk: Desk, terminal_group_id: str) -> bool:
    """Ask whether the till is there: one that comes back late takes orders that nobody waits for."""
    with _only_reading():
        told = desk.client.terminal_groups_alive(
            organization_ids=[desk.order.organization_id], terminal_group_ids=[terminal_group_id]
        )
    return all(one.is_alive for one in told)


# --- the new order -----------------------------------------------------------------------------------


def _create(desk: Desk) -> Verdict:
    saga = desk.command.saga
    created = desk.client.create_delivery(
        organization_id=desk.order.organization_id,
        terminal_group_id=saga["terminal_group_id"],
        order=json_reader.loads(saga["body"]),
    )
    info = created.order_info
    if _error_code(info) == "DuplicatedOrderId":
        # Under an id that nobody else has: this is the order itself, of a first try.
        return Verdict(CommandState.UNKNOWN, PAUSES[0], "answer_lost")
    verdict = _judge_new(desk, info, CommandState.SENT)
    if verdict.state == CommandState.SENT:
        return Verdict(CommandState.SENT, PAUSES[0], correlation_id=created.correlation_id)
    return verdict


def _error_code(info: JsonObject) -> str:
    error = info.get("errorInfo")
    return str(error.get("code") or "") if isinstance(error, Mapping) else ""


def _error_words(info: JsonObject) -> str:
    error = info.get("errorInfo")
    said = [error.get("code"), error.get("message")] if isinstance(error, Mapping) else []
    return ": ".join(str(one) for one in said if one)


def _watch_new(state: CommandState) -> Callable[[Desk], Verdict]:
    def watch(desk: Desk) -> Verdict:
        new_id = desk.command.new_order_id
        seen = _see(desk, new_id).get(new_id)
        if seen is not None:
            return _judge_new(desk, seen.info, state)
        if _is_late(desk.command, desk.clock):
            return Verdict(CommandState.EXPIRED, None, "reissue_not_done", desk.command.error)
        return later(desk.command, state, None)

    return watch


def _judge_new(desk: Desk, info: JsonObject, state: CommandState) -> Verdict:
    command = desk.command
    creation = info.get("creationStatus")
    if creation == CreationStatus.ERROR:
        return _rejected("reissue_refused", _error_words(info))
    if creation == CreationStatus.SUCCESS and isinstance(info.get("order"), Mapping):
        saga = command.saga
        problem = reissue_request.differs(info, command.wish, saga["expected_minor"], saga["tolerance_minor"])
        return _undo("undone_differs", problem) if problem else _on(Phase.CANCEL_OLD)
    if _is_late(command, desk.clock):
        return Verdict(CommandState.EXPIRED, None, "reissue_unproved", command.error)
    return later(command, state, None)


# --- cancelling the old order ------------------------------------------------------------------------


def _cancel_old(desk: Desk) -> Verdict:
    with _only_reading():
        old, new = _see_both(desk)
    if old is None or new is None:
        return _not_shown(desk)
    if (settled := _before_cancelling_old(desk.command, old, new)) is not None:
        return settled
    if not new.is_taken:
        return _not_shown(desk)
    number = new.fields.get("readable_number") or desk.command.new_order_id[:8]
    words = resolve.words_of_cancellation(
        subject_of(desk.order), _("Discount: re-issued as order %(number)s") % {"number": number}
    )
    cancel = partial(desk.client.cancel, **desk.ids, **words, moved_order_id=desk.command.new_order_id)
    accepted = _sent_once(desk, cancel)
    return Verdict(CommandState.SENT, PAUSES[0], correlation_id=accepted.correlation_id)


def _not_shown(desk: Desk) -> Verdict:
    verdict = later(desk.command, CommandState.PENDING, None)
    return Verdict(verdict.state, verdict.wait, "order_not_shown")


def _before_cancelling_old(command: OrderCommand, old: Seen, new: Seen) -> Verdict | None:
    """What is settled already, or must not be done any more; None: the old order may be cancelled."""
    if old.is_cancelled and _sends(command):
        return _done(command, new)
    if new.is_cancelled:
        return _rejected("reissue_cancelled", is_new_gone=True)
    if new.is_closed:
        return _attention(command, code="two_orders")
    if old.is_cancelled:
        return _undo("undone_cancelled")
    if old.is_closed:
        return _undo("undone_closed")
    if is_cancel_asked(command):
        return _undo("undone_cancel_asked")
    return None if reissue_request.is_before_kitchen(old.fields) else _undo("undone_cooking")


def is_cancel_asked(command: OrderCommand) -> bool:
    """Whether somebody wants no meal any more: a cancellation of the old order waits behind."""
    behind = OrderCommand.objects.open().filter(order_id=command.order_id, kind=CommandKind.CANCEL)
    return behind.filter(pk__gt=command.pk).exists()


def _ask_cancel_old(desk: Desk) -> Verdict:
    status = _status(desk)
    if status.state == VendorState.SUCCESS:
        _old, new = _refresh(desk)
        return _done(desk.command, new, "status")
    if status.state == VendorState.ERROR:
        old, new = _see_both(desk)
        if old is not None and old.is_cancelled:
            return _cancelled_by_whom(desk.command, old, new)
        return _old_refused(desk.command, refused(status).error, sends=_sends(desk.command) - 1)
    return _not_yet(desk, status.state)


def _cancelled_by_whom(command: OrderCommand, old: Seen, new: Seen | None) -> Verdict:
    """iiko refused to cancel an order that is cancelled: an earlier try of ours did it, or somebody else."""
    moved = (old.fields.get("moved") or {}).get("to_order_id")
    if _sends(command) > 1 or moved == command.new_order_id:
        return _done(command, new)
    return _undo("undone_cancelled", facts={_SENDS_OLD: 0})


def _not_yet(desk: Desk, state: VendorState) -> Verdict:
    if state == VendorState.FORGOTTEN:
        return Verdict(CommandState.UNKNOWN, PAUSES[0], "forgotten")
    if _is_late(desk.command, desk.clock):
        return _attention(desk.command)
    return later(desk.command, CommandState.SENT, None)


def _status(desk: Desk) -> Any:
    return desk.client.command_status(
        organization_id=desk.order.organization_id, correlation_id=desk.command.correlation_id
    )


def _refresh(desk: Desk) -> tuple[Seen | None, Seen | None]:
    """Read both orders for the mirror; it is done all the same where that fails."""
    try:
        return _see_both(desk)
    except (IikoError, HubError):
        return None, None  # reconciliation brings what changed


def _look_cancel_old(desk: Desk) -> Verdict:
    old, new = _see_both(desk)
    if old is not None and old.is_cancelled:
        return _done(desk.command, new) if _sends(desk.command) else _undo("undone_cancelled")
    return _again_or_stuck(desk)


def _again_or_stuck(desk: Desk) -> Verdict:
    command = desk.command
    if desk.clock() - since(command) <= SEND_AGAIN_AFTER:
        return later(command, CommandState.UNKNOWN, None)
    if _sends(command) < MOST_SENDS:
        return Verdict(CommandState.PENDING, timedelta(), "answer_lost", command.error)
    return _attention(command, command.error)


# --- taking the new order back -----------------------------------------------------------------------


def _cancel_new(desk: Desk) -> Verdict:
    command = desk.command
    with _only_reading():
        old, new = _see_both(desk)
    if new is None:
        return _not_shown(desk)
    if (settled := _before_cancelling_new(command, old, new)) is not None:
        return settled
    if not new.is_taken:
        return _not_shown(desk)  # the mirror knows better, or iiko does: that shows in a moment
    words = resolve.words_of_cancellation(
        subject_of(desk.order),
        _("The discount could not be given; the first order stays"),
        is_printed=_is_printed(new),
    )
    ids = desk.ids | {"order_id": command.new_order_id}
    accepted = _sent_once(desk, partial(desk.client.cancel, **ids, **words))
    return Verdict(CommandState.SENT, PAUSES[0], correlation_id=accepted.correlation_id)


def _is_printed(seen: Seen) -> bool:
    items = seen.fields.get("items") or []
    return bool(seen.fields.get("when_printed") or any(item.get("when_printed") for item in items))


def _before_cancelling_new(command: OrderCommand, old: Seen | None, new: Seen) -> Verdict | None:
    """What is settled already; None: the new order may be taken back."""
    was_ours = _is_cancelled_by_us(command, old)
    if new.is_cancelled:
        return _taken_back(command, old)
    if was_ours and not _sends(command):
        return Verdict(CommandState.CONFIRMED, proof="order")  # a cancellation given up for lost was done
    if new.is_closed:
        return _attention(command)
    return None


def _is_cancelled_by_us(command: OrderCommand, old: Seen | None) -> bool:
    return old is not None and old.is_cancelled and bool(command.saga.get(_SENDS_OLD))


def _taken_back(command: OrderCommand, old: Seen | None) -> Verdict:
    """The new order is cancelled; the old one must stand, unless others cancelled it."""
    if _is_cancelled_by_us(command, old):
        return _attention(command, code="both_cancelled")
    return _undone(command)


def _ask_cancel_new(desk: Desk) -> Verdict:
    status = _status(desk)
    if status.state == VendorState.SUCCESS:
        old, _new = _refresh(desk)
        return _taken_back(desk.command, old)
    if status.state == VendorState.ERROR:
        return _refused_cancel_new(desk, refused(status).error)
    return _not_yet(desk, status.state)


def _refused_cancel_new(desk: Desk, words: str) -> Verdict:
    old, new = _see_both(desk)
    if new is not None and (settled := _before_cancelling_new(desk.command, old, new)) is not None:
        return settled
    if new is not None and _is_printed(new) and _sends(desk.command) < MOST_SENDS:
        return Verdict(CommandState.PENDING, PAUSES[0], "answer_lost", words)  # now with a removal type
    return _attention(desk.command, words)


def _look_cancel_new(desk: Desk) -> Verdict:
    old, new = _see_both(desk)
    if new is not None and (settled := _before_cancelling_new(desk.command, old, new)) is not None:
        return settled
    return _again_or_stuck(desk)


# --- drafts ------------------------------------------------------------------------------------------


def drafts_are_on(organization_id: str) -> bool:
    """Whether iiko has told that a restaurant uses drafts."""
    return DraftUse.objects.filter(organization_id=organization_id, is_on=True).exists()


def _draft(desk: Desk) -> Verdict | None:
    """Find a draft of the order and write it with the discount; None: there is none."""
    organization_id = desk.order.organization_id
    fresh = desk.clock() - DRAFTS_OFF_FOR
    if DraftUse.objects.filter(organization_id=organization_id, is_on=False, learned_at__gt=fresh).exists():
        return None
    try:
        with _only_reading():
            draft = desk.client.draft(**desk.ids)
    except IikoRejected as error:
        if error.http_status != 400:
            raise
        _learn(organization_id, is_on=error.code != DRAFTS_DISABLED, now=desk.clock())
        return None
    _learn(organization_id, is_on=True, now=desk.clock())
    if draft.locked_by is not None:
        return _rejected("draft_locked")
    employee = draft.order.get("operatorId")
    if not isinstance(employee, str):
        return _rejected("draft_needs_employee")
    return _on(
        Phase.SAVE_DRAFT,
        draft_before=json_writer.dumps(draft.order),
        draft=json_writer.dumps(_with_discount(draft.order, desk.command.wish)),
        employee_id=employee,
        terminal_group_id=draft.terminal_group_id,
    )


def _learn(organization_id: str, *, is_on: bool, now: datetime) -> None:
    DraftUse.objects.update_or_create(
        organization_id=organization_id, defaults={"is_on": is_on, "learned_at": now}
    )


def _with_discount(order: JsonObject, wish: Facts) -> dict[str, Any]:
    info = dict(order.get("discountsInfo") or {})
    others = [
        one
        for one in info.get("discounts") or []
        if str(one.get("discountTypeId") or "").lower() != wish["discount_id"]
    ]
    return dict(order) | {
        "discountsInfo": info | {"discounts": [*others, reissue_request.asked_discount(wish)]}
    }


def _save(desk: Desk, text: str) -> None:
    saga = desk.command.saga
    desk.client.save_draft(
        organization_id=desk.order.organization_id,
        employee_id=saga["employee_id"],
        terminal_group_id=saga["terminal_group_id"],
        order=json_reader.loads(text),
    )


def _save_draft(desk: Desk) -> Verdict:
    _save(desk, desk.command.saga["draft"])
    return _on(Phase.COMMIT_DRAFT)


def _draft_now(desk: Desk) -> Any:
    """Return the draft of the order, None where there is none any more."""
    try:
        return desk.client.draft(**desk.ids).order
    except IikoRejected as error:
        if error.http_status != 400:
            raise
        return None


def _look_save_draft(desk: Desk) -> Verdict:
    """Find out by the draft itself; one that is as it was is written again."""
    saga = desk.command.saga
    now = _draft_now(desk)
    if now == json_reader.loads(saga["draft"]):
        return _on(Phase.COMMIT_DRAFT)
    if now == json_reader.loads(saga["draft_before"]):
        return Verdict(CommandState.PENDING, PAUSES[0], "answer_lost", desk.command.error)
    return _rejected("draft_changed")


def _commit_draft(desk: Desk) -> Verdict:
    ids, group = desk.ids, desk.command.saga["terminal_group_id"]
    committed = _sent_once(
        desk,
        lambda: desk.client.commit_draft(
            organization_id=ids["organization_id"], order_id=ids["order_id"], terminal_group_id=group
        ),
    )
    verdict = _judge_committed(desk, committed.order_info, CommandState.SENT)
    if verdict.state == CommandState.SENT:
        return Verdict(CommandState.SENT, PAUSES[0], correlation_id=committed.correlation_id)
    return verdict


def _judge_committed(desk: Desk, info: JsonObject, state: CommandState) -> Verdict:
    command = desk.command
    if str(normalise_creation_status(str(info.get("creationStatus")))) == CreationStatus.ERROR:
        return _rejected("reissue_refused", _error_words(info))
    if isinstance(info.get("order"), Mapping) and not reissue_request.differs(info, command.wish, None, 0):
        return Verdict(CommandState.CONFIRMED, proof="order")
    if _is_late(command, desk.clock):
        return _attention(command)
    return later(command, state, None)


def _watch_committed(state: CommandState) -> Callable[[Desk], Verdict]:
    def watch(desk: Desk) -> Verdict:
        order_id = desk.ids["order_id"]
        seen = _see(desk, order_id).get(order_id)
        if seen is not None:
            verdict = _judge_committed(desk, seen.info, state)
            if verdict.wait is None or state == CommandState.SENT:
                return verdict
        if state == CommandState.UNKNOWN and desk.clock() - since(desk.command) > SEND_AGAIN_AFTER:
            return _commit_again(desk)
        return later(desk.command, state, None)

    return watch


def _commit_again(desk: Desk) -> Verdict:
    """A draft that is still there was not sent: send it again; one that is gone was."""
    if _draft_now(desk) is None:
        return _attention(desk.command) if _is_late(desk.command, desk.clock) else _wait(desk.command)
    if _sends(desk.command) < MOST_SENDS:
        return Verdict(CommandState.PENDING, timedelta(), "answer_lost", desk.command.error)
    return _on(Phase.RESTORE_DRAFT, why="draft_refused", why_error=desk.command.error)


def _restore_draft(desk: Desk) -> Verdict:
    _save(desk, desk.command.saga["draft_before"])
    return _undone(desk.command)


def _look_restore_draft(desk: Desk) -> Verdict:
    now = _draft_now(desk)
    if now == json_reader.loads(desk.command.saga["draft_before"]):
        return _undone(desk.command)
    if now == json_reader.loads(desk.command.saga["draft"]):
        return Verdict(CommandState.PENDING, PAUSES[0], "answer_lost", desk.command.error)
    return _undone(desk.command)  # somebody else's version stays


_SEND: dict[Phase, Callable[[Desk], Verdict]] = {
    Phase.READ: _read,
    Phase.SAVE_DRAFT: _save_draft,
    Phase.COMMIT_DRAFT: _commit_draft,
    Phase.RESTORE_DRAFT: _restore_draft,
    Phase.CREATE: _create,
    Phase.CANCEL_OLD: _cancel_old,
    Phase.CANCEL_NEW: _cancel_new,
}
_ASK: dict[Phase, Callable[[Desk], Verdict]] = {
    Phase.CREATE: _watch_new(CommandState.SENT),
    Phase.CANCEL_OLD: _ask_cancel_old,
    Phase.CANCEL_NEW: _ask_cancel_new,
    Phase.COMMIT_DRAFT: _watch_committed(CommandState.SENT),
}
_LOOK: dict[Phase, Callable[[Desk], Verdict]] = {
    Phase.CREATE: _watch_new(CommandState.UNKNOWN),
    Phase.CANCEL_OLD: _look_cancel_old,
    Phase.CANCEL_NEW: _look_cancel_new,
    Phase.SAVE_DRAFT: _look_save_draft,
    Phase.COMMIT_DRAFT: _watch_committed(CommandState.UNKNOWN),
    Phase.RESTORE_DRAFT: _look_restore_draft,
}
