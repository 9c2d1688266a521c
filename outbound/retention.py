"""Forgetting old events with their deliveries and attempts, a batch at a time."""

from datetime import datetime, timedelta

from django.db import transaction

from outbound.models.events import OutboundEvent

_BATCH = 2000


def forget_old_events(*, days: int, now: datetime) -> int:
    """Delete events of more than so many days ago, also those that never arrived; return how many.

    May be ended at any moment: each batch is a transaction.
    """
    old = OutboundEvent.objects.filter(occurred_at__lt=now - timedelta(days=days)).order_by(
        "occurred_at", "pk"
    )
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:_BATCH]):
        with transaction.atomic():
            OutboundEvent.objects.filter(pk__in=ids).delete()
        count += len(ids)
    return count
