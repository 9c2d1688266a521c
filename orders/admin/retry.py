"""Retry a command that was refused or that expired."""

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

StoredParams = Mapping[str, Any]
RequestAgain = Callable[[int, StoredParams, Requester, datetime], OrderCommand]


def retry(command: OrderCommand, *, by: Requester, now: datetime) -> tuple[OrderCommand, bool]:
    """Store the same command again; a person who retries twice gets the first new command and False.

    Raises:
        HubError: it was refused, and nothing was stored.
    """
    request = _REQUESTS[CommandKind(command.kind)]
    return once(
        lambda: request(command.order_id, command.params, by, now),
        owner=by.owner,
        key=f"retry:{command.pk}",
        fingerprint=f"retry:{command.pk}",
        now=now,
    )


def _status(order_id: int, params: StoredParams, by: Requester, now: datetime) -> OrderCommand:
    at = params.get("delivered_at")
    return submission.request_status(
        order_id=order_id,
        status=DeliveryStatus(params["status"]),
        delivered_at=datetime.fromisoformat(at) if at else None,
        by=by,
        now=now,
    )


def _courier(order_id: int, params: StoredParams, by: Requester, now: datetime) -> OrderCommand:
    return submission.request_courier(order_id=order_id, courier_id=params["courier_id"], by=by, now=now)


def _payment(order_id: int, params: StoredParams, by: Requester, now: datetime) -> OrderCommand:
    asked = [
        AskedPayment(
            MinorUnits(one["sum_minor"]),
            PaymentKind(one["kind"]),
            one["payment_type_id"],
            is_processed_externally=one.get("is_processed_externally", False),
            is_fiscalized_externally=one.get("is_fiscalized_externally", False),
        )
        for one in params["payments"]
    ]
    return submission.request_payment(order_id=order_id, payments=asked, by=by, now=now)


def _cancel(order_id: int, params: StoredParams, by: Requester, now: datetime) -> OrderCommand:
    return submission.request_cancel(
        order_id=order_id,
        reason=params.get("reason") or "",
        cause_id=params.get("cause_id"),
        removal_type_id=params.get("removal_type_id"),
        by=by,
        now=now,
    )


def _discount(order_id: int, params: StoredParams, by: Requester, now: datetime) -> OrderCommand:
    sum_minor = params.get("sum_minor")
    asked = AskedDiscount(
        type_id=params["discount_id"],
        # A percentage was made a sum; of an order that costs something else by now it is another.
        sum_minor=None if sum_minor is None or params.get("percent") else MinorUnits(sum_minor),
        percent=Decimal(params["percent"]) if params.get("percent") else None,
        reissue=params["reissue"],
    )
    return submission.request_discount(order_id=order_id, asked=asked, by=by, now=now)


_REQUESTS: dict[CommandKind, RequestAgain] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payment,
    CommandKind.CANCEL: _cancel,
    CommandKind.APPLY_DISCOUNT: _discount,
}
