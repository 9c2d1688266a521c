"""Table orders and reserves: Cloud events to reports for the mirror of the hall."""

from collections.abc import Callable, Sequence
from datetime import datetime

from core.mirror.precedence import progress_of
from hall.mirror import HallReport, apply_reports
from hall.models import HallRow, Reserve, TableOrder
from iiko_client.json_reader import JsonObject
from iiko_client.models.hall import (
    HallFields,
    HallReading,
    ReserveFields,
    TableOrderFields,
    read_reserve_info,
    read_table_order_info,
)
from iiko_client.models.shared import ZoneOf
from iiko_client.models.statuses import ReserveStatus, TableOrderStatus
from webhooks.event_log import facts_of
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers import base
from webhooks.processing.handlers.base import Claimed, Directory, EventResult, Mirror, by_entity, writes

Read = Callable[[JsonObject, ZoneOf], HallReading[TableOrderFields] | HallReading[ReserveFields]]


@writes(Mirror(TableOrder, by_entity("iiko_id")))
def apply_table_orders(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    return _apply(TableOrder, events, read_table_order_info, tuple(TableOrderStatus), now)


@writes(Mirror(Reserve, by_entity("iiko_id")))
def apply_reserves(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    return _apply(Reserve, events, read_reserve_info, tuple(ReserveStatus), now)


def _apply(
    model: type[HallRow], events: Sequence[Claimed], read: Read, course: Sequence[str], now: datetime
) -> dict[int, EventResult]:
    def report_of(event: Claimed, directory: Directory) -> tuple[HallReport, tuple[str, ...]]:
        event, notes = base.dated(event)
        info = base.content_of(event, otherwise=Reason.NO_CONTENT)
        reading = read(info, directory.zones(event.organization_id))
        base.check_named_organization(event, reading.organization_id)
        if reading.iiko_id is None:
            words = "; ".join(("eventInfo has no id.", *reading.issues))[:500]
            raise base.NotApplied(Reason.NO_ORDER_ID, words)
        return _report(event, reading.iiko_id, reading.fields, course), (*notes, *reading.issues)

    readings, results = base.read_each(events, report_of)
    reports = [report for report, _ in readings.values()]
    applied = apply_reports(model, reports, now=now) if reports else {}
    for report, notes in readings.values():
        fields = report.fields
        facts = facts_of(fields, fields.get("external_number"), report.iiko_id)
        done = applied[report.event_id]
        status, reason = (EventStatus.PROCESSED, "") if done.counts else (EventStatus.STALE, Reason.OLDER)
        results[report.event_id] = EventResult(
            status, reason, notes=notes, facts=facts, is_without_guest=done.is_without_guest
        )
    return results


def _report(event: Claimed, iiko_id: str, fields: HallFields, course: Sequence[str]) -> HallReport:
    progress = progress_of(
        fields.get("creation_status"), fields.get("status"), course, is_deleted=fields.get("is_deleted")
    )
    return HallReport(
        event_id=event.id,
        organization_id=event.organization_id,
        iiko_id=iiko_id,
        precedence=base.precedence_of(event, progress=progress),
        revision=event.revision,
        fields=fields,
    )
