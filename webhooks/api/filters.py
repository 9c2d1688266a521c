"""Filters of ``GET webhooks/events`` and ``GET webhooks/configs``."""

from __future__ import annotations

import django_filters as filters

from organizations.api.filters import ChoicesFilter, ExternalIdFilter, IikoIdFilter, MomentFilter, TextsFilter
from webhooks.models import EventSource, EventStatus, Reason, WebhookConfig, WebhookEvent


class EventFilter(filters.FilterSet):
    event_type = TextsFilter()
    status = ChoicesFilter(choices=EventStatus.choices)
    organization_id = IikoIdFilter()
    order_external_id = ExternalIdFilter()
    correlation_id = IikoIdFilter()
    reason = ChoicesFilter(choices=Reason.choices)
    processing_error = filters.CharFilter(lookup_expr="icontains", help_text="A part of the error's text.")
    source = ChoicesFilter(choices=EventSource.choices)
    since = MomentFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = MomentFilter(field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before.")

    class Meta:
        model = WebhookEvent
        fields: list[str] = []


class ConfigFilter(filters.FilterSet):
    organization_id = IikoIdFilter()

    class Meta:
        model = WebhookConfig
        fields: list[str] = []
