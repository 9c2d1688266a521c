"""Delivery orders: Cloud events and SOI messages to reports for the mirror."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Q

from core.mirror.precedence import progress_of, soi_precedence
from iiko_client.models import events as wire
from iiko_client.models.order import OrderFields, OrderReading, looks_like_order_info, read_order_info
from iiko_client.models.soi import read_soi_order
from iiko_client.models.statuses import DeliveryStatus
from loyalty.wallets.holds import notice_orders
from orders.mirror.apply import Applied, OrderReport, Outcome, apply_reports
from orders.models.command import OrderCommand
from orders.models.order import CreationStatus, Order
from webhooks.event_log import facts_of
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers import base
from webhooks.processing.handlers.base import Claimed, Directory, EventResult, Mirror, writes


def _orders_about(events: Sequence[Claimed]) -> Q:
    """Find the rows that these events may change, by either id; two of them may turn out to be one order."""
    envelopes = [wire.read_envelope(event.payload) for event in events]
    external_ids = {each.order_external_id for each in envelopes} - {""}
    found = Q(iiko_order_id__in={each.entity_key for each in envelopes} - {""})
    found |= Q(external_order_id__in=external_ids) | Q(soi_external_id__in=external_ids)
    return Q(organization_id__in={event.organization_id for event in events}) & found


def _commands_about(events: Sequence[Claimed]) -> Q:
    """News may show that a command has come true."""
    return Q(order__in=Order.objects.filter(_orders_about(events)))


@writes(Mirror(Order, _orders_about), Mirror(OrderCommand, _commands_about, ("state",)))
def apply_deliveries(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    """Apply delivery events of any format to the mirror."""
    readings, results = base.read_each(events, _read)
    reports = [report for report, _ in readings.values()]
    applied = apply_reports(reports, now=now) if reports else {}
    for report, notes in readings.values():
        results[report.event_id] = _result(applied[report.event_id], notes, report)
    _notice_cancelled_or_refused(reports, results)
    return results


def _notice_cancelled_or_refused(reports: Sequence[OrderReport], results: Mapping[int, EventResult]) -> None:
    """Money may be held for orders that are cancelled, deleted or refused; all others cost nothing here."""
    over = {
        order_id
        for report in reports
        if report.fields.get("status") == DeliveryStatus.CANCELLED.value
        or report.fields.get("creation_status") == CreationStatus.ERROR
        or report.fields.get("is_deleted")
        if (order_id := results[report.event_id].order_id) is not None
    }
    if over:
        notice_orders(over)


def _result(applied: Applied, notes: tuple[str, ...], report: OrderReport) -> EventResult:
    result = EventResult(
        EventStatus.PROCESSED,
        notes=notes,
        order_id=applied.order_id,
        is_without_guest=applied.is_without_guest,
    )
    if applied.outcome is Outcome.OLDER:
        return replace(result, status=EventStatus.STALE, reason=Reason.OLDER)
    return replace(result, facts=facts_of(report.fields, report.external_order_id, report.iiko_order_id))


def _read(event: Claimed, directory: Directory) -> tuple[OrderReport, tuple[str, ...]]:
    event, dating = base.dated(event)
    if event.format == wire.SOI:
        reading = read_soi_order(event.payload)
    else:
        info = base.content_of(event, otherwise=Reason.NOT_AN_ORDER)
        if event.event_type in wire.OLDER_EVENT_TYPES and not looks_like_order_info(info):
            words = f"{event.event_type} whose eventInfo is not an order."
            raise base.NotApplied(Reason.NOT_AN_ORDER, words)
        reading = read_order_info(info, directory.zones(event.organization_id))
    base.check_named_organization(event, reading.organization_id)
    if reading.iiko_order_id is None and (event.format == wire.CLOUD or reading.external_order_id is None):
        raise base.NotApplied(Reason.NO_ORDER_ID, "; ".join(reading.issues)[:500])
    return _report(event, reading, directory), (*dating, *reading.issues)


def _report(event: Claimed, reading: OrderReading, directory: Directory) -> OrderReport:
    fields = reading.fields
    # No Cloud event names the restaurant; the terminal group does.
    if group := directory.group(event.organization_id, fields.get("terminal_group_id")):
        fields["restaurant_name"] = group.name
    return OrderReport(
        event_id=event.id,
        organization_id=event.organization_id,
        iiko_order_id=reading.iiko_order_id,
        external_order_id=reading.external_order_id,
        precedence=_precedence(event, fields),
        revision=event.revision,
        fields=fields,
        happened_at=base.happened_at(event),
        fallback_restaurant_name=directory.organizations[event.organization_id].name,
        is_replay=event.arrival_id != event.id,
        trace_id=event.trace_id,
    )


def _precedence(event: Claimed, fields: OrderFields) -> str:
    if event.format == wire.SOI:
        return soi_precedence(is_update=event.event_type == "UPDATE", arrival_id=event.arrival_id)
    progress = progress_of(
        fields.get("creation_status"), fields.get("status"), is_deleted=fields.get("is_deleted")
    )
    return base.precedence_of(event, progress=progress)
