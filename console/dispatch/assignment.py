"""Give orders to one courier, or take them off: each is a request of its own, with an outcome of its own."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db.models import Max, Q

from audit.entries import record_refusal
from core.errors import HubError
from orders.actions.courier import AssignCourier, CourierParams
from orders.admin.command_display import refusal_text
from orders.commands.idempotency import once
from orders.commands.submission import Requester, request
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order


def assign(
    orders: Sequence[Order], *, courier_id: str | None, by: Requester, now: datetime
) -> dict[int, str]:
    """Ask iiko to give each order to the courier; return the reasons of those refused, by number.

    ``None`` takes them off their couriers, which only newer POS can do: the reason says so.
    The same request twice asks once, until a command of that order has ended or another courier was asked:
    then it is a new request.
    """
    reasons: dict[int, str] = {}
    last = _last_before(orders, courier_id)
    for order in orders:
        try:
            _assign(order, courier_id=courier_id, by=by, after=last.get(order.pk), now=now)
        except HubError as error:
            record_refusal(order, error.code)
            reasons[order.pk] = refusal_text(error)
    return reasons


def _last_before(orders: Sequence[Order], courier_id: str | None) -> dict[int, int]:
    """Return by order the last command that makes the same request a new one."""
    is_other = Q(kind=CommandKind.ASSIGN_COURIER) & ~Q(params__courier_id=courier_id)
    commands = OrderCommand.objects.filter(Q(finished_at__isnull=False) | is_other, order__in=orders)
    return dict(commands.order_by().values_list("order_id").annotate(last=Max("pk")))


def _assign(order: Order, *, courier_id: str | None, by: Requester, after: int | None, now: datetime) -> None:
    digest = sha256((courier_id or "").encode()).hexdigest()
    once(
        lambda: request(AssignCourier(), CourierParams(courier_id), order_id=order.pk, by=by, now=now),
        owner=by.owner,
        key=f"courier:{order.pk}:{digest}:{after}",
        fingerprint=digest,
        now=now,
    )
