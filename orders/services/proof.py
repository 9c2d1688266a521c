"""Whether an order shows what was wished: the proof that needs no answer of iiko's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from iiko_client.types.statuses import DeliveryStatus
from orders.command_models import CommandKind, OrderCommand
from orders.models import Order

Fields = Mapping[str, Any]

_AFTER_SENDING = {DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED}
_LATER: dict[DeliveryStatus, set[DeliveryStatus]] = {
    DeliveryStatus.WAIT_COOKING: set(DeliveryStatus) - {DeliveryStatus.UNCONFIRMED, DeliveryStatus.CANCELLED},
    DeliveryStatus.WAITING: {DeliveryStatus.ON_WAY, *_AFTER_SENDING},
    DeliveryStatus.ON_WAY: _AFTER_SENDING,
    DeliveryStatus.DELIVERED: {DeliveryStatus.CLOSED},
}
"""Where an order has come further than was wished, the wish is fulfilled as well."""


def fields_of(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in ("status", "courier_id", "payments")}


def shows(command: OrderCommand, fields: Fields) -> bool:
    """Whether the fields of an order, named as in the mirror, fulfil what was asked."""
    if command.kind == CommandKind.APPLY_DISCOUNT:
        return False  # two orders say what became of it, not one
    return is_so(command.kind, command.wish, fields) or _has_come_further(command, fields)


def is_so(kind: str, wish: Fields, fields: Fields) -> bool:
    """Whether an order is just as wished."""
    return _PROOFS[CommandKind(kind)](wish, fields)


def _has_come_further(command: OrderCommand, fields: Fields) -> bool:
    if command.kind != CommandKind.UPDATE_STATUS:
        return False
    later = _LATER.get(DeliveryStatus(command.wish["status"]), set())
    before = command.order_then.get("status")
    # From Delivered back to OnWay: an order that is Delivered still proves nothing.
    return before is not None and before not in later and fields.get("status") in later


def _status(wish: Fields, fields: Fields) -> bool:
    return bool(fields.get("status") == wish["status"])


def _courier(wish: Fields, fields: Fields) -> bool:
    return bool(fields.get("courier_id") == wish["courier_id"])


def _payments(wish: Fields, fields: Fields) -> bool:
    return _sums(wish["payments"], "payment_type_id") == _sums(fields.get("payments") or [], "type_id")


def _sums(payments: Any, type_key: str) -> Counter[tuple[Any, Any]]:
    return Counter((payment.get(type_key), payment.get("sum_minor")) for payment in payments)


def _cancelled(_wish: Fields, fields: Fields) -> bool:
    return fields.get("status") == DeliveryStatus.CANCELLED


_PROOFS: dict[CommandKind, Callable[[Fields, Fields], bool]] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payments,
    CommandKind.CANCEL: _cancelled,
}
