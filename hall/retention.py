"""How long the hall keeps its guests."""

from datetime import datetime

from django.db.models import Q, QuerySet

from core.privacy.retention import remove_guests_after
from hall.models import Reserve, TableOrder


def _planned_before(before: datetime) -> QuerySet[Reserve]:
    """Select reserves without news since, and not for a day to come."""
    rows = Reserve.objects.filter(personal_data_removed_at__isnull=True, updated_at__lt=before)
    return rows.exclude(Q(estimated_start_time__isnull=False) & Q(estimated_start_time__gte=before))


remove_guests_after(
    "hall.TableOrder",
    "table orders without news for so long",
    age="PERSONAL_DATA_DAYS",
    due=lambda before: TableOrder.objects.filter(
        personal_data_removed_at__isnull=True, updated_at__lt=before
    ),
    moment="updated_at",
)
remove_guests_after(
    "hall.Reserve",
    "reserves without news for so long whose day has passed as long ago",
    age="PERSONAL_DATA_DAYS",
    due=_planned_before,
    moment="updated_at",
)
