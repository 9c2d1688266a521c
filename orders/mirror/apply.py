"""What iiko reports becomes the mirror: one way in for webhooks, reconciliation and replay.

A batch of reports is applied in one transaction: rows that are missing are inserted empty, all rows
of the batch are locked in the order of their ids, read, changed in memory and written back in bulk.
An order seen for the first time has no row to lock, so without the empty rows two workers would
lose each other's change; locked in order of arrival instead of id they would deadlock.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from core.database.advisory_locks import AdvisoryLock
from core.database.sql_bulk import insert_rows, update_rows
from core.mirror.change_feed import change_times
from core.mirror.precedence import FALLBACK, PrecedenceRow
from iiko_client.models.order import OrderFields
from orders.commands.settle import settle
from orders.errors import OrderRowGone
from orders.mirror.timeline import TIMELINE_COLUMNS, TimelineBuilder
from orders.models.command import OrderCommand
from orders.models.order import MergedOrder, Order, TimelineEntry
from orders.signals import announce_change, order_merged

MIRRORED = tuple(sorted(OrderFields.__annotations__))
"""The fields of an order that messages set."""

_WRITTEN = (
    *MIRRORED,
    "iiko_order_id",
    "revision",
    "field_precedence",
    "not_listed_since",
    "refusal_acknowledged_at",
    "refusal_acknowledged_by",
    "unknown_to_iiko_at",
    "trace_id",
    "updated_at",
)


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What one event reports of one order. ``precedence`` decides field by field whether it still counts."""

    event_id: int
    organization_id: str
    iiko_order_id: str | None
    external_order_id: str | None
    precedence: str
    revision: int | None
    fields: OrderFields
    happened_at: datetime | None
    fallback_restaurant_name: str | None = None
    is_replay: bool = False
    trace_id: UUID | None = None


class Outcome(StrEnum):
    APPLIED = "applied"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class Applied:
    """``is_without_guest``: the guest of the order was removed, so what brought this must lose it, too."""

    order_id: int
    outcome: Outcome
    is_without_guest: bool = False


class _Row(PrecedenceRow[Order]):
    """One order of the batch, with its timeline."""

    def __init__(self, order: Order, *, now: datetime | None = None) -> None:
        super().__init__(order, now=now)
        self.order = order
        self.timeline = TimelineBuilder(order, self.precedences)
        self.event_id: int | None = None
        """The last event that counted for it."""
        self.trace_id: UUID | None = None
        """The trace of that event."""

    def identify(self, iiko_order_id: str) -> None:
        """Set iiko's id, which never changes, so that the oldest message may bring it."""
        if self.order.iiko_order_id != iiko_order_id:
            self.order.iiko_order_id = iiko_order_id
            self.is_changed = self.is_touched = True


class _Rows:
    """The locked rows of a batch, found by either id."""

    def __init__(self, orders: Iterable[Order], *, now: datetime | None = None) -> None:
        self.by_iiko_id: dict[tuple[str, str], _Row] = {}
        self.by_external_id: dict[tuple[str, str], list[_Row]] = {}
        self.all: dict[int, _Row] = {}
        for order in orders:
            row = _Row(order, now=now)
            self.all[order.pk] = row
            self.know(row)

    def know(self, row: _Row) -> None:
        order = row.order
        if order.iiko_order_id is not None:
            self.by_iiko_id[order.organization_id, order.iiko_order_id] = row
        for external in {order.external_order_id, order.soi_external_id} - {None}:
            named = self.by_external_id.setdefault((order.organization_id, external or ""), [])
            if row not in named:
                named.append(row)

    def forget(self, row: _Row) -> None:
        del self.all[row.order.pk]
        for rows in self.by_external_id.values():
            if row in rows:
                rows.remove(row)

    def with_iiko_id(self, report: OrderReport) -> _Row | None:
        return self.by_iiko_id.get((report.organization_id, report.iiko_order_id or ""))

    def named(self, report: OrderReport, *, nameless: bool = False) -> _Row | None:
        """Return the newest row with the report's external id; ``nameless``: only one without iiko's id."""
        rows = self.by_external_id.get((report.organization_id, report.external_order_id or ""), [])
        if nameless:
            rows = [row for row in rows if row.order.iiko_order_id is None]
        return max(rows, key=lambda row: row.order.pk, default=None)


