"""From what happened to who receives it: events get a place in the order of commits, and deliveries.

An event becomes visible when its transaction commits, so what is seen here is committed, and of one entity
the earlier change has the smaller id: the later writer waited for the row. Whatever is seen and has no
position gets one, by id; what commits later is seen later. No event is passed over, for none is looked for by
a number that others have overtaken (docs/adr/0013).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection, transaction

from core.database import db_clock
from core.database.advisory_locks import AdvisoryLock, try_acquire
from core.database.sql_bulk import insert_rows, update_rows
from outbound.feed.audience import Audience, audiences
from outbound.feed.bodies import fill_bodies
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.events import OutboundEvent

BATCH = 500
_WRITTEN = (
    *("subscription", "event", "event_type", "organization", "entity", "position", "state"),
    *("attempts", "last_error", "next_attempt_at", "created_at"),
)


def fan_out(*, limit: int = BATCH) -> int:
    """Give new events their positions and deliveries; return how many events.

    None where another worker is at it. All or nothing: a worker that dies leaves them as they were.
    """
    if not _has_new():
        return 0
    with transaction.atomic():
        if not try_acquire(AdvisoryLock.OUTBOUND, ""):
            return 0
        # After the lock: what another worker has numbered is seen as numbered.
        events = list(OutboundEvent.objects.filter(position__isnull=True).order_by("id")[:limit])
        if events:
            _number(events)
            now = db_clock.now()
            deliver(events, audiences(now=now), now=now)
    return len(events)


def _has_new() -> bool:
    return OutboundEvent.objects.filter(position__isnull=True).exists()


def _number(events: Sequence[OutboundEvent]) -> None:
    for event, position in zip(events, next_positions(len(events)), strict=True):
        event.position = position


def next_positions(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('outbound_positions') FROM generate_series(1, %s)", [count])
        return [position for (position,) in cursor.fetchall()]


def deliver(events: Sequence[OutboundEvent], heard_by: Sequence[Audience], *, now: datetime) -> int:
    """Save these events, which have a position, with their bodies, and make their deliveries.

    Return how many. A subscription that has a delivery of one of the events must not be asked for again.
    """
    pairs = [(event, one) for event in events for one in heard_by if one.wants(event)]
    wanted_events = {event.pk: event for event, _one in pairs}
    for with_people in (False, True):
        wanted = {event.pk for event, one in pairs if one.subscription.shows_guests is with_people}
        fill_bodies([event for pk, event in wanted_events.items() if pk in wanted], with_people=with_people)
    update_rows(OutboundEvent, ("position", "body", "personal_body"), [_numbered(event) for event in events])
    rows = list(_rows(pairs, now))
    insert_rows(Delivery, _WRITTEN, rows)
    return len(rows)


def _numbered(event: OutboundEvent) -> dict[str, object]:
    return {
        "id": event.pk,
        "position": event.position,
        "body": event.body,
        "personal_body": event.personal_body,
    }


def _rows(pairs: Sequence[tuple[OutboundEvent, Audience]], now: datetime) -> Iterator[dict[str, object]]:
    for event, one in pairs:
        yield {
            "subscription_id": one.subscription.pk,
            "event_id": event.pk,
            "event_type": event.event_type,
            "organization_id": event.organization_id,
            "entity": f"{event.entity_type}/{event.entity_id}",
            "position": event.position,
            "state": DeliveryState.PENDING,
            "attempts": 0,
            "last_error": "",
            "next_attempt_at": now,
            "created_at": now,
        }
