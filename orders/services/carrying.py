"""Carrying a wish to iiko and following it until iiko says yes or no, one step at a time.

A step is claimed and written down before iiko is asked, and no transaction is open meanwhile. Whoever
dies in between leaves a command that was *sent* as far as anybody knows: it is never sent again, the
order itself is asked what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import Enum

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from iiko_client import clocks
from iiko_client.breaker import Priority
from iiko_client.client import IikoClient
from iiko_client.errors import (
    IikoAuthFailed,
    IikoBusy,
    IikoError,
    IikoNotSent,
    IikoRejected,
)
from iiko_client.reading import JsonObject
from iiko_client.types.commands import CommandState as VendorState
from iiko_client.types.orders import read_order_info
from iiko_client.types.payments import Payment, PaymentKind
from iiko_client.types.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.command_models import CommandKind, CommandState, OrderCommand
from orders.models import Order
from orders.services.commands import finish, tell
from orders.services.proof import shows
from orders.services.refusals import known_code
from orders.signals import order_read
from organizations.errors import HubError
from organizations.models import Organization, TerminalGroup
from organizations.services.link import iiko_for

logger = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], datetime]

LEASE = timedelta(seconds=90)
"""Longer than any call with its retries; then the one who held the command is taken for dead."""

SEND_WITHIN = timedelta(minutes=15)
"""A wish that could not be sent for so long is given up: nobody expects it any more."""

LOOK_FOR = timedelta(minutes=10)
"""An order that shows nothing of a command so long after a lost answer was not changed by it."""

FOLLOW_FOR = timedelta(hours=24)
"""A till may be offline and carry a command out later; after so long it is given up."""

# iiko wants 2–5 s between two questions (help centre, in reference 1.3, read 2026-11).
_PAUSES = (timedelta(seconds=2), timedelta(seconds=3), timedelta(seconds=5))
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

    Safe to call at any time and from many workers: who comes too early or second does nothing.
    """
    claim = _claim(command_id, clock())
    if claim is None:
        return None
    verdict = _STEPS[claim.step](claim.command, clock)
    return _record(claim, verdict, clock())


# --- claiming ----------------------------------------------------------------------------------------


def _lock(command_id: int) -> OrderCommand | None:
    """Lock the order and then the command, in the order in which the mirror does."""
    order_id = OrderCommand.objects.filter(pk=command_id).values_list("order_id", flat=True).first()
    if order_id is None:
        return None
    Order.objects.select_for_update(no_key=True).filter(pk=order_id).first()
    return OrderCommand.objects.select_for_update().filter(pk=command_id).first()


@transaction.atomic
def _claim(command_id: int, now: datetime) -> Claim | None:
    command = _lock(command_id)
    if command is None or command.is_final or (command.held_until and command.held_until > now):
        return None
    if command.state == CommandState.PENDING:
        return _claim_sending(command, now)
    if command.state == CommandState.SENT and not command.correlation_id:
        _go_on(command, Verdict(CommandState.UNKNOWN, code="answer_lost", error=_lost()), now)
    command.looks += 1
    command.held_until = now + LEASE
    command.save(update_fields=["looks", "held_until"])
    is_followed = command.state == CommandState.SENT
    return Claim(command, Step.ASK if is_followed else Step.LOOK)


def _claim_sending(command: OrderCommand, now: datetime) -> Claim | None:
    earlier = OrderCommand.objects.open().filter(order_id=command.order_id, pk__lt=command.pk)
    if earlier.exists():
        return None  # whoever ends that one calls this one
    if now - command.created_at > SEND_WITHIN:
        finish(command, CommandState.EXPIRED, now=now, code="not_sent", error=_not_sent(command.error))
        return None
    command.state, command.sent_at, command.held_until = CommandState.SENT, now, now + LEASE
    command.save(update_fields=["state", "sent_at", "held_until"])
    return Claim(command, Step.SEND)


def _lost() -> str:
    return _("iiko's answer was lost; the hub is looking at the order to see whether it was done.")


def _not_sent(last_error: str) -> str:
    said = _("It could not be sent to iiko in time and was not done.")
    return f"{said} {last_error}".strip()


# --- sending -----------------------------------------------------------------------------------------


def _send(command: OrderCommand, clock: Clock) -> Verdict:
    try:
        correlation_id = _call(command)
    except IikoNotSent as error:
        return Verdict(CommandState.PENDING, _pause(command.looks), "iiko_unreachable", str(error))
    except IikoBusy as error:
        wait = timedelta(seconds=max(error.retry_after_s, 1))
        return Verdict(CommandState.PENDING, wait, "iiko_busy", str(error))
    except (IikoAuthFailed, IikoRejected) as error:
        return Verdict(CommandState.REJECTED, None, error.code or "refused", error.description or str(error))
    except HubError as error:
        return Verdict(CommandState.REJECTED, None, error.code, error.detail)
    except IikoError as error:
        logger.warning("command.answer_lost", command_pk=command.pk, error_type=type(error).__name__)
        return Verdict(CommandState.UNKNOWN, _PAUSES[0], "answer_lost", _lost())
    return Verdict(CommandState.SENT, _PAUSES[0], correlation_id=correlation_id)


def _call(command: OrderCommand) -> str:
    """Make the one call of a command; returns its correlation id."""
    order = Order.objects.select_related("organization").get(pk=command.order_id)
    call = _CALLS[CommandKind(command.kind)]
    return call(_client(order.organization, command), order, command.wish)


def _client(organization: Organization, command: OrderCommand) -> IikoClient:
    return iiko_for(organization, priority=Priority.OPERATOR, requested_by=command.requested_by)


