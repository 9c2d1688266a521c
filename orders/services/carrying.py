"""Carrying a wish to iiko and following it until iiko says yes or no, one step at a time.

A step is claimed and written down before iiko is asked, and no transaction is open meanwhile. Whoever
dies in between leaves a command that was *sent* as far as anybody knows: it is never sent again, the
order itself is asked what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import structlog
from django.db import transaction

from iiko_client.client import IikoClient
from iiko_client.errors import IikoAuthFailed, IikoBusy, IikoError, IikoNotSent, IikoRejected
from iiko_client.reading import JsonObject
from iiko_client.types.commands import CommandState as VendorState
from iiko_client.types.commands import CommandStatus
from iiko_client.types.orders import read_order_info
from orders.command_models import CommandState, OrderCommand
from orders.models import TERMINAL, Order, Status
from orders.services.endings import HUB, finish, lock, tell
from orders.services.proof import fields_of, shows
from orders.services.refusals import code_of
from orders.services.sending import client_of, order_of, send, zone_of
from orders.signals import command_due, order_read
from organizations.errors import HubError

logger = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], datetime]

LEASE = timedelta(seconds=90)
"""About as long as a call with its retries takes; then the one who held the command is taken for dead."""

SEND_WITHIN = timedelta(minutes=15)
"""A wish that could not be sent for so long is given up: nobody expects it any more."""

LOOK_FOR = timedelta(minutes=10)
"""How long an order is looked at after a lost answer. One that then shows nothing was not changed."""

FOLLOW_FOR = timedelta(hours=24)
"""A till may be offline and carry a command out later; after so long it is given up."""

# iiko wants 2–5 s between two questions (help centre, in reference 1.3, read 2026-11).
_PAUSES = (timedelta(seconds=2), timedelta(seconds=3), timedelta(seconds=5))
_LONGEST_BUSY_S = 60.0
_LONG_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=5)


class Step(Enum):
    SEND = "send"
    ASK = "ask"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Claim:
    command: OrderCommand
    step: Step


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a step found: an end, or the state to go on in and how long to wait."""

    state: CommandState
    wait: timedelta | None = None
    code: str = ""
    error: str = ""
    proof: str = ""
    correlation_id: str = ""


def advance(command_id: int, *, clock: Clock) -> datetime | None:
    """Take the next step of a command; returns when the one after it is due, None when there is none.

    Safe to call at any time and from many workers: who comes too early or second does nothing. The next
    step is announced (``command_due``) together with what this one found. ``clock`` must be the same for
    all workers and for whoever calls them.
    """
    claim = _claim(command_id, clock())
    if claim is None:
        return None
    verdict = _STEPS[claim.step](claim.command, clock)
    return _record(claim, verdict, clock())


# --- claiming ----------------------------------------------------------------------------------------


@transaction.atomic
def _claim(command_id: int, now: datetime) -> Claim | None:
    if (locked := lock(command_id)) is None:
        return None
    order, command = locked
    if command.is_final or (command.held_until and command.held_until > now):
        return None
    if command.state == CommandState.PENDING:
        return _claim_sending(command, order, now)
    if now - _since(command) > FOLLOW_FOR:
        finish(command, CommandState.EXPIRED, now=now, code="no_answer", error=command.error)
        return None
    if command.state == CommandState.SENT and not command.correlation_id:
        # Whoever sent it did not come back.
        _go_on(command, Verdict(CommandState.UNKNOWN, code="answer_lost"), now)
    command.looks += 1
    command.held_until = now + LEASE
    command.save(update_fields=["looks", "held_until"])
    return Claim(command, Step.ASK if command.state == CommandState.SENT else Step.LOOK)


