"""Filters of restaurants, their terminal groups and couriers, and of the log of calls."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import QuerySet

from core.api.filters import IikoIdFilter, MomentFilter, StrictBooleanFilter, TextsFilter
from organizations.models.connection import CALL_BODIES, ApiCall, ApiCallQuerySet
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup


class OrganizationFilter(filters.FilterSet):
    active = StrictBooleanFilter(field_name="is_active")

    class Meta:
        model = Organization
        fields: list[str] = []


class TerminalGroupFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    deleted = StrictBooleanFilter(field_name="is_deleted", help_text="Gone from iiko.")

    class Meta:
        model = TerminalGroup
        fields: list[str] = []


class CourierFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    deleted = StrictBooleanFilter(field_name="is_deleted", help_text="Gone from iiko.")

    class Meta:
        model = Courier
        fields: list[str] = []


class CallFilter(filters.FilterSet):
    operation = TextsFilter(help_text="As in the vendor's path: `deliveries/cancel`.")
    organization_id = IikoIdFilter()
    order_id = IikoIdFilter(help_text="iiko's id of the order the call is about.")
    correlation_id = IikoIdFilter()
    failed = StrictBooleanFilter(method="by_failure")
    slow_ms = filters.NumberFilter(
        field_name="duration_ms", lookup_expr="gte", min_value=0, help_text="Took so long or longer."
    )
    since = MomentFilter(field_name="started_at", lookup_expr="gte", help_text="ISO 8601; begun at or after.")
    until = MomentFilter(field_name="started_at", lookup_expr="lt", help_text="ISO 8601; begun before.")

    bodies = StrictBooleanFilter(
        method="with_bodies", help_text="0 leaves the bodies of requests and responses out. Default: 1."
    )

    class Meta:
        model = ApiCall
        fields: list[str] = []

    def by_failure(self, calls: ApiCallQuerySet, _: str, value: bool) -> QuerySet[Any]:
        return calls.failed() if value else calls.succeeded()

    def with_bodies(self, calls: ApiCallQuerySet, _: str, value: bool) -> QuerySet[Any]:
        return calls if value else calls.defer(*CALL_BODIES)
