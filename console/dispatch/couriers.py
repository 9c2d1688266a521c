"""The couriers of some restaurants: who is on shift, and where each may be given orders."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Subquery

from orders.admin.choices import OnShift, named
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.models.shifts import Shift


@dataclass(frozen=True, slots=True)
class CourierOnDuty:
    """One person by iiko's id, who may work for several restaurants.

    ``on_shift_since`` is None for who is off shift, and where iiko reports no shifts.
    """

    iiko_id: str
    name: str
    on_shift: OnShift
    on_shift_since: datetime | None
    restaurants: tuple[Organization, ...]

    @property
    def is_off_shift(self) -> bool:
        return self.on_shift is OnShift.NO

    @property
    def restaurant_ids(self) -> frozenset[str]:
        return frozenset(one.iiko_id for one in self.restaurants)


def couriers_of(restaurants: Sequence[Organization]) -> list[CourierOnDuty]:
    """Read the couriers of restaurants in one query, by name; those deleted in iiko are left out."""
    by_id = {one.iiko_id: one for one in restaurants}
    shifts = Shift.objects.filter(
        organization_id=OuterRef("organization_id"), employee_id=OuterRef("iiko_id")
    ).order_by()
    since = shifts.filter(is_open=True).order_by("-began_at").values("began_at")[:1]
    known = Courier.objects.filter(organization_id__in=by_id, is_deleted=False)
    rows = list(
        known.annotate(on_shift_since=Subquery(since), has_shifts=Exists(shifts)).order_by("name_key", "id")
    )
    # Where iiko reports no shift of any courier, nothing is known of them.
    reporting = {row.organization_id for row in rows if row.has_shifts}
    names = _names(rows)
    people: dict[str, list[Courier]] = defaultdict(list)
    for row in rows:
        people[row.iiko_id].append(row)
    return [
        CourierOnDuty(
            iiko_id=iiko_id,
            name=names[iiko_id],
            on_shift=_on_shift(own, reporting),
            on_shift_since=max((row.on_shift_since for row in own if row.on_shift_since), default=None),  # type: ignore[attr-defined]  # annotated
            restaurants=tuple(by_id[row.organization_id] for row in own),
        )
        for iiko_id, own in people.items()
    ]


def _on_shift(rows: Iterable[Courier], reporting: set[str]) -> OnShift:
    if any(row.on_shift_since for row in rows):  # type: ignore[attr-defined]  # annotated
        return OnShift.YES
    return OnShift.NO if any(row.organization_id in reporting for row in rows) else OnShift.UNKNOWN


def _names(rows: Iterable[Courier]) -> dict[str, str]:
    by_id = {row.iiko_id: row for row in rows}
    namesakes = {name for name, count in Counter(map(str, by_id.values())).items() if count > 1}
    return {iiko_id: named(row, namesakes) for iiko_id, row in by_id.items()}
