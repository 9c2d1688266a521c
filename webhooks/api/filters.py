"""Filters of ``GET webhooks/events`` and ``GET webhooks/configs``."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from rest_framework.exceptions import PermissionDenied

from core.api.filters import ChoicesFilter, ExternalIdFilter, IikoIdFilter, MomentFilter, TextsFilter
from iiko_client.models.events import event_type_of
from organizations.models.api_keys import ApiKey
from webhooks.masking import sees_all_people
from webhooks.models.inbox import EventSource, EventStatus, Reason, WebhookConfig, WebhookEvent


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
    processing_error = filters.CharFilter(
        method="by_error",
        help_text="A part of the error's text. 403 for those who may not see personal data.",
    )
    source = ChoicesFilter(choices=EventSource.choices)
    since = MomentFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = MomentFilter(field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before.")

    class Meta:
        model = WebhookEvent
        fields: list[str] = []

    def by_error(self, events: QuerySet[WebhookEvent], _: str, value: str) -> QuerySet[WebhookEvent]:
        caller: Any = self.request
        key = caller.auth
        if not (key.may_act if isinstance(key, ApiKey) else sees_all_people(caller.user)):
            raise PermissionDenied()
        return events.filter(processing_error__icontains=value)


class ConfigFilter(filters.FilterSet):
    organization_id = IikoIdFilter()

    class Meta:
        model = WebhookConfig
        fields: list[str] = []
