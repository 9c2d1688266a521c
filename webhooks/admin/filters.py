"""What an operator asks of the list of events."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.admin.filters import Choice, HubDropdownFilter
from webhooks.admin.display import type_text
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent

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


class MetTypeFilter(HubDropdownFilter):
    title = _("type")
    parameter_name = "type"
    column = "event_type"

    def offered(self, request: HttpRequest) -> list[Choice]:
        return [(name or NO_TYPE, type_text(name)) for name in types_met()]

    def queryset(
        self,
        request: HttpRequest,
        queryset: QuerySet[WebhookEvent],
    ) -> QuerySet[WebhookEvent]:
        if self.value() == NO_TYPE:
            return queryset.filter(event_type="")
        return super().queryset(request, queryset)


class ReasonFilter(HubDropdownFilter):
    title = _("reason")
    parameter_name = "reason"
    column = "reason"

    def offered(self, request: HttpRequest) -> list[Choice]:
        return list(Reason.choices)

    def queryset(
        self,
        request: HttpRequest,
        queryset: QuerySet[WebhookEvent],
    ) -> QuerySet[WebhookEvent]:
        # An applied event has no reason; without them the index of the others answers.
        chosen = super().queryset(request, queryset)
        return chosen.exclude(status=EventStatus.PROCESSED) if self.value() else chosen
