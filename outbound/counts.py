"""How outbound webhooks fare, for the metrics."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import Subscription

_LATELY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class OutboundState:
    """``oldest_s`` is the age of the oldest message that waits; ``attempts`` count the last ten minutes.

    ``unordered`` events have no place yet: some, for a moment, are the work of the feed; many, for long, mean
    that no worker runs.
    """

    unordered: int
    waiting: int
    oldest_s: float
    circuits_open: int
    disabled: int
    attempts: dict[str, int]
    """By their result: ``delivered``, or a code of ``sending.errors``."""


def outbound_state(now: datetime) -> OutboundState:
    waiting = Delivery.objects.waiting(now)
    oldest = waiting.aggregate(at=Min("created_at"))["at"]
    lately = DeliveryAttempt.objects.filter(began_at__gte=now - _LATELY)
    results = lately.order_by().values_list("error").annotate(Count("pk"))
    return OutboundState(
        unordered=OutboundEvent.objects.filter(position__isnull=True).count(),
        waiting=waiting.count(),
        oldest_s=0.0 if oldest is None else max((now - oldest).total_seconds(), 0.0),
        circuits_open=Subscription.objects.with_open_circuit().count(),
        disabled=Subscription.objects.filter(disabled_reason__in=("gone", "failing")).count(),
        attempts={error or "delivered": count for error, count in results},
    )
