"""Whether an order shows what was requested: proof without an answer of iiko's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from iiko_client.models.statuses import DeliveryStatus
from orders.models.command import CommandKind, CommandState, OrderCommand, OrderCommandQuerySet
from orders.models.order import Order, is_over

Fields = Mapping[str, Any]

_AFTER_SENDING = {DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED}
_LATER: dict[DeliveryStatus, set[DeliveryStatus]] = {
    DeliveryStatus.WAIT_COOKING: set(DeliveryStatus) - {DeliveryStatus.UNCONFIRMED, DeliveryStatus.CANCELLED},
    DeliveryStatus.WAITING: {DeliveryStatus.ON_WAY, *_AFTER_SENDING},
    DeliveryStatus.ON_WAY: _AFTER_SENDING,
    DeliveryStatus.DELIVERED: {DeliveryStatus.CLOSED},
}
"""Where an order has come further than requested, the command is fulfilled as well."""

_SAME_TIME = timedelta(minutes=1)
"""A guess: no source says to what a POS rounds the time of delivery it was given."""


FIELDS = ("status", "is_deleted", "courier_id", "payments", "when_delivered")


def fields_of(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in FIELDS}


def is_fulfilled(command: OrderCommand, fields: Fields) -> bool:
    """Whether the fields of an order, named as in the mirror, fulfil a command."""
    if command.kind == CommandKind.APPLY_DISCOUNT:
        return False  # two orders say what became of it, not one
    return is_so(command.kind, command.params, fields) or _has_come_further(command, fields)


def is_status_proof(command: OrderCommand) -> bool:
    """Whether iiko's word that a command is done is enough.

    Not where it is a guess that iiko does what was requested: a courier taken off by a null.
    """
    return command.kind != CommandKind.ASSIGN_COURIER or command.params["courier_id"] is not None


def is_fulfilled_unsent(command: OrderCommand, fields: Fields) -> bool:
    """Whether the mirror fulfils a command for which nothing was sent.

    Another change sent since the command was made may not be in the mirror yet: what it shows is then not
    what the order will be.
    """
    if not is_fulfilled(command, fields):
        return False
    is_exact = is_so(command.kind, command.params, fields)
    if not is_exact or is_over(fields):
        return True
    return not _earlier(command).filter(finished_at__gt=command.created_at).exists()


def is_confirmed_by(command: OrderCommand, fields: Fields) -> bool:
    """Whether a change that iiko reports of an order confirms a command under way.

    Where the same was sent before, it may be a late report of that: iiko's status decides then.
    """
    if not is_fulfilled(command, fields):
        return False
    if command.state != CommandState.SENT or is_over(fields):
        return True
    return not _earlier(command).filter(params=command.params).exists()


def _earlier(command: OrderCommand) -> OrderCommandQuerySet:
    """Return earlier commands of the same kind for the same order that iiko may have carried out."""
    others = OrderCommand.objects.filter(
        order_id=command.order_id, kind=command.kind, pk__lt=command.pk, sent_at__isnull=False
    )
    return others.exclude(state=CommandState.REJECTED)


def is_so(kind: str, params: Fields, fields: Fields) -> bool:
    """Whether an order is exactly as requested."""
    return _FULFILMENT[CommandKind(kind)](params, fields)


def _has_come_further(command: OrderCommand, fields: Fields) -> bool:
    """Whether the order is past what was requested, and not because of an earlier command."""
    if command.kind != CommandKind.UPDATE_STATUS or not _is_at_its_time(command.params, fields):
        return False
    later = _LATER.get(DeliveryStatus(command.params["status"]), set())
    before = command.order_snapshot.get("status")
    # From Delivered back to OnWay: an order that is Delivered still proves nothing.
    if before is None or before in later or fields.get("status") not in later:
        return False
    return not _earlier(command).filter(params__status__in=later).exists()


def _status(params: Fields, fields: Fields) -> bool:
    return bool(fields.get("status") == params["status"]) and _is_at_its_time(params, fields)


def _is_at_its_time(params: Fields, fields: Fields) -> bool:
    """Whether the order was delivered when the command says, if it says when."""
    if not params.get("delivered_at"):
        return True
    shown = fields.get("when_delivered")
    return shown is not None and abs(shown - datetime.fromisoformat(params["delivered_at"])) < _SAME_TIME


def _courier(params: Fields, fields: Fields) -> bool:
    # An order that was read without a word of its courier does not show that it has none.
    return "courier_id" in fields and bool(fields["courier_id"] == params["courier_id"])


def _payments(params: Fields, fields: Fields) -> bool:
    wanted, shown = params["payments"], fields.get("payments") or []
    # A POS may report nothing of receipts: then they prove nothing, either way.
    are_receipts_reported = all(one.get("is_fiscalized_externally") is not None for one in shown)
    flags = ("is_processed_externally", *(["is_fiscalized_externally"] if are_receipts_reported else []))
    return _sums(wanted, "payment_type_id", flags) == _sums(shown, "type_id", flags)


def _sums(payments: Any, type_key: str, flags: Sequence[str]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (one.get(type_key), one.get("sum_minor"), *(bool(one.get(flag)) for flag in flags))
        for one in payments
    )


def _cancelled(_params: Fields, fields: Fields) -> bool:
    return fields.get("status") == DeliveryStatus.CANCELLED


_FULFILMENT: dict[CommandKind, Callable[[Fields, Fields], bool]] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payments,
    CommandKind.CANCEL: _cancelled,
}
