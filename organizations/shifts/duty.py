"""The couriers of restaurants, and who of them is on shift as far as iiko has reported."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import Exists, OuterRef, Subquery

from organizations.models.dictionaries import Courier
from organizations.models.shifts import Shift


class OnShift(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """iiko reports no shifts of this restaurant's couriers."""


@dataclass(frozen=True, slots=True)
class CourierOnDuty:
    """One person by iiko's id, who may work for several restaurants (``organization_ids``, iiko's).

    ``on_shift_since`` is None for who is off shift, and where iiko reports no shifts.
    """

    iiko_id: str
    name: str
    on_shift: OnShift
    on_shift_since: datetime | None
    organization_ids: tuple[str, ...]

    @property
    def is_off_shift(self) -> bool:
        return self.on_shift is OnShift.NO


def couriers_of(organization_ids: Iterable[str]) -> list[CourierOnDuty]:
    """Read the couriers of restaurants in one query, by name; those deleted in iiko are left out.

    Two of one name differ by their code or id.
    """
    shifts = Shift.objects.filter(
        organization_id=OuterRef("organization_id"), employee_id=OuterRef("iiko_id")
    ).order_by()
    since = shifts.open().order_by("-began_at").values("began_at")[:1]
    known = Courier.objects.filter(organization_id__in=list(organization_ids), is_deleted=False)
    marked = known.annotate(on_shift_since=Subquery(since), has_shifts=Exists(shifts))
    rows = list(marked.order_by("name_key", "id"))
    reporting = {row.organization_id for row in rows if row.has_shifts}
    names = _names(rows)
    people: dict[str, list[Courier]] = defaultdict(list)
    for row in rows:
        people[row.iiko_id].append(row)
    return [_person(names[iiko_id], own, reporting) for iiko_id, own in people.items()]


def _person(name: str, rows: list[Courier], reporting: set[str]) -> CourierOnDuty:
    ids = tuple(row.organization_id for row in rows)
    since = max(
        (row.on_shift_since for row in rows if row.on_shift_since),  # type: ignore[attr-defined]  # annotated
        default=None,
    )
    is_reported = any(organization_id in reporting for organization_id in ids)
    state = OnShift.YES if since else OnShift.NO if is_reported else OnShift.UNKNOWN
    return CourierOnDuty(rows[0].iiko_id, name, state, since, ids)


def _names(rows: Iterable[Courier]) -> dict[str, str]:
    by_id = {row.iiko_id: row for row in rows}
    namesakes = {name for name, count in Counter(map(str, by_id.values())).items() if count > 1}
    return {
        iiko_id: f"{row} ({row.code or iiko_id[:8]})" if str(row) in namesakes else str(row)
        for iiko_id, row in by_id.items()
    }
