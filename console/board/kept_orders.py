"""Orders as this process last read them: what did not change since then is not read again.

A board of a thousand orders asks for the versions of their rows and reads those that are new to it. What was
made of an order (``cards``) is kept with it and goes with it.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from core.database.row_versions import VERSION, version_of, with_versions
from orders.models.order import Order, OrderQuerySet

if TYPE_CHECKING:
    from console.board.cards import Card

KEPT_ORDERS = 4_000
"""Of one process; those that nobody asked for longest go first."""

CARD_FIELDS = (
    *("organization_id", "readable_number", "external_order_id", "iiko_order_id", "soi_external_id"),
    *("status", "raw_status", "creation_status", "error_info", "is_deleted", "is_open", "problem", "comment"),
    *("order_type", "order_type_name", "amount_minor", "processed_payments_minor", "payments"),
    *("field_precedence", "customer", "phone", "address", "delivery_zone", "courier_id", "courier_name"),
    *("external_courier_service_id", "external_courier_service_name", "unknown_to_iiko_at"),
    *("refusal_acknowledged_at", "promised_time", "when_created", "when_printed", "when_sent"),
    *("when_cooking_completed", "when_delivered", "when_closed", "when_cancelled"),
    *("created_at", "updated_at", "seen"),
)

Version = tuple[str, datetime | None]
"""Of the order's row, and when it was seen."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptOrder:
    """An order that many threads share: nobody changes it."""

    order: Order
    version: Version
    cards: dict[Hashable, "Card"] = field(default_factory=dict)
    """Made of this order, by all else that they were made of."""


class KeptOrders:
    """Keeps what was read last. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, KeptOrder] = OrderedDict()

    def read(self, orders: OrderQuerySet) -> list[KeptOrder]:
        """Return the orders as they are now, in their order; with one query more where some changed."""
        rows = with_versions(orders).values_list("pk", VERSION, "seen__seen_at")
        versions = {pk: (version, seen_at) for pk, version, seen_at in rows}
        with self._lock:
            found = {pk: kept for pk in versions if (kept := self._kept.get(pk))}
        old = [pk for pk, version in versions.items() if pk not in found or found[pk].version != version]
        if old:
            found |= self._read(old)
        with self._lock:
            for pk in versions:
                # One that was deleted between the two questions is not there.
                if pk in found:
                    self._kept[pk] = found[pk]
                    self._kept.move_to_end(pk)
            while len(self._kept) > KEPT_ORDERS:
                self._kept.popitem(last=False)
        return [found[pk] for pk in versions if pk in found]

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _read(self, ids: list[int]) -> dict[int, KeptOrder]:
        orders = Order.objects.filter(pk__in=ids).select_related("seen").only(*CARD_FIELDS).order_by()
        return {
            order.pk: KeptOrder(order, (version_of(order), _seen_at(order)))
            for order in with_versions(orders)
        }


def _seen_at(order: Order) -> datetime | None:
    return order.seen.seen_at if hasattr(order, "seen") else None


kept_orders = KeptOrders()
