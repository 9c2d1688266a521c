"""Filters of ``GET webhooks/events``."""

from __future__ import annotations

import django_filters as filters

from organizations.api.filters import ExternalIdFilter, IikoIdFilter
from webhooks.models import EventSource, EventStatus, Reason, WebhookEvent


class EventFilter(filters.FilterSet):
    event_type = filters.CharFilter()
    status = filters.ChoiceFilter(choices=EventStatus.choices)
    organization_id = IikoIdFilter()
    order_external_id = ExternalIdFilter()
    correlation_id = IikoIdFilter()
    reason = filters.ChoiceFilter(choices=Reason.choices)
    processing_error = filters.CharFilter(lookup_expr="icontains", help_text="A part of the error's text.")
    source = filters.ChoiceFilter(choices=EventSource.choices)
    since = filters.IsoDateTimeFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = filters.IsoDateTimeFilter(
        field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before."
    )

    class Meta:
        model = WebhookEvent
        fields: list[str] = []
