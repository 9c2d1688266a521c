"""Table orders and reserves: Cloud events to reports for the mirror of the hall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from core.mirror.precedence import progress_of
from hall.mirror import HallReport, apply_reports
from hall.models import HallRow, Reserve, TableOrder
from iiko_client.models.hall import HallFields, HallReading, read_reserve_info, read_table_order_info
from iiko_client.models.statuses import ReserveStatus, TableOrderStatus
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers.base import (
    Claimed,
    Directory,
    EventFacts,
    EventResult,
    Mirror,
    by_entity,
    check_named_organization,
    content_of,
    dated,
    facts_of,
    ignored,
    precedence_of,
    writes,
)

Read = Callable[[Mapping[str, Any], Callable[[str | None], tzinfo]], HallReading[Any]]


@writes(Mirror(TableOrder, by_entity("iiko_id")))
def apply_table_orders(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    return _apply(TableOrder, events, read_table_order_info, tuple(TableOrderStatus), now)


@writes(Mirror(Reserve, by_entity("iiko_id")))
def apply_reserves(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    return _apply(Reserve, events, read_reserve_info, tuple(ReserveStatus), now)


def _apply(
    model: type[HallRow], events: Sequence[Claimed], read: Read, course: Sequence[str], now: datetime
) -> dict[int, EventResult]:
    directory = Directory(event.organization_id for event in events)
    results: dict[int, EventResult] = {}
    reports: list[HallReport] = []
    notes: dict[int, tuple[str, ...]] = {}
    for event, dating in map(dated, events):
        reading = _read(event, directory, read)
        if isinstance(reading, EventResult):
            results[event.id] = reading
        else:
            reports.append(_report(event, reading, course))
            notes[event.id] = (*dating, *reading.issues)
    by_event = {report.event_id: report for report in reports}
    for event_id, counted in (apply_reports(model, reports, now=now) if reports else {}).items():
        status, reason = (EventStatus.PROCESSED, "") if counted else (EventStatus.STALE, Reason.OLDER)
        results[event_id] = EventResult(
            status, reason, notes=notes[event_id], facts=_facts(by_event[event_id])
        )
    return results


def _facts(report: HallReport) -> EventFacts:
    return facts_of(report.fields, report.fields.get("external_number"), report.iiko_id)


def _read(event: Claimed, directory: Directory, read: Read) -> HallReading[Any] | EventResult:
    organization = directory.serving(event)
    if isinstance(organization, EventResult):
        return organization
    info = content_of(event, otherwise=Reason.NO_CONTENT)
    if isinstance(info, EventResult):
        return info
    reading = read(info, lambda group: directory.zone(organization, group))
    if (refusal := check_named_organization(event, reading.organization_id)) is not None:
        return refusal
    if reading.iiko_id is None:
        return ignored(Reason.NO_ORDER_ID, "; ".join(("eventInfo has no id.", *reading.issues))[:500])
    return reading


def _report(event: Claimed, reading: HallReading[Any], course: Sequence[str]) -> HallReport:
    fields: HallFields = reading.fields
    progress = progress_of(
        fields.get("creation_status"), fields.get("status"), course, is_deleted=fields.get("is_deleted")
    )
    return HallReport(
        event_id=event.id,
        organization_id=event.organization_id,
        iiko_id=reading.iiko_id or "",
        precedence=precedence_of(event, progress=progress),
        revision=event.revision,
        fields=fields,
    )
