"""What people and programs ask of an order: checked, written down, handed to a worker.

Nothing is sent here. The order in the mirror stays as iiko told it until iiko confirms the command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from iiko_client.endpoints.deliveries import LONGEST_COMMENT
from iiko_client.models.order_lines import iso
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.discount import calculation
from orders.actions.discount.reissue_request import check_payments
from orders.actions.discount.replacement import discounts_about
from orders.actions.discount.saga import MIDWAY
from orders.actions.rules import Subject, check, check_courier_off, check_discount, check_status, subject_of
from orders.commands import resolve
from orders.commands.fulfilment import fields_of, is_so
from orders.commands.refusals import refusal
from orders.commands.transitions import finish, lock, record
from orders.errors import NotAllowed, UnknownOrder
from orders.models.command import OPEN_STATES, CommandKind, CommandState, OrderCommand, Phase
from orders.models.order import Order
from orders.signals import command_due
from organizations.connection.clients import credentials_of, login_of
from organizations.models.organization import Organization

logger = structlog.stdlib.get_logger(__name__)

_REMEMBERED = ("status", "raw_status", "courier_id", "courier_name", "amount_minor", "payments", "revision")

FIRST_PLAUSIBLE = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(hours=1)
"""So far ahead may the clock of a POS or a caller be."""

ResolveParams = Callable[[Subject], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: ``name`` for people, ``owner`` keeps the idempotency keys of callers apart."""

    name: str
    owner: str
    user: Any = field(default=None, compare=False)


# --- the actions -------------------------------------------------------------------------------------


def request_status(
    *, order_id: int, status: DeliveryStatus, delivered_at: datetime | None, by: Requester, now: datetime
) -> OrderCommand:
    """Ask for a status; ``delivered_at`` (when the guest had it) only with Delivered or Closed.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """
    if delivered_at is not None and status not in (DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED):
        raise refusal("delivered_at_unfit")
    if delivered_at is not None and not FIRST_PLAUSIBLE <= delivered_at <= now + CLOCKS_APART:
        raise refusal("delivered_at_implausible")
    if status is DeliveryStatus.CANCELLED:
        return request_cancel(order_id=order_id, reason="", by=by, now=now)

    def params(subject: Subject) -> dict[str, Any]:
        check_status(subject, status)
        return {"status": status.value, "delivered_at": iso(delivered_at)}

    return _request(order_id, CommandKind.UPDATE_STATUS, params, by, now)


def request_courier(*, order_id: int, courier_id: str | None, by: Requester, now: datetime) -> OrderCommand:
    """Ask for a courier of the order's restaurant, by iiko's id; None takes the present one off.

    That iiko takes one off so is a guess (``iiko_client``, ``change_driver``): what the order shows then
    decides whether it is done.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """

    def params(subject: Subject) -> dict[str, Any]:
        if courier_id is None:
            check_courier_off(subject)
            return {"courier_id": None, "courier_name": None}
        check(subject, CommandKind.ASSIGN_COURIER)
        courier = resolve.courier(subject.organization, courier_id)
        if subject.order.courier_id == courier.iiko_id:
            raise refusal("already_so.courier")
        return {"courier_id": courier.iiko_id, "courier_name": courier.name}

    return _request(order_id, CommandKind.ASSIGN_COURIER, params, by, now)


def request_payment(
    *, order_id: int, payments: Sequence[resolve.AskedPayment], by: Requester, now: datetime
) -> OrderCommand:
    """Ask for other payments in place of all the order has; together they must cover it.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """

    def params(subject: Subject) -> dict[str, Any]:
        check(subject, CommandKind.UPDATE_PAYMENT)
        wanted = {"payments": resolve.payments(subject.order, payments)}
        if is_so(CommandKind.UPDATE_PAYMENT, wanted, fields_of(subject.order)):
            raise refusal("already_so.payments")
        return wanted

    return _request(order_id, CommandKind.UPDATE_PAYMENT, params, by, now)


