"""Send a command to iiko and follow it to its outcome, one step at a time.

A step is claimed and written down before the call, and no transaction is open meanwhile. A worker that
dies in between leaves a command that counts as *sent*: it is never sent again, and the order itself
shows the outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import structlog
from django.db import transaction

from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.http.errors import IikoError
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import VendorCommandState as VendorState
from iiko_client.models.order import read_order_info
from orders.actions.base import zone_of
from orders.actions.discount import replacement, saga
from orders.commands.fulfilment import fields_of, is_fulfilled, is_fulfilled_unsent, is_status_proof
from orders.commands.outcome import (
    FOLLOW_FOR,
    PAUSES,
    RECOVER_FOR,
    SEND_WITHIN,
    Clock,
    StepOutcome,
    later,
    of_failed_sending,
    refused,
    since,
)
from orders.commands.refusals import NOT_SHOWN
from orders.commands.send import client_of, facts_for_second_try, order_of, send
from orders.commands.transitions import HUB, enter, finish, is_same_claim, lock, record
from orders.mirror.unlisted import note_absent
from orders.models.command import CommandState, OrderCommand, Phase
from orders.models.order import TERMINAL, Order, Status, is_over
from orders.signals import command_due, order_read

logger = structlog.stdlib.get_logger(__name__)

LEASE = timedelta(seconds=90)
"""About as long as a call with its retries takes; then the worker that holds the command counts as dead."""


class Step(Enum):
    SEND = "send"
    POLL = "poll"
    RECOVER = "recover"


@dataclass(frozen=True, slots=True)
class Claim:
    command: OrderCommand
    step: Step


def advance(command_id: int, *, clock: Clock) -> datetime | None:
    """Take the next step of a command; returns when the one after it is due, None when there is none.

    Safe to call at any time and from many workers: a call that is too early, or the second of two, does
    nothing. The next step is announced (``command_due``) together with what this one found. ``clock`` must
    be the same for all workers and for whoever calls them.
    """
    claim = _claim(command_id, clock())
    if claim is None:
        return None
    outcome = _STEPS[claim.step](claim.command, clock)
    return _record(claim, outcome, clock())


# --- claiming ----------------------------------------------------------------------------------------


@transaction.atomic
def _claim(command_id: int, now: datetime) -> Claim | None:
    if (locked := lock(command_id)) is None:
        return None
    order, command = locked
    if command.is_final and not (command.phase and replacement.revise(order, command, now)):
        return None
    if command.next_attempt_at and command.next_attempt_at > now:
        return None
    if command.state == CommandState.PENDING:
        return (
            _claim_step(command, now) if command.phase in saga.MIDWAY else _claim_sending(command, order, now)
        )
    if not command.phase and now - since(command) > FOLLOW_FOR:
        finish(command, CommandState.EXPIRED, now=now, code="no_answer", error=command.error)
        return None
    if command.state == CommandState.SENT and not command.correlation_id:
        # Whoever sent it did not come back.
        _go_on(command, StepOutcome(CommandState.UNKNOWN, code="answer_lost"), now)
    command.poll_count += 1
    command.next_attempt_at = now + LEASE
    command.save(update_fields=["poll_count", "next_attempt_at"])
    return Claim(command, Step.POLL if command.state == CommandState.SENT else Step.RECOVER)


def _claim_step(command: OrderCommand, now: datetime) -> Claim | None:
    """Claim the sending of a step that follows on others: it must be done, however the order stands."""
    if now - (command.phase_at or now) > SEND_WITHIN:
        record_phase(command, saga.overdue(command), now)
        return None
    return _claimed(command, now)


def _claimed(command: OrderCommand, now: datetime) -> Claim:
    command.next_attempt_at = now + LEASE
    if command.phase == Phase.READ:
        # Nothing is sent in it: the worker after a dead one reads once more.
        command.poll_count += 1
    else:
        command.state, command.sent_at = CommandState.SENT, now
    command.save(update_fields=["state", "sent_at", "next_attempt_at", "poll_count"])
    return Claim(command, Step.SEND)


def _claim_sending(command: OrderCommand, order: Order, now: datetime) -> Claim | None:
    earlier = OrderCommand.objects.open().filter(order_id=command.order_id, pk__lt=command.pk).exists()
    # What an open one may still change proves nothing yet; nothing changes an order that is over.
    is_settled = not earlier or is_over(fields_of(order))
    if code := _why_overtaken(command):
        finish(command, CommandState.REJECTED, now=now, code=code, actor=HUB)
    elif is_settled and is_fulfilled_unsent(command, fields_of(order)):
        # Somebody else did it meanwhile.
        finish(command, CommandState.CONFIRMED, now=now, confirmed_by="event")
    elif code := _why_not_sent(order):
        finish(command, CommandState.REJECTED, now=now, code=code, actor=HUB)
    elif now - command.created_at > SEND_WITHIN:
        code = "waited_too_long" if earlier else "not_sent"
        finish(command, CommandState.EXPIRED, now=now, code=code, error=command.error)
    elif not earlier:  # else whoever ends that one calls this one
        return _claimed(command, now)
    return None


def _why_overtaken(command: OrderCommand) -> str:
    """Name the other command for this order that leaves nothing to do; empty: there is none."""
    if replacement.is_reissued(command.order_id):
        # Not what whoever requested a cancellation wanted: the meal is cooked under the new order.
        return "order_made_anew"
    return "cancel_asked" if command.phase and saga.is_cancel_requested(command) else ""


def _why_not_sent(order: Order) -> str:
    """Name what changed since the request and forbids sending; empty: nothing did."""
    if order.is_deleted:
        return "order_deleted"
    if order.status in TERMINAL:
        if order.status == Status.CANCELLED and (order.moved or {}).get("to_order_id"):
            return "order_made_anew"
        return "order_closed" if order.status == Status.CLOSED else "order_cancelled"
    if order.unknown_to_iiko_at is not None:
        return "unknown_to_iiko"
    return "" if order.organization.is_active else "restaurant_off"


# --- sending -----------------------------------------------------------------------------------------


def _send(command: OrderCommand, clock: Clock) -> StepOutcome:
    if command.next_attempt_at and clock() >= command.next_attempt_at:
        # This process slept over its claim. Others take the command for sent; it was not.
        return StepOutcome(CommandState.PENDING, PAUSES[0])
    if command.phase:
        return saga.send(command, clock)
    try:
        correlation_id = send(command)
    except (IikoError, HubError) as error:
        return of_failed_sending(command, error)
    return StepOutcome(CommandState.SENT, PAUSES[0], correlation_id=correlation_id)


# --- polling and recovering --------------------------------------------------------------------------


def _poll(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Ask for the command's status."""
    if command.phase:
        return saga.poll(command, clock)
    order = order_of(command)
    try:
        client = client_of(order.organization, command)
        status = client.command_status(
            organization_id=order.organization_id, correlation_id=command.correlation_id
        )
    except (IikoError, HubError) as error:
        return later(command, CommandState.SENT, error)
    match status.state:
        case VendorState.SUCCESS:
            fields = _refresh(client, order, command, clock())
            if not is_status_proof(command) and not (fields and is_fulfilled(command, fields)):
                return StepOutcome(CommandState.UNKNOWN, PAUSES[0], NOT_SHOWN)
            return StepOutcome(CommandState.CONFIRMED, confirmed_by="status")
        case VendorState.ERROR:
            outcome = refused(status)
            if (facts := facts_for_second_try(command, outcome.code, clock())) is not None:
                return StepOutcome(CommandState.PENDING, PAUSES[0], facts=facts)
            return outcome
        case VendorState.FORGOTTEN:
            return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "forgotten")
    return later(command, CommandState.SENT, None)


