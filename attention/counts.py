"""How much needs attention at a moment."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from attention.models.items import AttentionItemQuerySet, Severity


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How many items are open, and how many of them are critical."""

    total: int = 0
    critical: int = 0


def open_count(items: AttentionItemQuerySet, now: datetime) -> OpenCount:
    """Count by one query, which reads the current items alone."""
    found = items.open(now).aggregate(
        total=Count("pk"), critical=Count("pk", filter=Q(severity__gte=Severity.CRITICAL))
    )
    return OpenCount(**found)
