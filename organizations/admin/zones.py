"""Whether the times of a list need their zone beside them."""

from datetime import datetime
from typing import Protocol, TypedDict

from django.db.models import QuerySet, Value
from django.utils.safestring import SafeString

from core.admin.base import M
from core.database import db_clock
from core.display import clock
from organizations.models.organization import Organization


class InZones(TypedDict):
    """What ``naming_zones`` adds to a row."""

    is_many_zones: bool


class Placed(Protocol):
    """A row of a list in zones, with its restaurant."""

    is_many_zones: bool

    @property
    def organization(self) -> Organization: ...


def has_many_zones() -> bool:
    """Tell whether the restaurants are in several time zones, which a list of all of them has to name."""
    return len(Organization.objects.order_by("timezone").values("timezone").distinct()[:2]) > 1


def naming_zones(rows: QuerySet[M]) -> QuerySet[M]:
    """Add ``is_many_zones`` to each row: whether a time in the list needs its zone beside it."""
    named: QuerySet[M] = rows.annotate(is_many_zones=Value(has_many_zones()))
    return named


def moment_text(moment: datetime | None, row: Placed) -> SafeString:
    """Write a time of a row on the clock of its restaurant, with the zone where the list has several."""
    return clock(moment, row.organization.zone(), now=db_clock.now(), with_offset=row.is_many_zones)