def _claim_sending(command: OrderCommand, order: Order, now: datetime) -> Claim | None:
    if shows(command, fields_of(order)):
        finish(command, CommandState.CONFIRMED, now=now, proof="event")  # somebody else did it meanwhile
        return None
    if order.status in TERMINAL:
        code = "order_closed" if order.status == Status.CLOSED else "order_cancelled"
        finish(command, CommandState.REJECTED, now=now, code=code, actor=HUB)
        return None
    earlier = OrderCommand.objects.open().filter(order_id=command.order_id, pk__lt=command.pk).exists()
    if now - command.created_at > SEND_WITHIN:
        code = "waited_too_long" if earlier else "not_sent"
        finish(command, CommandState.EXPIRED, now=now, code=code, error=command.error)
        return None
    if earlier:
        return None  # whoever ends that one calls this one
    command.state, command.sent_at, command.held_until = CommandState.SENT, now, now + LEASE
    command.save(update_fields=["state", "sent_at", "held_until"])
    return Claim(command, Step.SEND)


# --- sending -----------------------------------------------------------------------------------------


def _send(command: OrderCommand, clock: Clock) -> Verdict:
    if command.held_until and clock() >= command.held_until:
        # This process slept over its claim. Others take the command for sent; it was not.
        return Verdict(CommandState.PENDING, _PAUSES[0])
    try:
        correlation_id = send(command)
    except IikoNotSent as error:
        return Verdict(CommandState.PENDING, _pause(command.looks), "iiko_unreachable", str(error))
    except IikoBusy as error:
        return Verdict(CommandState.PENDING, _busy(error), "iiko_busy", str(error))
    except (IikoAuthFailed, IikoRejected) as error:
        return Verdict(CommandState.REJECTED, None, code_of(error.code, error.description), str(error))
    except HubError as error:
        return Verdict(CommandState.REJECTED, None, error.code, error.detail)
    except IikoError as error:
        logger.warning("command.answer_lost", command_pk=command.pk, error_type=type(error).__name__)
        return Verdict(CommandState.UNKNOWN, _PAUSES[0], "answer_lost", str(error))
    return Verdict(CommandState.SENT, _PAUSES[0], correlation_id=correlation_id)


# --- following ---------------------------------------------------------------------------------------


def _ask(command: OrderCommand, _clock: Clock) -> Verdict:
    """Ask for the command's status."""
    order = order_of(command)
    try:
        client = client_of(order.organization, command)
        status = client.command_status(
            organization_id=order.organization_id, correlation_id=command.correlation_id
        )
    except (IikoError, HubError) as error:
        return _later(command, CommandState.SENT, error)
    match status.state:
        case VendorState.SUCCESS:
            _refresh(client, order, command)
            return Verdict(CommandState.CONFIRMED, proof="status")
        case VendorState.ERROR:
            return _refused(status)
        case VendorState.FORGOTTEN:
            return Verdict(CommandState.UNKNOWN, _PAUSES[0], "forgotten")
    return _later(command, CommandState.SENT, None)


def _refused(status: CommandStatus) -> Verdict:
    said = [text for text in (status.message, status.reason) if text]
    # The words name the reason, or are the same.
    words = said[:1] if len(said) == 2 and said[1] in said[0] else said
    return Verdict(
        CommandState.REJECTED, None, code_of(status.reason, status.message or ""), ". ".join(words)
    )


def _refresh(client: IikoClient, order: Order, command: OrderCommand) -> None:
    """Read the order: a webhook may tell of this change, or not (reference, section 4, read 2026-11)."""
    try:
        _read_order(client, order)
    except (IikoError, HubError) as error:
        # It is done all the same; reconciliation will bring what it changed.
        logger.info("command.order_not_read", command_pk=command.pk, error_type=type(error).__name__)


def _look(command: OrderCommand, clock: Clock) -> Verdict:
    """Look at the order itself: the answer to the command was lost."""
    order = order_of(command)
    try:
        fields = _read_order(client_of(order.organization, command), order)
    except (IikoError, HubError) as error:
        return _later(command, CommandState.UNKNOWN, error)
    if fields is not None and shows(command, fields):
        return Verdict(CommandState.CONFIRMED, proof="order")
    if clock() - _since(command) > LOOK_FOR:
        return Verdict(CommandState.EXPIRED, None, "not_done", command.error)
    return _later(command, CommandState.UNKNOWN, None)


