"""What is sent of events: the body of each, as it stands when it is rendered."""

import json
from collections.abc import Sequence

from iiko_client.models.order_lines import iso
from outbound.models.events import OutboundEvent


def render_bodies(events: Sequence[OutboundEvent], *, with_people: bool) -> dict[int, str]:
    """Return the JSON of each event by its pk."""
    del with_people  # there are none in it
    return {event.pk: _body(event) for event in events}


def _body(event: OutboundEvent) -> str:
    data = {"id": event.row_id, "organization_id": event.organization_id, "changes": event.changes}
    body = {"type": event.event_type, "timestamp": iso(event.occurred_at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
