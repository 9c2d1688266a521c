"""Orders that were perhaps made twice."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from orders.models.order import Order

TWICE_WITHIN = timedelta(minutes=10)


def possible_duplicates(orders: Iterable[Order], *, within: timedelta = TWICE_WITHIN) -> dict[int, Order]:
    """Find orders that are alike: open, of one phone, sum and restaurant, made within so long."""
    alike: dict[tuple[str, str, int], list[tuple[datetime, Order]]] = defaultdict(list)
    for order in orders:
        if order.phone and order.amount_minor and order.is_open and order.when_created:
            key = order.organization_id, order.phone, order.amount_minor
            alike[key].append((order.when_created, order))
    duplicates: dict[int, Order] = {}
    for several in alike.values():
        several.sort(key=lambda made: made[0])
        for (earlier, one), (later, other) in pairwise(several):
            if later - earlier <= within:
                duplicates[one.pk], duplicates[other.pk] = other, one
    return duplicates
