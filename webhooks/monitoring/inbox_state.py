"""How the inbox is doing, in numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, F, Func, Max, Min, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Left

from core.database.counting import COUNT_UP_TO
from webhooks.models.inbox import EventSource, EventStatus, WebhookEvent, WebhookEventQuerySet

_STATE = """
SELECT count(*) FILTER (WHERE status = 'pending'),
       count(*) FILTER (WHERE status = 'failed'),
       coalesce(extract(epoch FROM
           statement_timestamp() - min(received_at) FILTER (WHERE status = 'pending')), 0)
FROM webhook_events
WHERE status IN ('pending', 'failed') AND (%s::text[] IS NULL OR organization_id = ANY(%s))
"""
_UNKNOWN_TYPES = """
SELECT count(*) FROM (
    SELECT FROM webhook_events
    WHERE reason = 'unknown_type' AND received_at >= statement_timestamp() - interval '1 day'
      AND (%s::text[] IS NULL OR organization_id = ANY(%s))
    LIMIT %s
) AS met
"""
_NOT_OURS = """
SELECT count(*) FILTER (WHERE registration_status = 'drifted'),
       count(*) FILTER (WHERE registration_status = 'failed')
FROM webhook_configs JOIN organizations ON organizations.iiko_id = webhook_configs.organization_id
WHERE webhook_configs.is_active AND organizations.is_active
"""


@dataclass(frozen=True, slots=True)
class InboxState:
    waiting: int
    failed: int
    dead: int
    oldest_s: float
    unknown_types: int
    """In the last 24 hours, up to ``COUNT_UP_TO``."""


def inbox_state(restaurants: Collection[str] | None = None) -> InboxState:
    """Count what is not ended well; each count is answered by a partial index.

    ``restaurants``: iiko's ids of those whose events are counted; None: all events.
    """
    ids = None if restaurants is None else sorted(restaurants)
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [ids, ids])
        waiting, failed, oldest_s = cursor.fetchone()
        cursor.execute(_UNKNOWN_TYPES, [ids, ids, COUNT_UP_TO + 1])
        (unknown_types,) = cursor.fetchone()
    abandoned = WebhookEvent.objects.abandoned()
    dead = (abandoned if ids is None else abandoned.filter(organization_id__in=ids)).count()
    return InboxState(waiting, failed, dead, float(oldest_s), unknown_types)


def waiting_since() -> datetime | None:
    """Say when the oldest event came that is not applied yet; one query, for pages that ask often."""
    oldest = WebhookEvent.objects.filter(status=EventStatus.PENDING).aggregate(at=Min("received_at"))
    at: datetime | None = oldest["at"]
    return at


def registration_state() -> tuple[int, int]:
    """How many webhooks iiko has otherwise than we told it, and how many could not be registered."""
    with connection.cursor() as cursor:
        cursor.execute(_NOT_OURS)
        drifted, failed = cursor.fetchone()
    return drifted, failed


def last_received(iiko_id: str) -> Subquery:
    """When iiko's last webhook came for the organization in that column. A replay is no sign of life."""
    events = WebhookEvent.objects.filter(organization_id=OuterRef(iiko_id), source=EventSource.WEBHOOK)
    return Subquery(events.order_by("-received_at").values("received_at")[:1])


GROUPS_SHOWN = 100
_LONGEST = 200

# What differs from event to event in an otherwise equal error.
_PARTICULARS = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+"


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Events of one type that failed of the same. ``alike`` is their error without its particulars."""

    event_type: str
    reason: str
    alike: str
    count: int
    first: datetime
    last: datetime
    example_id: int
    """The newest of them."""


def dead_letter_groups(events: WebhookEventQuerySet) -> list[DeadLetterGroup]:
    """List the groups among ``events``, the largest first, at most ``GROUPS_SHOWN``."""
    rows = (
        _with_alike(events.abandoned())
        .order_by()
        .values("event_type", "reason", "alike")
        .annotate(count=Count("pk"), first=Min("received_at"), last=Max("received_at"), example_id=Max("pk"))
        .order_by("-count", "event_type", "alike")
    )
    return [DeadLetterGroup(**row) for row in rows[:GROUPS_SHOWN]]


def dead_letters_like(
    events: WebhookEventQuerySet, *, event_type: str, reason: str, alike: str
) -> WebhookEventQuerySet:
    """Select those of ``events`` that belong to one group."""
    of_type = events.abandoned().filter(event_type=event_type, reason=reason)
    alike_events: WebhookEventQuerySet = _with_alike(of_type).filter(alike=alike)
    return alike_events


def _with_alike(events: WebhookEventQuerySet) -> Any:  # noqa: ANN401  # mypy knows no type with an added column
    """Add a column ``alike`` to the events."""
    without = Func(
        F("processing_error"),
        Value(_PARTICULARS),
        Value("…"),
        Value("gi"),
        function="regexp_replace",
        output_field=TextField(),
    )
    return events.annotate(alike=Left(without, _LONGEST))


NO_TYPE = "-"
"""How an address names events without a type."""

# One probe of the index for each type, however many events there are.
_TYPES_MET = """
WITH RECURSIVE met(event_type, number) AS (
    (SELECT event_type, 1 FROM webhook_events ORDER BY event_type LIMIT 1)
    UNION ALL
    SELECT (SELECT event_type FROM webhook_events e WHERE e.event_type > met.event_type
            ORDER BY event_type LIMIT 1), number + 1
    FROM met WHERE met.event_type IS NOT NULL AND number < 200
)
SELECT event_type FROM met WHERE event_type IS NOT NULL
"""


def types_met() -> list[str]:
    """Every type of event that ever came, at most 200; the empty text for messages without one."""
    with connection.cursor() as cursor:
        cursor.execute(_TYPES_MET)
        return [event_type for (event_type,) in cursor.fetchall()]
