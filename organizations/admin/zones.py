"""Whether the times of a list need their zone beside them."""

from __future__ import annotations

from django.db.models import QuerySet, Value

from core.admin.base import M
from organizations.models.organization import Organization


def has_many_zones() -> bool:
    """Tell whether the restaurants are in several time zones, which a list of all of them has to name."""
    return len(Organization.objects.order_by("timezone").values("timezone").distinct()[:2]) > 1


def naming_zones(rows: QuerySet[M]) -> QuerySet[M]:
    """Add ``is_many_zones`` to each row: whether a time in the list needs its zone beside it."""
    named: QuerySet[M] = rows.annotate(is_many_zones=Value(has_many_zones()))
    return named
