"""What iiko reports of tables and reserves becomes rows, whatever way it arrives.

As in ``orders.mirror.apply``: rows that are missing are inserted empty, all rows of the batch are
locked in the order of their ids, read, changed in memory and written back in one statement. The precedence of
every field decides (ADR 2), so repeats, disorder and partial messages end in the same rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from core.database.sql_bulk import Row, update_rows
from core.mirror.change_feed import change_times
from core.mirror.precedence import PrecedenceRow
from hall.models import HallRow, Reserve, TableOrder
from iiko_client.models.hall import HallFields, ReserveFields, TableOrderFields

Key = tuple[str, str]

MIRRORED: dict[type[HallRow], tuple[str, ...]] = {
    TableOrder: tuple(sorted(TableOrderFields.__annotations__)),
    Reserve: tuple(sorted(ReserveFields.__annotations__)),
}
"""The fields that messages set."""


@dataclass(frozen=True, slots=True)
class HallReport:
    """What one event reports of one row. ``precedence`` decides field by field whether it still counts."""

    event_id: int
    organization_id: str
    iiko_id: str
    precedence: str
    revision: int | None
    fields: HallFields

    @property
    def key(self) -> Key:
        return self.organization_id, self.iiko_id


@dataclass(frozen=True, slots=True)
class HallApplied:
    """``counts``: any of it was news. ``is_without_guest``: as of ``orders.mirror.apply.Applied``."""

    counts: bool
    is_without_guest: bool


@transaction.atomic
def apply_reports(
    model: type[HallRow], reports: Sequence[HallReport], *, now: datetime
) -> dict[int, HallApplied]:
    """Apply a batch of reports; returns the outcome by event id.

    Raises:
        DatabaseError: nothing of the batch was applied; it may be tried again.
    """
    times = change_times()
    rows = _lock_rows(model, reports, times, now)
    outcomes: dict[int, HallApplied] = {}
    for report in sorted(reports, key=lambda report: report.event_id):
        row = rows[report.key]
        counts = row.take(report.fields, report.precedence)
        outcomes[report.event_id] = HallApplied(counts, row.is_without_guest)
        row.note_revision(report.revision)
    _write(model, [row for row in rows.values() if row.is_touched], times)
    return outcomes


def _lock_rows(
    model: type[HallRow], reports: Sequence[HallReport], times: Iterator[datetime], now: datetime
) -> dict[Key, PrecedenceRow[HallRow]]:
    wanted = Q(
        organization_id__in={report.organization_id for report in reports},
        iiko_id__in={report.iiko_id for report in reports},
    )
    rows = model._default_manager.filter(wanted)
    known = {(row.organization_id, row.iiko_id) for row in rows.only("organization_id", "iiko_id")}
    missing = sorted({report.key for report in reports} - known)
    stubs = [model(organization_id=one, iiko_id=two, updated_at=next(times)) for one, two in missing]
    model._default_manager.bulk_create(stubs, ignore_conflicts=True)
    return {
        (row.organization_id, row.iiko_id): PrecedenceRow(row, now=now)
        for row in rows.select_for_update().order_by("pk")
    }


def _write(model: type[HallRow], rows: Sequence[PrecedenceRow[HallRow]], times: Iterator[datetime]) -> None:
    mirrored = MIRRORED[model]
    written = (*mirrored, "revision", "field_precedence", "updated_at")
    columns: list[Row] = []
    for with_precedence in rows:
        row = with_precedence.row
        row.field_precedence = with_precedence.precedences.packed(mirrored)
        if with_precedence.is_changed:
            row.updated_at = next(times)
        columns.append({"id": row.pk} | {name: getattr(row, name) for name in written})
    update_rows(model, written, columns)