def _ids(order: Order) -> dict[str, str]:
    return {"organization_id": order.organization_id, "order_id": order.iiko_order_id or ""}


def zone_of(order: Order) -> tzinfo:
    """The clock on which iiko reads the times of an order."""
    group = TerminalGroup.objects.filter(
        organization_id=order.organization_id, iiko_id=order.terminal_group_id or ""
    ).first()
    return clocks.zone(group.timezone) if group and group.timezone else order.organization.zone()


def _call_status(client: IikoClient, order: Order, wish: JsonObject) -> str:
    status = DeliveryStatus(wish["status"])
    if status is DeliveryStatus.UNCONFIRMED:
        return client.cancel_confirmation(**_ids(order)).correlation_id
    if status is DeliveryStatus.WAIT_COOKING:
        return client.confirm(**_ids(order)).correlation_id
    text = wish.get("delivered_at")
    moment = datetime.fromisoformat(text) if text else None
    zone = zone_of(order)
    if status is DeliveryStatus.CLOSED:
        return client.close(**_ids(order), zone=zone, delivered_at=moment).correlation_id
    return client.update_delivery_status(
        **_ids(order), status=status, zone=zone, delivered_at=moment
    ).correlation_id


def _call_courier(client: IikoClient, order: Order, wish: JsonObject) -> str:
    return client.assign_courier(**_ids(order), courier_id=wish["courier_id"]).correlation_id


def _call_payment(client: IikoClient, order: Order, wish: JsonObject) -> str:
    payments = [
        Payment(PaymentKind(one["kind"]), one["payment_type_id"], MinorUnits(one["sum_minor"]))
        for one in wish["payments"]
    ]
    return client.change_payments(**_ids(order), payments=payments).correlation_id


def _call_cancel(client: IikoClient, order: Order, wish: JsonObject) -> str:
    comment = wish["comment"] or None
    return client.cancel(
        **_ids(order),
        cause_id=wish["cause_id"],
        comment=comment,
        removal_type_id=wish["removal_type_id"],
        removal_comment=comment if wish["removal_type_id"] else None,
    ).correlation_id


_CALLS: dict[CommandKind, Callable[[IikoClient, Order, JsonObject], str]] = {
    CommandKind.UPDATE_STATUS: _call_status,
    CommandKind.ASSIGN_COURIER: _call_courier,
    CommandKind.UPDATE_PAYMENT: _call_payment,
    CommandKind.CANCEL: _call_cancel,
}


# --- following ---------------------------------------------------------------------------------------


def _ask(command: OrderCommand, clock: Clock) -> Verdict:
    """Ask for the command's status."""
    order = Order.objects.select_related("organization").get(pk=command.order_id)
    try:
        client = _client(order.organization, command)
        status = client.command_status(
            organization_id=order.organization_id, correlation_id=command.correlation_id
        )
    except (IikoError, HubError) as error:
        return _later(command, CommandState.SENT, clock(), error)
    if status.state is VendorState.SUCCESS:
        _read_order(client, order)  # the webhook may tell more, or not come at all
        return Verdict(CommandState.CONFIRMED, proof="status")
    if status.state is VendorState.ERROR:
        text = status.message or ""
        return Verdict(CommandState.REJECTED, None, known_code(text) or "refused", text)
    if status.state is VendorState.FORGOTTEN:
        return Verdict(CommandState.UNKNOWN, _PAUSES[0], "forgotten", _lost())
    return _later(command, CommandState.SENT, clock(), None)


def _look(command: OrderCommand, clock: Clock) -> Verdict:
    """Look at the order itself: the answer to the command was lost."""
    order = Order.objects.select_related("organization").get(pk=command.order_id)
    try:
        fields = _read_order(_client(order.organization, command), order)
    except (IikoError, HubError) as error:
        return _later(command, CommandState.UNKNOWN, clock(), error)
    if fields is not None and shows(command.kind, command.wish, fields):
        return Verdict(CommandState.CONFIRMED, proof="order")
    since = command.sent_at or command.created_at
    if clock() - since > LOOK_FOR:
        return Verdict(CommandState.EXPIRED, None, "not_done", _not_done())
    return _later(command, CommandState.UNKNOWN, clock(), None)


def _not_done() -> str:
    return _("iiko has not carried it out. Look at the order and ask again if it is still wanted.")


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


def _later(
    command: OrderCommand, state: CommandState, now: datetime, error: IikoError | HubError | None
) -> Verdict:
    since = command.sent_at or command.created_at
    if now - since > FOLLOW_FOR:
        return Verdict(CommandState.EXPIRED, None, "no_answer", _not_done())
    wait = _pause(command.looks)
    if isinstance(error, IikoBusy):
        wait = max(wait, timedelta(seconds=error.retry_after_s))
    text = command.error if error is None else str(error)
    return Verdict(state, wait, command.error_code, text, correlation_id=command.correlation_id)


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
    command = _lock(claim.command.pk)
    if command is None or command.is_final:
        return None  # the mirror, or a person, was faster
    if verdict.wait is None:
        finish(command, verdict.state, now=now, code=verdict.code, error=verdict.error, proof=verdict.proof)
        return None
    _go_on(command, verdict, now)
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
    command.save()
    # A command on its way from pending to sent is told once it has arrived.
    if verdict.state == CommandState.UNKNOWN and before != verdict.state:
        tell(command, before, verdict.state, now=now)
    elif verdict.state == CommandState.SENT and not command.looks:
        tell(command, CommandState.PENDING, verdict.state, now=now)
