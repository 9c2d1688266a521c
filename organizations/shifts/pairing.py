"""Shifts made of iiko's messages, the same whatever order they come in.

Of one person at one terminal group the messages lie in the order of their times. An opening begins a shift,
a closing right after it ends it; what has no other half is a shift of which only one end is known. A
message changes no more than the shifts beside it, so only those are read and written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core.sql_bulk import encode
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
    """A message: somebody's shift at a terminal group was opened or closed at a moment."""

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
class _Mark:
    """One end of a shift. At one moment an opening comes before a closing: whoever came has gone."""

    moment: datetime
    is_closing: bool
    role_id: str


def apply_shift_reports(reports: Sequence[ShiftReport]) -> None:
    """Write what the messages tell; call it inside a transaction.

    The messages of one person must not be applied by two at once (they lie in one lane of the inbox).
    """
    told: dict[Key, set[_Mark]] = defaultdict(set)
    for report in reports:
        told[report.key].add(_Mark(report.moment, not report.is_opened, report.role_id))
    known: dict[Key, list[Shift]] = defaultdict(list)
    for shift in _near({key: min(marks).moment for key, marks in told.items()}):
        known[(shift.organization_id, shift.employee_id, shift.terminal_group_id)].append(shift)
    new: list[Shift] = []
    changed: list[Shift] = []
    for key, marks in told.items():
        for shift in _retold(key, known[key], marks):
            (new if shift._state.adding else changed).append(shift)
    Shift.objects.bulk_update(changed, _TOLD)
    Shift.objects.bulk_create(new)


def _near(moments: dict[Key, datetime]) -> Iterable[Shift]:
    names = ("organization_id", "employee_id", "terminal_group_id")
    asked = [dict(zip(names, key, strict=True)) | {"moment": at} for key, at in moments.items()]
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, [encode(asked)])
        ids = [pk for (pk,) in cursor.fetchall()]
    return Shift.objects.filter(pk__in=ids)


_TOLD = ("opening_role_id", "closing_role_id", "opened_at", "closed_at", "is_open", "began_at")


def _retold(key: Key, known: Sequence[Shift], marks: set[_Mark]) -> list[Shift]:
    """Return the shifts that are new or other than they were; what is known reaches to the very last."""
    by_end = {_end_of(shift): shift for shift in known}
    found = []
    for part in _paired(_merged([*_marks_of(known), *marks])):
        shift = next((by_end[end] for end in part.ends if end in by_end), None) or _unwritten(key)
        if part.tell(shift):
            found.append(shift)
    return found


End = tuple[datetime, bool]
"""When, and whether it is a closing."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A shift as the marks tell it."""

    opening: _Mark | None
    closing: _Mark | None
    is_open: bool = False

    @property
    def ends(self) -> list[End]:
        return [(mark.moment, mark.is_closing) for mark in (self.opening, self.closing) if mark is not None]

    def tell(self, shift: Shift) -> bool:
        """Have the row say so; returns whether it said something else."""
        before = [getattr(shift, name) for name in _TOLD]
        opening, closing = self.opening, self.closing
        shift.opened_at = opening.moment if opening else None
        shift.closed_at = closing.moment if closing else None
        shift.opening_role_id = opening.role_id if opening else ""
        shift.closing_role_id = closing.role_id if closing else ""
        shift.is_open = self.is_open
        shift.began_at = self.ends[0][0]
        return before != [getattr(shift, name) for name in _TOLD]


def _merged(marks: Iterable[_Mark]) -> list[_Mark]:
    """One mark for each moment and direction; of two roles the greater counts, in any order of arrival."""
    latest = {(mark.moment, mark.is_closing): mark for mark in sorted(marks)}
    return list(latest.values())


def _paired(marks: Iterable[_Mark]) -> list[_Part]:
    """Make shifts of the marks: an opening and the closing right after it belong together."""
    parts: list[_Part] = []
    opening: _Mark | None = None
    for mark in marks:
        if mark.is_closing:
            parts.append(_Part(opening, mark))
            opening = None
        else:
            parts += [_Part(opening, None)] if opening else []
            opening = mark
    return [*parts, _Part(opening, None, is_open=True)] if opening else parts


def _end_of(shift: Shift) -> End:
    """By what a shift is known again: its opening, or its closing where nobody told the opening."""
    return shift.began_at, shift.opened_at is None


def _marks_of(shifts: Iterable[Shift]) -> Iterable[_Mark]:
    for shift in shifts:
        if shift.opened_at is not None:
            yield _Mark(shift.opened_at, False, shift.opening_role_id)
        if shift.closed_at is not None:
            yield _Mark(shift.closed_at, True, shift.closing_role_id)


def _unwritten(key: Key) -> Shift:
    organization_id, employee_id, terminal_group_id = key
    return Shift(
        organization_id=organization_id, employee_id=employee_id, terminal_group_id=terminal_group_id
    )
