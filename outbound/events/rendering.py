"""What is sent of events: the body of each, as it stands when it is rendered."""

from collections.abc import Sequence

from iiko_client.json_reader import JsonObject
from iiko_client.models.order_lines import iso
from outbound.models.events import OutboundEvent


def render(events: Sequence[OutboundEvent], *, with_personal_data: bool) -> dict[int, JsonObject]:
    """Return the whole body of each event, by the id of the event."""
    del with_personal_data  # there is none in it
    return {event.pk: _body(event) for event in events}


def _body(event: OutboundEvent) -> JsonObject:
    data = {"id": event.row_id, "organization_id": event.organization_id, "changes": event.changes}
    return {"type": event.event_type, "timestamp": iso(event.occurred_at), "data": data}
