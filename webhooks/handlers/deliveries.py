"""Delivery orders: Cloud events and SOI messages to reports for the mirror."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from iiko_client import clocks
from iiko_client.types import events as wire
from iiko_client.types.orders import OrderFields, OrderReading, looks_like_order_info, read_order_info
from iiko_client.types.soi import read_soi_order
from iiko_client.types.statuses import DeliveryStatus
from loyalty.services.holds import notice_orders
from orders.models import CreationStatus
from orders.services.mirror import Applied, OrderReport, Outcome, apply_reports
from orders.services.ranks import cloud_rank, progress_of, soi_rank
from organizations.models import Organization, TerminalGroup
from webhooks.handlers.base import Claimed, Ending, check_organization, ignored
from webhooks.models import EventStatus, Reason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Directory:
    """The organizations and terminal groups that a batch of events names."""

    def __init__(self, organization_ids: Iterable[str]) -> None:
        ids = set(organization_ids)
        self.organizations = {one.iiko_id: one for one in Organization.objects.filter(iiko_id__in=ids)}
        self._terminal_groups = {
            (group.organization_id, group.iiko_id): group
            for group in TerminalGroup.objects.filter(organization_id__in=ids)
        }

    def zone(self, organization: Organization, terminal_group_id: str | None) -> tzinfo:
        """The clock of a terminal group; the organization's where the group or its zone is unknown."""
        group = self.group(organization, terminal_group_id)
        return clocks.zone(group.timezone) if group and group.timezone else organization.zone()

    def group(self, organization: Organization, terminal_group_id: str | None) -> TerminalGroup | None:
        return self._terminal_groups.get((organization.iiko_id, (terminal_group_id or "").lower()))


def apply_deliveries(events: Sequence[Claimed], now: datetime) -> dict[int, Ending]:
    """Apply delivery events of any format to the mirror."""
    directory = Directory(event.organization_id for event in events)
    endings: dict[int, Ending] = {}
    reports: list[OrderReport] = []
    notes: dict[int, tuple[str, ...]] = {}
    for event in events:
        read = _read(event, directory)
        if isinstance(read, Ending):
            endings[event.id] = read
            continue
        reports.append(read[0])
        notes[event.id] = read[1]
    for event_id, applied in (apply_reports(reports, now=now) if reports else {}).items():
        endings[event_id] = _ending(applied, notes[event_id])
    _notice_what_came_to_nothing(reports, endings)
    return endings


def _notice_what_came_to_nothing(reports: Sequence[OrderReport], endings: Mapping[int, Ending]) -> None:
    """Money may be held for orders that are cancelled or refused; all others cost nothing here."""
    over = {
        order_id
        for report in reports
        if report.fields.get("status") == DeliveryStatus.CANCELLED.value
        or report.fields.get("creation_status") == CreationStatus.ERROR
        if (order_id := endings[report.event_id].order_id) is not None
    }
    if over:
        notice_orders(over)


def _ending(applied: Applied, notes: tuple[str, ...]) -> Ending:
    if applied.outcome is Outcome.OLDER:
        return Ending(EventStatus.STALE, Reason.OLDER, notes=notes, order_id=applied.order_id)
    return Ending(EventStatus.PROCESSED, notes=notes, order_id=applied.order_id)


def _read(event: Claimed, directory: Directory) -> tuple[OrderReport, tuple[str, ...]] | Ending:
    organization = directory.organizations.get(event.organization_id)
    if (refusal := check_organization(event, organization)) is not None or organization is None:
        return refusal or ignored(Reason.UNKNOWN_ORGANIZATION)
    if event.format == wire.SOI:
        reading = read_soi_order(event.payload)
    else:
        info: Any = event.payload.get("eventInfo")
        if (refusal := _check_content(event, info)) is not None:
            return refusal
        reading = read_order_info(info, lambda group: directory.zone(organization, group))
    if (refusal := _check_identity(event, reading)) is not None:
        return refusal
    return _report(event, reading, directory, organization), reading.issues


def _check_content(event: Claimed, info: Any) -> Ending | None:
    if info is None:
        return ignored(Reason.NO_CONTENT, "eventInfo is missing or null.")
    if not isinstance(info, Mapping):
        return ignored(Reason.NOT_AN_ORDER, "eventInfo is not an object.")
    if event.event_type in wire.OLDER_EVENT_TYPES and not looks_like_order_info(info):
        return ignored(Reason.NOT_AN_ORDER, f"{event.event_type} whose eventInfo is not an order.")
    return None


def _check_identity(event: Claimed, reading: OrderReading) -> Ending | None:
    named = reading.organization_id
    if named is not None and named != event.organization_id:
        return ignored(
            Reason.ORGANIZATION_MISMATCH,
            f"The envelope says organization {event.organization_id}, its content {named}.",
        )
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
        rank=_rank(event, fields),
        revision=event.revision,
        fields=fields,
        happened_at=_instant(event.revision) or event.event_time,
        fallback_restaurant_name=organization.name,
    )


def _name_restaurant(fields: OrderFields, directory: Directory, organization: Organization) -> None:
    """No Cloud event names the restaurant; the terminal group does."""
    group = directory.group(organization, fields.get("terminal_group_id"))
    if group is not None:
        fields["restaurant_name"] = group.name


def _rank(event: Claimed, fields: OrderFields) -> str:
    if event.format == wire.SOI:
        return soi_rank(is_update=event.event_type == "UPDATE", arrival_id=event.arrival_id)
    revision = event.revision
    if revision is None and event.event_time is not None:
        # Both count milliseconds since the epoch; the notification follows the change at once.
        revision = int(event.event_time.timestamp() * 1000)
    if revision is None or revision < 0:
        return soi_rank(is_update=True, arrival_id=event.arrival_id)
    progress = progress_of(fields.get("creation_status"), fields.get("status"))
    return cloud_rank(revision=revision, progress=progress, digest=event.digest)


def _instant(revision: int | None) -> datetime | None:
    if revision is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=revision)
    except OverflowError:
        return None
