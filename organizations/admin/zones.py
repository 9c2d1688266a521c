"""Whether the times of a list need their zone beside them."""

from __future__ import annotations

from django.db.models import QuerySet, Value

from core.admin.base import M
from organizations.models.organization import Organization


def has_many_zones() -> bool:
    """Whether the restaurants run on several clocks, which a list of all of them has to name."""
    return len(Organization.objects.order_by("timezone").values("timezone").distinct()[:2]) > 1


def naming_zones(rows: QuerySet[M]) -> QuerySet[M]:
    """Tell each row ``is_many_zones``: whether a time of a list needs its zone beside it."""
    named: QuerySet[M] = rows.annotate(is_many_zones=Value(has_many_zones()))
    return named