def request_cancel(
    *,
    order_id: int,
    reason: str,
    by: Requester,
    now: datetime,
    cause_id: str | None = None,
    removal_type_id: str | None = None,
) -> OrderCommand:
    """Ask for a cancellation; ``reason`` becomes the comment, and the cause where one has that name.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """
    if len(reason) > LONGEST_COMMENT:
        raise refusal("reason_too_long", most=LONGEST_COMMENT)

    def params(subject: Subject) -> dict[str, Any]:
        check(subject, CommandKind.CANCEL)
        return resolve.cancellation(subject, reason.strip(), cause_id, removal_type_id)

    return _request(order_id, CommandKind.CANCEL, params, by, now)


def request_discount(
    *, order_id: int, asked: calculation.AskedDiscount, by: Requester, now: datetime
) -> OrderCommand:
    """Ask for a discount; iiko gives none to an order it has, so ``asked.reissue`` must allow a new one.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """

    def params(subject: Subject) -> dict[str, Any]:
        order = subject.order
        check_discount(subject, reissue=asked.reissue)
        _check_no_other_discount(order)
        wanted = calculation.discount(order, asked)
        check_payments(order, wanted)
        return wanted

    return _request(order_id, CommandKind.APPLY_DISCOUNT, params, by, now, phase=Phase.READ)


def _check_no_other_discount(order: Order) -> None:
    """One discount at a time: two would make two orders of one."""
    about = discounts_about(order)
    if about.filter(state=CommandState.NEEDS_ATTENTION).exists():
        raise refusal("discount_unsettled")
    if about.filter(state__in=OPEN_STATES).exists():
        raise refusal("already_asked.discount")


def _request(
    order_id: int,
    kind: CommandKind,
    resolve_params: ResolveParams,
    by: Requester,
    now: datetime,
    *,
    phase: str = "",
) -> OrderCommand:
    with transaction.atomic():
        order = _locked(order_id)
        _check_link(order.organization)
        params = _params(order, kind, resolve_params)
        command = OrderCommand.objects.create(
            order=order,
            kind=kind,
            params=params,
            order_snapshot={name: getattr(order, name) for name in _REMEMBERED},
            requested_by=by.name[:200],
            user=by.user,
            created_at=now,
            phase=phase,
        )
        logger.info("command.asked", command_pk=command.pk, order_pk=order.pk, kind=str(kind))
        record(command, None, CommandState.PENDING, now=now, actor=command.requested_by)
        command_due.send(OrderCommand, command_id=command.pk, at=None)
    return command


def _params(order: Order, kind: CommandKind, resolve_params: ResolveParams) -> dict[str, Any]:
    under_way = OrderCommand.objects.open().filter(order=order, kind=kind)
    try:
        params = resolve_params(subject_of(order))
    except NotAllowed as error:
        if error.code == "already_so" and under_way.exists():
            raise refusal("change_under_way") from error
        raise
    if under_way.filter(params=params).exists():
        raise refusal("already_asked")
    return params


def _locked(order_id: int) -> Order:
    order = (
        Order.objects.select_for_update(of=("self",))
        .select_related("organization")
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise UnknownOrder(_("There is no such order."))
    return order


def _check_link(organization: Organization) -> None:
    """Refuse at once what could never be sent."""
    credentials_of(login_of(organization))


def abandon(*, command_id: int, by: Requester, now: datetime) -> OrderCommand:
    """Stop following a command; what was sent may still be carried out by iiko.

    Raises:
        UnknownOrder: there is no such command.
        NotAllowed: it is over.
    """
    with transaction.atomic():
        locked = lock(command_id)
        if locked is None:
            raise UnknownOrder(_("There is no such command."))
        _order, command = locked
        if command.is_final and command.state != CommandState.NEEDS_ATTENTION:
            raise refusal("command_over")
        code = _abandoned_code(command)
        finish(command, CommandState.EXPIRED, now=now, code=code, actor=by.name)
    return command


def _abandoned_code(command: OrderCommand) -> str:
    if command.state == CommandState.NEEDS_ATTENTION:
        return "seen_to"
    was_sent = command.state != CommandState.PENDING
    if command.phase in MIDWAY or (command.phase and was_sent):
        return "given_up_midway"
    return "given_up" if was_sent else "given_up_unsent"
