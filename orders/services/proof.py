"""Whether an order shows what was wished: the proof that needs no answer of iiko's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from iiko_client.types.statuses import DeliveryStatus
from orders.command_models import CommandKind

Fields = Mapping[str, Any]

# Where an order has come further than was wished, the wish is fulfilled as well.
_LATER = {
    DeliveryStatus.ON_WAY: {DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED},
    DeliveryStatus.DELIVERED: {DeliveryStatus.CLOSED},
}


def shows(kind: str, wish: Fields, fields: Fields) -> bool:
    """Whether the fields of an order, named as in the mirror, fulfil a wish."""
    return _PROOFS[CommandKind(kind)](wish, fields)


def _status(wish: Fields, fields: Fields) -> bool:
    wanted, status = DeliveryStatus(wish["status"]), fields.get("status")
    return status == wanted or status in _LATER.get(wanted, ())


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
