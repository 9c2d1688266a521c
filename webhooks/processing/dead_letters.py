"""Events that failed for good, put together by what they failed of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Func, Max, Min, TextField, Value
from django.db.models.functions import Left

from webhooks.models.inbox import WebhookEvent, WebhookEventQuerySet

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


def dead_letter_groups() -> list[DeadLetterGroup]:
    """List the groups, the largest first, at most ``GROUPS_SHOWN``."""
    rows = (
        _with_alike(WebhookEvent.objects.abandoned())
        .order_by()
        .values("event_type", "reason", "alike")
        .annotate(count=Count("pk"), first=Min("received_at"), last=Max("received_at"), example_id=Max("pk"))
        .order_by("-count", "event_type", "alike")
    )
    return [DeadLetterGroup(**row) for row in rows[:GROUPS_SHOWN]]


def dead_letters_like(*, event_type: str, reason: str, alike: str) -> WebhookEventQuerySet:
    """Select the events of one group."""
    events = WebhookEvent.objects.abandoned().filter(event_type=event_type, reason=reason)
    alike_events: WebhookEventQuerySet = _with_alike(events).filter(alike=alike)
    return alike_events


def _with_alike(events: WebhookEventQuerySet) -> Any:
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
