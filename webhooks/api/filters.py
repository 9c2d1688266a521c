"""Filters of ``GET webhooks/events`` and ``GET webhooks/configs``."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import QuerySet

from iiko_client.types.events import event_type_of
from organizations.api.filters import ChoicesFilter, ExternalIdFilter, IikoIdFilter, TextsFilter
from webhooks.models import EventSource, EventStatus, Reason, WebhookConfig, WebhookEvent


class EventTypeFilter(TextsFilter):
    """Types in any spelling, as they are stored in one."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return super().filter(qs, [event_type_of(text) for text in value])


class EventFilter(filters.FilterSet):
    event_type = EventTypeFilter()
    status = ChoicesFilter(choices=EventStatus.choices)
    organization_id = IikoIdFilter()
    order_external_id = ExternalIdFilter()
    correlation_id = IikoIdFilter()
    reason = ChoicesFilter(choices=Reason.choices)
    processing_error = filters.CharFilter(lookup_expr="icontains", help_text="A part of the error's text.")
    source = ChoicesFilter(choices=EventSource.choices)
    since = filters.IsoDateTimeFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = filters.IsoDateTimeFilter(
        field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before."
    )

    class Meta:
        model = WebhookEvent
        fields: list[str] = []


class ConfigFilter(filters.FilterSet):
    organization_id = IikoIdFilter()

    class Meta:
        model = WebhookConfig
        fields: list[str] = []