def _refresh(client: IikoClient, order: Order, command: OrderCommand, now: datetime) -> JsonObject | None:
    """Read the order: a webhook may report this change, or not (docs/iiko.md#changes-without-a-webhook)."""
    try:
        return _read_order(client, order, now)
    except (IikoError, HubError) as error:
        # It is done all the same; reconciliation will bring what it changed.
        logger.info("command.order_not_read", command_pk=command.pk, error_type=type(error).__name__)
    return None


def _recover(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Read the order itself: the answer to the command was lost."""
    if command.phase:
        return saga.recover(command, clock)
    order = order_of(command)
    try:
        fields = _read_order(client_of(order.organization, command), order, clock())
    except (IikoError, HubError) as error:
        return later(command, CommandState.UNKNOWN, error)
    if fields is not None and is_fulfilled(command, fields):
        return StepOutcome(CommandState.CONFIRMED, confirmed_by="order")
    if fields is not None and is_over(fields):
        return _without_a_trace(command, "over_without_it")
    if clock() - since(command) > RECOVER_FOR:
        return _without_a_trace(command, "not_done")
    return later(command, CommandState.UNKNOWN, None)


def _without_a_trace(command: OrderCommand, code: str) -> StepOutcome:
    """Let a command expire: the answer was lost (``code``), or iiko said *done* and nothing shows it."""
    if command.error_code == NOT_SHOWN:
        code = NOT_SHOWN
    return StepOutcome(CommandState.EXPIRED, None, code, command.error)


def _read_order(client: IikoClient, order: Order, now: datetime) -> JsonObject | None:
    """Read the order from iiko, give it to the mirror, and return its fields."""
    found = client.orders_by_id(
        organization_id=order.organization_id, order_ids=[order.iiko_order_id or ""]
    ).orders
    if not found:
        note_absent(order.organization_id, [order.iiko_order_id or ""], now=now)
        return None
    order_read.send(Order, organization=order.organization, infos=found)
    zone = zone_of(order)
    return dict(read_order_info(found[0], lambda _group: zone).fields)


_STEPS: dict[Step, Callable[[OrderCommand, Clock], StepOutcome]] = {
    Step.SEND: _send,
    Step.POLL: _poll,
    Step.RECOVER: _recover,
}


# --- recording ---------------------------------------------------------------------------------------


@transaction.atomic
def _record(claim: Claim, outcome: StepOutcome, now: datetime) -> datetime | None:
    locked = lock(claim.command.pk)
    if locked is None or locked[1].is_final:
        return None  # the mirror, or a person, was faster
    command = locked[1]
    if command.phase:
        if not is_same_claim(command, claim.command):
            return None  # somebody has taken a later step meanwhile
        record_phase(command, outcome, now)
        return command.next_attempt_at
    is_second = claim.step is not Step.SEND and command.poll_count != claim.command.poll_count
    if is_second and outcome.wait is not None:
        return None  # this step took longer than its lease, and somebody has taken a later one
    if outcome.wait is None:
        finish(
            command,
            outcome.state,
            now=now,
            code=outcome.code,
            error=outcome.error,
            confirmed_by=outcome.confirmed_by,
        )
        return None
    command.state_data |= dict(outcome.facts)
    _go_on(command, outcome, now)
    if claim.step is Step.SEND and outcome.state == CommandState.SENT:
        record(command, CommandState.PENDING, outcome.state, now=now, actor=HUB)
    command_due.send(OrderCommand, command_id=command.pk, at=command.next_attempt_at)
    return command.next_attempt_at


def record_phase(command: OrderCommand, outcome: StepOutcome, now: datetime) -> None:
    """Write down what a step of a discount came to: the next phase, the same one, or the end."""
    command.state_data |= dict(outcome.facts)
    if outcome.phase:
        enter(command, outcome.phase, now=now)
    elif outcome.wait is None:
        finish(
            command,
            outcome.state,
            now=now,
            code=outcome.code,
            error=outcome.error,
            confirmed_by=outcome.confirmed_by,
        )
    else:
        before = command.state
        _go_on(command, outcome, now)
        if before == outcome.state == CommandState.SENT and outcome.correlation_id:
            record(command, CommandState.PENDING, outcome.state, now=now, actor=HUB)
        command_due.send(OrderCommand, command_id=command.pk, at=command.next_attempt_at)


def _go_on(command: OrderCommand, outcome: StepOutcome, now: datetime) -> None:
    before = command.state
    command.state = outcome.state
    command.correlation_id = outcome.correlation_id or command.correlation_id
    command.error_code, command.error = outcome.code[:100], outcome.error
    command.next_attempt_at = now + (outcome.wait or timedelta())
    if outcome.state == CommandState.PENDING:
        # What is sent again must not be followed by the name of what was refused.
        command.sent_at, command.correlation_id = None, ""
        command.poll_count += 1
    elif outcome.correlation_id:
        command.poll_count = 0  # what was counted so far are tries to send
    command.save()
    if outcome.state == CommandState.UNKNOWN and before != outcome.state:
        record(command, before, outcome.state, now=now, actor=HUB)