def _read_order(client: IikoClient, order: Order) -> JsonObject | None:
    """Read the order from iiko, give it to the mirror, and return its fields."""
    found = client.orders_by_id(
        organization_id=order.organization_id, order_ids=[order.iiko_order_id or ""]
    ).orders
    if not found:
        return None
    order_read.send(Order, organization=order.organization, infos=found)
    zone = zone_of(order)
    return dict(read_order_info(found[0], lambda _group: zone).fields)


def _later(command: OrderCommand, state: CommandState, error: IikoError | HubError | None) -> Verdict:
    wait = _pause(command.looks)
    if isinstance(error, IikoBusy):
        wait = max(wait, _busy(error))
    elif isinstance(error, IikoRejected | IikoAuthFailed | HubError):
        wait = max(wait, _LONG_PAUSE)  # refused calls repeated get the key blocked
    if state == CommandState.UNKNOWN:
        return Verdict(state, wait, command.error_code, command.error)
    return Verdict(state, wait) if error is None else Verdict(state, wait, _not_told(error), str(error))


def _not_told(error: IikoError | HubError) -> str:
    if isinstance(error, IikoBusy):
        return "iiko_busy"
    return error.code or "iiko_unreachable"


def _since(command: OrderCommand) -> datetime:
    return command.sent_at or command.created_at


def _busy(error: IikoBusy) -> timedelta:
    # Asked earlier, the client itself says no; a wish that grows too old meanwhile is given up in time.
    return timedelta(seconds=min(max(error.retry_after_s, 1), _LONGEST_BUSY_S))


def _pause(looks: int) -> timedelta:
    """2, 3 and then 5 seconds; after two minutes half a minute, after half an hour five minutes."""
    if looks < 24:
        return _PAUSES[min(looks, len(_PAUSES) - 1)]
    return _LONG_PAUSE if looks < 80 else _LONGEST_PAUSE


_STEPS: dict[Step, Callable[[OrderCommand, Clock], Verdict]] = {
    Step.SEND: _send,
    Step.ASK: _ask,
    Step.LOOK: _look,
}


# --- recording ---------------------------------------------------------------------------------------


@transaction.atomic
def _record(claim: Claim, verdict: Verdict, now: datetime) -> datetime | None:
    locked = lock(claim.command.pk)
    if locked is None or locked[1].is_final:
        return None  # the mirror, or a person, was faster
    command = locked[1]
    is_second = claim.step is not Step.SEND and command.looks != claim.command.looks
    if is_second and verdict.wait is not None:
        return None  # this step took longer than its lease, and somebody has taken a later one
    if verdict.wait is None:
        finish(command, verdict.state, now=now, code=verdict.code, error=verdict.error, proof=verdict.proof)
        return None
    _go_on(command, verdict, now)
    if claim.step is Step.SEND and verdict.state == CommandState.SENT:
        tell(command, CommandState.PENDING, verdict.state, now=now, actor=HUB)
    command_due.send(OrderCommand, command_id=command.pk, at=command.held_until)
    return command.held_until


def _go_on(command: OrderCommand, verdict: Verdict, now: datetime) -> None:
    before = command.state
    command.state = verdict.state
    command.correlation_id = verdict.correlation_id or command.correlation_id
    command.error_code, command.error = verdict.code[:100], verdict.error
    command.held_until = now + (verdict.wait or timedelta())
    if verdict.state == CommandState.PENDING:
        command.sent_at = None
        command.looks += 1
    elif verdict.correlation_id:
        command.looks = 0  # what was counted so far are tries to send
    command.save()
    if verdict.state == CommandState.UNKNOWN and before != verdict.state:
        tell(command, before, verdict.state, now=now, actor=HUB)
