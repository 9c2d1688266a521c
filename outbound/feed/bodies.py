"""The bodies of events, rendered once: every attempt and every redelivery sends the same bytes."""

import json
from collections.abc import Sequence

import structlog
from django.db import DatabaseError, InterfaceError

from iiko_client.models.order_lines import iso
from outbound.events.rendering import render_bodies
from outbound.models.events import OutboundEvent

logger = structlog.stdlib.get_logger(__name__)


def fill_bodies(events: Sequence[OutboundEvent], *, with_people: bool) -> None:
    """Set the body of each event that has none yet, with personal data or masked; nothing is saved."""
    name = "personal_body" if with_people else "body"
    if bare := [event for event in events if getattr(event, name) is None]:
        bodies = _rendered(bare, with_people=with_people)
        for event in bare:
            setattr(event, name, bodies[event.pk])


def body_of(event: OutboundEvent, *, with_people: bool) -> str:
    """Return what is sent; rendered and saved now, where nobody wanted it so when it happened."""
    name = "personal_body" if with_people else "body"
    if getattr(event, name) is None:
        fill_bodies([event], with_people=with_people)
        event.save(update_fields=[name])
    body: str = getattr(event, name)
    return body


def _rendered(events: Sequence[OutboundEvent], *, with_people: bool) -> dict[int, str]:
    try:
        return render_bodies(events, with_people=with_people)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:  # whatever a row of the mirror holds: the feed goes on
        logger.exception("outbound.not_rendered", event_pks=[event.pk for event in events][:20])
    if len(events) == 1:
        return {event.pk: _least(event) for event in events}
    # One of them is odd: of the others all is sent.
    return {pk: body for one in events for pk, body in _rendered([one], with_people=with_people).items()}


def _least(event: OutboundEvent) -> str:
    """Return what the event itself holds: that something changed is sent in any case."""
    data = {"id": event.row_id, "organization_id": event.organization_id, "changes": event.changes}
    body = {"type": event.event_type, "timestamp": iso(event.occurred_at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