@transaction.atomic
def apply_reports(reports: Sequence[OrderReport], *, now: datetime) -> dict[int, Applied]:
    """Apply a batch of reports in order of arrival; returns the outcome by event id.

    Raises:
        OrderRowGone, DatabaseError: nothing of the batch was applied; it may be tried again.
    """
    reports = sorted(reports, key=lambda report: report.event_id)
    times = change_times()
    rows = _lock_rows(reports, times, now)
    outcomes: dict[int, Applied] = {}
    duplicates: dict[int, int] = {}
    for report in reports:
        row, duplicate = _identify(rows, report)
        row.timeline.open(report.happened_at, report.event_id, now)
        if duplicate is not None:
            duplicates[duplicate.order.pk] = row.order.pk
            _merge(row, duplicate)
            rows.forget(duplicate)
        outcome = _apply(row, report)
        row.timeline.close()
        rows.know(row)
        outcomes[report.event_id] = Applied(row.order.pk, outcome, row.is_without_guest)
        if outcome is Outcome.APPLIED:
            row.event_id, row.trace_id = report.event_id, report.trace_id
    _write(rows, duplicates, times)
    changed = [row for row in rows.all.values() if row.is_changed]
    events = {row.order.pk: row.event_id for row in changed if row.event_id is not None}
    settle((row.order for row in changed), events=events, now=now)
    if changed:
        announce_change()
    return {
        event_id: replace(applied, order_id=_survivor(duplicates, applied.order_id))
        for event_id, applied in outcomes.items()
    }


def _survivor(duplicates: dict[int, int], order_id: int) -> int:
    while order_id in duplicates:
        order_id = duplicates[order_id]
    return order_id


# --- which row -------------------------------------------------------------------------------------


def _lock_rows(reports: Sequence[OrderReport], times: Iterator[datetime], now: datetime) -> _Rows:
    wanted = _matching(reports)
    known = _known(wanted)
    if unsettled := _unsettled(known, reports):
        # Two workers may meet one new order by different ids, which no unique index can see.
        _lock_names(unsettled)
        known = _known(wanted)
    if stubs := _missing(known, reports, times):
        Order.objects.bulk_create(stubs, ignore_conflicts=True)
    return _Rows(Order.objects.select_for_update().filter(wanted).order_by("pk"), now=now)


def _known(wanted: Q) -> _Rows:
    return _Rows(Order.objects.filter(wanted).only(*_KEYS))


def _unsettled(known: _Rows, reports: Sequence[OrderReport]) -> list[OrderReport]:
    """Return the reports that bring an external id by which their row cannot be found yet."""
    unsettled = []
    for report in reports:
        if report.external_order_id is None:
            continue
        row = _find(known, report)
        names = {row.order.external_order_id, row.order.soi_external_id} if row else set()
        if report.external_order_id not in names or (
            report.iiko_order_id and row and row.order.iiko_order_id is None
        ):
            unsettled.append(report)
    return unsettled


def _lock_names(reports: Sequence[OrderReport]) -> None:
    """Lock these external ids until the transaction ends, so that one worker decides whose they are."""
    names = {f"{report.organization_id}\0{report.external_order_id}" for report in reports}
    buckets = sorted({zlib.crc32(name.encode()) % _NAME_BUCKETS for name in names})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, bucket) FROM unnest(%s::int[]) AS bucket",
            [AdvisoryLock.EXTERNAL_ID.value, buckets],
        )


_NAME_BUCKETS = 1024  # bounds how many a batch can take


_KEYS = ("id", "organization_id", "iiko_order_id", "external_order_id", "soi_external_id", "field_precedence")


def _matching(reports: Sequence[OrderReport]) -> Q:
    iiko_ids = {report.iiko_order_id for report in reports if report.iiko_order_id}
    external_ids = {report.external_order_id for report in reports if report.external_order_id}
    only_external = {
        report.external_order_id
        for report in reports
        if report.external_order_id and not report.iiko_order_id
    }
    found = Q(iiko_order_id__in=iiko_ids)
    if external_ids:
        found |= Q(iiko_order_id__isnull=True, external_order_id__in=external_ids)
    if only_external:
        found |= Q(external_order_id__in=only_external) | Q(soi_external_id__in=only_external)
    return Q(organization_id__in={report.organization_id for report in reports}) & found


def _missing(known: _Rows, reports: Sequence[OrderReport], times: Iterator[datetime]) -> list[Order]:
    """Return empty rows for the orders that are new, in the order in which every worker inserts."""
    stubs: list[Order] = []
    for report in reports:
        if _find(known, report) is not None:
            continue
        stub = Order(
            organization_id=report.organization_id,
            iiko_order_id=report.iiko_order_id,
            external_order_id=report.external_order_id,
            updated_at=next(times),
        )
        known.know(_Row(stub))
        stubs.append(stub)
    return sorted(stubs, key=lambda o: (o.organization_id, o.iiko_order_id or "", o.external_order_id or ""))


