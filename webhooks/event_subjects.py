"""What an event is about, where that is no delivery, and the events behind a row.

Rows of the hall are found by organization and entity, a shift by its person and the moment of an end.
"""

from django.db.models import Q, QuerySet

from hall.models import HallRow, Reserve, TableOrder
from organizations.models.shifts import Shift
from organizations.name_annotations import with_employee_names
from webhooks.models.inbox import WebhookEvent

HALL: dict[str, type[HallRow]] = {
    "TableOrderUpdate": TableOrder,
    "TableOrderError": TableOrder,
    "ReserveUpdate": Reserve,
    "ReserveError": Reserve,
}

SHIFT, STOP_LIST = "PersonalShift", "StopListUpdate"


def hall_row_of(event: WebhookEvent) -> HallRow | None:
    """Find the table order or reserve of the event; None for other events, or before it is applied."""
    model = HALL.get(event.event_type)
    if model is None or not event.entity_key:
        return None
    rows = model._default_manager.filter(organization_id=event.organization_id, iiko_id=event.entity_key)
    return rows.first()


def shift_of(event: WebhookEvent) -> Shift | None:
    """Find the shift that a PersonalShift began or ended."""
    if event.event_type != SHIFT or event.event_time is None:
        return None
    told = WebhookEvent.objects.filter(pk=event.pk)
    (group,) = told.values_list("payload__eventInfo__terminalGroupId", flat=True)
    shifts: QuerySet[Shift] = with_employee_names(Shift.objects.all()).filter(
        Q(opened_at=event.event_time) | Q(closed_at=event.event_time),
        organization_id=event.organization_id,
        employee_id=event.entity_key,
        terminal_group_id=str(group).strip().lower(),
    )
    return shifts.order_by("began_at").first()


def events_of(row: HallRow | Shift) -> QuerySet[WebhookEvent]:
    """List the events about a row of the hall, or the ends of a shift, the newest first."""
    if isinstance(row, Shift):
        ends = {row.opened_at, row.closed_at} - {None}
        events = WebhookEvent.objects.filter(
            organization_id=row.organization_id,
            entity_key=row.employee_id,
            event_type=SHIFT,
            event_time__in=ends,
        )
        # Somebody may come at two terminal groups at one moment.
        return events.filter(payload__eventInfo__terminalGroupId__iexact=row.terminal_group_id).order_by(
            "-id"
        )
    types = [name for name, model in HALL.items() if isinstance(row, model)]
    events = WebhookEvent.objects.filter(
        organization_id=row.organization_id, entity_key=row.iiko_id, event_type__in=types
    )
    return events.order_by("-id")
