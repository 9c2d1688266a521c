"""How long each stage usually takes in a restaurant, and when an order will then be handed over."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection

from orders.models.order import Order, OrderType
from orders.models.stage_times import StageTimes

MEASURED_OVER = timedelta(days=14)
FEWEST_ORDERS = 20
"""With fewer finished orders nothing is predicted."""

# The index of changes (updated_at) bounds what is read.
_MEASURE = """
INSERT INTO console_stage_times
    (organization_id, accept_s, cook_s, wait_s, carry_s, orders, measured_at)
SELECT organization_id,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM when_printed - when_created)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM when_cooking_completed - when_printed)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM when_sent - when_cooking_completed)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM when_delivered - when_sent)),
       count(*), %(now)s
FROM orders
WHERE updated_at >= %(since)s AND order_type = 'DELIVERY'
  AND when_created <= when_printed AND when_printed <= when_cooking_completed
  AND when_cooking_completed <= when_sent AND when_sent <= when_delivered
GROUP BY organization_id
ON CONFLICT (organization_id) DO UPDATE SET
    accept_s = excluded.accept_s, cook_s = excluded.cook_s, wait_s = excluded.wait_s,
    carry_s = excluded.carry_s, orders = excluded.orders, measured_at = excluded.measured_at
"""


def measure_stage_times(*, now: datetime) -> None:
    """Write the medians of every restaurant; safe to call at any time."""
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, {"now": now, "since": now - MEASURED_OVER})


def usual_times(organization_ids: list[str] | None) -> dict[str, StageTimes]:
    """Read the medians of restaurants (None: of all) that have enough of them."""
    found = StageTimes.objects.filter(orders__gte=FEWEST_ORDERS)
    if organization_ids is not None:
        found = found.filter(organization_id__in=organization_ids)
    return {times.organization_id: times for times in found}


def lengths(times: StageTimes) -> tuple[int | None, ...]:
    """Return all of them that anything is made of."""
    return times.accept_s, times.cook_s, times.wait_s, times.carry_s


def at_risk_from(order: Order, usual: Mapping[str, StageTimes]) -> datetime | None:
    """Return the moment from which an order will usually be late; it may be past.

    That is the beginning of its present stage where even its usual length is too long, else the moment at
    which the stages to come no longer fit before the promise. None where nothing can be said: no promise,
    too few finished orders of that restaurant, nothing left to do.
    """
    times = usual.get(order.organization_id)
    if times is None or order.promised_time is None or not order.is_open:
        return None
    stages = _stages(order, times)
    begun = [(at, length) for at, length in stages if at is not None]
    if not begun or order.when_delivered is not None:
        return None
    to_come = timedelta(seconds=sum(length for at, length in stages if at is None))
    began_at, usual_s = begun[-1]
    if began_at + timedelta(seconds=usual_s) + to_come > order.promised_time:
        return began_at
    return order.promised_time - to_come


def _stages(order: Order, times: StageTimes) -> list[tuple[datetime | None, int]]:
    """List when each stage began, and how long it usually lasts; nobody carries what the guest collects."""
    stages = [
        (order.when_created, times.accept_s or 0),
        (order.when_printed, times.cook_s or 0),
    ]
    if order.order_type == OrderType.DELIVERY:
        stages += [(order.when_cooking_completed, times.wait_s or 0), (order.when_sent, times.carry_s or 0)]
    return stages
