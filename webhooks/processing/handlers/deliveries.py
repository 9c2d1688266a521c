"""Delivery orders: Cloud events and SOI messages to reports for the mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from organizations.models.organization import Organization
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers.base import (
    Claimed,
    Directory,
    EventResult,
    Mirror,
    check_named_organization,
    content_of,
    dated,
    facts_of,
    happened_at,
    ignored,
    precedence_of,
    writes,
)


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
    directory = Directory(event.organization_id for event in events)
    results: dict[int, EventResult] = {}
    reports: list[OrderReport] = []
    notes: dict[int, tuple[str, ...]] = {}
    for event, dating in map(dated, events):
        read = _read(event, directory)
        if isinstance(read, EventResult):
            results[event.id] = read
            continue
        reports.append(read[0])
        notes[event.id] = (*dating, *read[1])
    by_event = {report.event_id: report for report in reports}
    for event_id, applied in (apply_reports(reports, now=now) if reports else {}).items():
        results[event_id] = _result(applied, notes[event_id], by_event[event_id])
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
    if applied.outcome is Outcome.OLDER:
        return EventResult(EventStatus.STALE, Reason.OLDER, notes=notes, order_id=applied.order_id)
    facts = facts_of(report.fields, report.external_order_id, report.iiko_order_id)
    return EventResult(EventStatus.PROCESSED, notes=notes, order_id=applied.order_id, facts=facts)


def _read(event: Claimed, directory: Directory) -> tuple[OrderReport, tuple[str, ...]] | EventResult:
    organization = directory.serving(event)
    if isinstance(organization, EventResult):
        return organization
    if event.format == wire.SOI:
        reading = read_soi_order(event.payload)
    else:
        info = content_of(event, otherwise=Reason.NOT_AN_ORDER)
        if isinstance(info, EventResult):
            return info
        if event.event_type in wire.OLDER_EVENT_TYPES and not looks_like_order_info(info):
            return ignored(Reason.NOT_AN_ORDER, f"{event.event_type} whose eventInfo is not an order.")
        reading = read_order_info(info, lambda group: directory.zone(organization, group))
    if (refusal := _check_identity(event, reading)) is not None:
        return refusal
    return _report(event, reading, directory, organization), reading.issues


def _check_identity(event: Claimed, reading: OrderReading) -> EventResult | None:
    if (refusal := check_named_organization(event, reading.organization_id)) is not None:
        return refusal
    if reading.iiko_order_id is None and (event.format == wire.CLOUD or reading.external_order_id is None):
        return ignored(Reason.NO_ORDER_ID, "; ".join(reading.issues)[:500])
    return None


def _report(
    event: Claimed, reading: OrderReading, directory: Directory, organization: Organization
) -> OrderReport:
    fields = reading.fields
    _name_restaurant(fields, directory, organization)
    return OrderReport(
        event_id=event.id,
        organization_id=organization.iiko_id,
        iiko_order_id=reading.iiko_order_id,
        external_order_id=reading.external_order_id,
        precedence=_precedence(event, fields),
        revision=event.revision,
        fields=fields,
        happened_at=happened_at(event),
        fallback_restaurant_name=organization.name,
        is_replay=event.arrival_id != event.id,
    )


def _name_restaurant(fields: OrderFields, directory: Directory, organization: Organization) -> None:
    """No Cloud event names the restaurant; the terminal group does."""
    group = directory.group(organization, fields.get("terminal_group_id"))
    if group is not None:
        fields["restaurant_name"] = group.name


def _precedence(event: Claimed, fields: OrderFields) -> str:
    if event.format == wire.SOI:
        return soi_precedence(is_update=event.event_type == "UPDATE", arrival_id=event.arrival_id)
    progress = progress_of(
        fields.get("creation_status"), fields.get("status"), is_deleted=fields.get("is_deleted")
    )
    return precedence_of(event, progress=progress)
