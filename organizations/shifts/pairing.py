"""Shifts made of iiko's messages, the same in any order of arrival.

The messages of one employee at one terminal group are sorted by their time. An opening begins a shift, a
closing right after it ends it; without the other one a shift has one known end. A message changes only the
shifts next to it, so only those are read and written (docs/iiko.md#stop-lists-and-shifts).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core.database.sql_bulk import encode
from organizations.models.shifts import Shift

Key = tuple[str, str, str]
"""Organization, employee, terminal group."""

# The shift that the earliest message may fall into, and all that began later.
_NEAR = """
SELECT near.id FROM json_to_recordset(%s::json)
    AS asked (organization_id text, employee_id text, terminal_group_id text, moment timestamptz)
CROSS JOIN LATERAL (
    (SELECT id FROM shifts s WHERE s.organization_id = asked.organization_id
         AND s.employee_id = asked.employee_id AND s.terminal_group_id = asked.terminal_group_id
         AND s.began_at < asked.moment ORDER BY began_at DESC LIMIT 1)
    UNION ALL
    (SELECT id FROM shifts s WHERE s.organization_id = asked.organization_id
         AND s.employee_id = asked.employee_id AND s.terminal_group_id = asked.terminal_group_id
         AND s.began_at >= asked.moment)
) AS near
"""


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """A message: an employee's shift at a terminal group was opened or closed at a moment."""

    organization_id: str
    employee_id: str
    terminal_group_id: str
    moment: datetime
    is_opened: bool
    role_id: str = ""

    @property
    def key(self) -> Key:
        return self.organization_id, self.employee_id, self.terminal_group_id


@dataclass(frozen=True, slots=True, order=True)
class _Endpoint:
    """An opening or a closing. At one moment the opening sorts first: an empty shift, then none is open."""

    moment: datetime
    is_closing: bool
    role_id: str


def apply_shift_reports(reports: Sequence[ShiftReport]) -> None:
    """Apply messages to the shifts; call it inside a transaction.

    The messages of one employee must not be applied by two at once (they are in one partition of the inbox).
    """
    reported: dict[Key, set[_Endpoint]] = defaultdict(set)
    for report in reports:
        reported[report.key].add(_Endpoint(report.moment, not report.is_opened, report.role_id))
    known: dict[Key, list[Shift]] = defaultdict(list)
    for shift in _near({key: min(endpoints).moment for key, endpoints in reported.items()}):
        known[(shift.organization_id, shift.employee_id, shift.terminal_group_id)].append(shift)
    new: list[Shift] = []
    changed: list[Shift] = []
    for key, endpoints in reported.items():
        for shift in _changed_shifts(key, known[key], endpoints):
            (new if shift._state.adding else changed).append(shift)
    Shift.objects.bulk_update(changed, _COLUMNS)
    Shift.objects.bulk_create(new)


def _near(moments: dict[Key, datetime]) -> Iterable[Shift]:
    names = ("organization_id", "employee_id", "terminal_group_id")
    asked = [dict(zip(names, key, strict=True)) | {"moment": at} for key, at in moments.items()]
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, [encode(asked)])
        ids = [pk for (pk,) in cursor.fetchall()]
    return Shift.objects.filter(pk__in=ids)


_COLUMNS = ("opening_role_id", "closing_role_id", "opened_at", "closed_at", "is_open", "began_at")


def _changed_shifts(key: Key, known: Sequence[Shift], endpoints: set[_Endpoint]) -> list[Shift]:
    """Return the shifts that are new or changed; ``known`` reaches to the latest."""
    # What identifies a shift: its opening, or its closing where the opening is not known.
    by_key = {(shift.began_at, shift.opened_at is None): shift for shift in known}
    found = []
    organization_id, employee_id, terminal_group_id = key
    for pair in _paired(_merged([*_endpoints_of(known), *endpoints])):
        shift = next((by_key[one] for one in pair.keys if one in by_key), None) or Shift(
            organization_id=organization_id, employee_id=employee_id, terminal_group_id=terminal_group_id
        )
        if pair.write_to(shift):
            found.append(shift)
    return found


EndpointKey = tuple[datetime, bool]
"""When, and whether it is a closing."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A shift as its endpoints say."""

    opening: _Endpoint | None
    closing: _Endpoint | None
    is_open: bool = False

    @property
    def keys(self) -> list[EndpointKey]:
        endpoints = [one for one in (self.opening, self.closing) if one is not None]
        return [(one.moment, one.is_closing) for one in endpoints]

    def write_to(self, shift: Shift) -> bool:
        """Set the columns of a row; return whether any changed."""
        before = [getattr(shift, name) for name in _COLUMNS]
        opening, closing = self.opening, self.closing
        shift.opened_at = opening.moment if opening else None
        shift.closed_at = closing.moment if closing else None
        shift.opening_role_id = opening.role_id if opening else ""
        shift.closing_role_id = closing.role_id if closing else ""
        shift.is_open = self.is_open
        shift.began_at = self.keys[0][0]
        return before != [getattr(shift, name) for name in _COLUMNS]


def _merged(endpoints: Iterable[_Endpoint]) -> list[_Endpoint]:
    """Keep one endpoint for each moment and direction; of two roles the greater counts, in any order."""
    latest = {(one.moment, one.is_closing): one for one in sorted(endpoints)}
    return list(latest.values())


def _paired(endpoints: Iterable[_Endpoint]) -> list[_Pair]:
    """Make shifts of the endpoints: an opening and the closing right after it belong together."""
    pairs: list[_Pair] = []
    opening: _Endpoint | None = None
    for endpoint in endpoints:
        if endpoint.is_closing:
            pairs.append(_Pair(opening, endpoint))
            opening = None
        else:
            pairs += [_Pair(opening, None)] if opening else []
            opening = endpoint
    return [*pairs, _Pair(opening, None, is_open=True)] if opening else pairs


def _endpoints_of(shifts: Iterable[Shift]) -> Iterable[_Endpoint]:
    for shift in shifts:
        if shift.opened_at is not None:
            yield _Endpoint(shift.opened_at, False, shift.opening_role_id)
        if shift.closed_at is not None:
            yield _Endpoint(shift.closed_at, True, shift.closing_role_id)
