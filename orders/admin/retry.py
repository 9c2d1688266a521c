"""Asking for the same once more, after a refusal or an end that nobody was happy with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from iiko_client.models.payments import PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.actions.discount.calculation import AskedDiscount
from orders.commands import submission
from orders.commands.idempotency import once
from orders.commands.resolve import AskedPayment
from orders.commands.submission import Requester
from orders.models.command import CommandKind, OrderCommand

Wish = Mapping[str, Any]
Again = Callable[[int, Wish, Requester, datetime], OrderCommand]


def ask_again(command: OrderCommand, *, by: Requester, now: datetime) -> tuple[OrderCommand, bool]:
    """Store the wish of a command anew; the same person asking twice gets the same command and False.

    Raises:
        HubError: it was refused, and nothing was stored.
    """
    again = _AGAIN[CommandKind(command.kind)]
    return once(
        lambda: again(command.order_id, command.wish, by, now),
        owner=by.owner,
        key=f"retry:{command.pk}",
        fingerprint=f"retry:{command.pk}",
        now=now,
    )


def _status(order_id: int, wish: Wish, by: Requester, now: datetime) -> OrderCommand:
    at = wish.get("delivered_at")
    return submission.request_status(
        order_id=order_id,
        status=DeliveryStatus(wish["status"]),
        delivered_at=datetime.fromisoformat(at) if at else None,
        by=by,
        now=now,
    )


def _courier(order_id: int, wish: Wish, by: Requester, now: datetime) -> OrderCommand:
    return submission.request_courier(order_id=order_id, courier_id=wish["courier_id"], by=by, now=now)


def _payment(order_id: int, wish: Wish, by: Requester, now: datetime) -> OrderCommand:
    asked = [
        AskedPayment(
            MinorUnits(one["sum_minor"]),
            PaymentKind(one["kind"]),
            one["payment_type_id"],
            is_processed_externally=one.get("is_processed_externally", False),
            is_fiscalized_externally=one.get("is_fiscalized_externally", False),
        )
        for one in wish["payments"]
    ]
    return submission.request_payment(order_id=order_id, payments=asked, by=by, now=now)


def _cancel(order_id: int, wish: Wish, by: Requester, now: datetime) -> OrderCommand:
    return submission.request_cancel(
        order_id=order_id,
        reason=wish.get("reason") or "",
        cause_id=wish.get("cause_id"),
        removal_type_id=wish.get("removal_type_id"),
        by=by,
        now=now,
    )


def _discount(order_id: int, wish: Wish, by: Requester, now: datetime) -> OrderCommand:
    sum_minor = wish.get("sum_minor")
    asked = AskedDiscount(
        type_id=wish["discount_id"],
        # A percentage was made a sum; of an order that costs something else by now it is another.
        sum_minor=None if sum_minor is None or wish.get("percent") else MinorUnits(sum_minor),
        percent=Decimal(wish["percent"]) if wish.get("percent") else None,
        reissue=wish["reissue"],
    )
    return submission.request_discount(order_id=order_id, asked=asked, by=by, now=now)


_AGAIN: dict[CommandKind, Again] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payment,
    CommandKind.CANCEL: _cancel,
    CommandKind.APPLY_DISCOUNT: _discount,
}
