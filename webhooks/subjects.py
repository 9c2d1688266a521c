"""What an event is about, where that is no delivery: rows of the hall, found by organization and entity."""

from __future__ import annotations

from django.db.models import QuerySet

from hall.models import HallRow, Reserve, TableOrder
from webhooks.models import WebhookEvent

HALL: dict[str, type[HallRow]] = {
    "TableOrderUpdate": TableOrder,
    "TableOrderError": TableOrder,
    "ReserveUpdate": Reserve,
    "ReserveError": Reserve,
}


def hall_row_of(event: WebhookEvent) -> HallRow | None:
    """The table order or reserve that the event is about; None for other events, or before it is applied."""
    model = HALL.get(event.event_type)
    if model is None or not event.entity_key:
        return None
    rows = model._default_manager.filter(organization_id=event.organization_id, iiko_id=event.entity_key)
    return rows.first()


def events_of(row: HallRow) -> QuerySet[WebhookEvent]:
    """The events about a row of the hall, the newest first, however they ended."""
    types = [name for name, model in HALL.items() if isinstance(row, model)]
    events = WebhookEvent.objects.filter(
        organization_id=row.organization_id, entity_key=row.iiko_id, event_type__in=types
    )
    return events.order_by("-id")