def _find(rows: _Rows, report: OrderReport) -> _Row | None:
    if report.iiko_order_id is None:
        return rows.named(report)
    return rows.with_iiko_id(report) or rows.named(report, nameless=True)


def _identify(rows: _Rows, report: OrderReport) -> tuple[_Row, _Row | None]:
    """Return the report's row and, where two rows turn out to be one order, the duplicate."""
    row = _find(rows, report)
    if row is None:
        raise OrderRowGone(f"The row of event {report.event_id} went away while it was being locked.")
    if report.iiko_order_id is None:
        return row, None
    nameless = rows.named(report, nameless=True)
    if nameless is None or nameless is row:
        row.identify(report.iiko_order_id)
        return row, None
    # The older row keeps its number: it is the one people have seen.
    survivor, duplicate = sorted((row, nameless), key=lambda one: one.order.pk)
    survivor.identify(report.iiko_order_id)
    return survivor, duplicate


def _merge(survivor: _Row, duplicate: _Row) -> None:
    """Give the survivor every field for which the duplicate's message takes precedence."""
    for name in MIRRORED:
        precedence = duplicate.precedences.of(name)
        if precedence > survivor.precedences.of(name):
            survivor.set(name, getattr(duplicate.order, name), precedence)
    survivor.order.revision = max(survivor.order.revision or 0, duplicate.order.revision or 0) or None
    if survivor.order.refusal_acknowledged_at is None:
        survivor.order.refusal_acknowledged_at = duplicate.order.refusal_acknowledged_at
        survivor.order.refusal_acknowledged_by = duplicate.order.refusal_acknowledged_by
    survivor.order.created_at = min(survivor.order.created_at, duplicate.order.created_at)
    survivor.timeline.merge(duplicate.timeline, duplicate_id=duplicate.order.pk)
    survivor.is_changed = survivor.is_touched = True


# --- what changes ----------------------------------------------------------------------------------


def _apply(row: _Row, report: OrderReport) -> Outcome:
    refusal = (row.order.creation_status, row.order.error_info)
    counts = row.take(report.fields, report.precedence)
    if refusal != (row.order.creation_status, row.order.error_info):
        row.order.refusal_acknowledged_at = None  # another refusal is acknowledged on its own
    if report.fallback_restaurant_name and row.precedences.of("restaurant_name") <= FALLBACK:
        row.set("restaurant_name", report.fallback_restaurant_name, FALLBACK)
    _note_known(row, report)
    row.note_revision(report.revision)
    return Outcome.APPLIED if counts else Outcome.OLDER


def _note_known(row: _Row, report: OrderReport) -> None:
    """Note that iiko knows the order, for it reports it; a replay or a late old message proves nothing."""
    order = row.order
    is_old = report.revision is not None and report.revision < (order.revision or 0)
    if order.not_listed_since is None or report.is_replay or is_old:
        return
    row.is_touched = True
    row.is_changed |= order.unknown_to_iiko_at is not None
    order.not_listed_since = order.unknown_to_iiko_at = None


# --- writing ---------------------------------------------------------------------------------------


def _write(rows: _Rows, duplicates: dict[int, int], times: Iterator[datetime]) -> None:
    for duplicate_id, survivor_id in duplicates.items():
        survivor_id = _survivor(duplicates, survivor_id)
        order_merged.send(Order, duplicate_id=duplicate_id, survivor_id=survivor_id)
        TimelineEntry.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)
        OrderCommand.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)
        MergedOrder.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)
        survivor = rows.all[survivor_id].order
        MergedOrder.objects.create(
            pk=duplicate_id, order_id=survivor_id, organization_id=survivor.organization_id
        )
        Order.objects.filter(pk=duplicate_id).delete()
    touched = [row for row in rows.all.values() if row.is_touched]
    update_rows(Order, _WRITTEN, [_columns(row, times) for row in touched])
    insert_rows(TimelineEntry, TIMELINE_COLUMNS, [entry for row in touched for entry in row.timeline.rows()])


def _columns(row: _Row, times: Iterator[datetime]) -> dict[str, Any]:
    order = row.order
    order.field_precedence = row.precedences.packed(MIRRORED)
    if row.is_changed:
        order.updated_at = next(times)
        order.trace_id = row.trace_id
    return {"id": order.pk} | {name: getattr(order, name) for name in _WRITTEN}
