"""How long outbound webhooks keep what they sent."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Count, QuerySet

from core.privacy.retention import delete_after, stays
from outbound.models.deliveries import Delivery
from outbound.models.events import OutboundEvent

logger = structlog.stdlib.get_logger(__name__)

_AT_ONCE = 1000

stays("outbound_deliveries outbound_attempts", "deleted with their event")
stays("outbound_subscriptions outbound_subscriptions_organizations", "set up by an administrator or a key")


def _due(before: datetime) -> QuerySet[OutboundEvent]:
    """Spare what could not be sent to anybody yet: no worker ran since."""
    return OutboundEvent.objects.filter(occurred_at__lt=before, position__isnull=False)


def _forget(days: int, now: datetime) -> Iterator[int]:
    ids_due = _due(now - timedelta(days=days)).order_by("pk").values_list("pk", flat=True)
    while ids := list(ids_due[:_AT_ONCE]):
        _delete(ids)
        yield len(ids)


@transaction.atomic
def _delete(ids: Sequence[int]) -> None:
    """Delete events with their deliveries; of those that never left the log tells."""
    unsent = Delivery.objects.pending().filter(event__in=ids).order_by()
    for subscription_id, count in unsent.values_list("subscription").annotate(Count("pk")):
        logger.warning("outbound.deleted_unsent", subscription_id=subscription_id, count=count)
    OutboundEvent.objects.filter(pk__in=ids).delete()


delete_after(
    "outbound_events",
    "what was sent, and what never arrived, so long ago",
    age="OUTBOUND_RETENTION_DAYS",
    due=_due,
    moment="occurred_at",
    forget=_forget,
)
