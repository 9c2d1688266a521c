"""Filters of the lists; what they do not name is refused (``core.api.filters``)."""

from datetime import datetime
from typing import Any, cast

import django_filters as filters
from django.db.models import QuerySet
from django.utils import timezone

from core.api.filters import IikoIdFilter, MomentFilter, StrictBooleanFilter, TextsFilter, TraceIdFilter
from core.database import db_clock
from organizations.models.connection import CALL_BODIES, ApiCall, ApiCallQuerySet
from organizations.models.stop_lists import StopListItem, StopListItemQuerySet
from organizations.name_annotations import product_named

_PERIOD = "ISO 8601. With `since` or `until`: what stood on a list at some time of the period."


class OrganizationFilter(filters.FilterSet):
    active = StrictBooleanFilter(field_name="is_active")


class DictionaryFilter(filters.FilterSet):
    """Of what a restaurant has in iiko, and what is gone from there."""

    organization_id = IikoIdFilter()
    deleted = StrictBooleanFilter(field_name="is_deleted", help_text="Gone from iiko.")


class CallFilter(filters.FilterSet):
    operation = TextsFilter(help_text="As in the vendor's path: `deliveries/cancel`.")
    organization_id = IikoIdFilter()
    order_id = IikoIdFilter(help_text="iiko's id of the order the call is about.")
    correlation_id = IikoIdFilter()
    trace_id = TraceIdFilter()
    failed = StrictBooleanFilter(method="by_failure")
    slow_ms = filters.NumberFilter(
        field_name="duration_ms", lookup_expr="gte", min_value=0, help_text="Took so long or longer."
    )
    since = MomentFilter(field_name="started_at", lookup_expr="gte", help_text="ISO 8601; begun at or after.")
    until = MomentFilter(field_name="started_at", lookup_expr="lt", help_text="ISO 8601; begun before.")

    bodies = StrictBooleanFilter(
        method="with_bodies", help_text="0 leaves the bodies of requests and responses out. Default: 1."
    )

    def by_failure(self, calls: ApiCallQuerySet, _: str, value: bool) -> QuerySet[ApiCall]:
        return calls.failed() if value else calls.succeeded()

    def with_bodies(self, calls: ApiCallQuerySet, _: str, value: bool) -> QuerySet[ApiCall]:
        return calls if value else calls.defer(*CALL_BODIES)


class ShiftFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    terminal_group_id = IikoIdFilter()
    employee_id = IikoIdFilter()
    open = StrictBooleanFilter(field_name="is_open", help_text="true: on shift now.")
    since = MomentFilter(field_name="began_at", lookup_expr="gte", help_text="ISO 8601; begun at or after.")
    until = MomentFilter(field_name="began_at", lookup_expr="lt", help_text="ISO 8601; begun before.")


class StopListFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    terminal_group_id = IikoIdFilter()
    product_id = IikoIdFilter()
    product = filters.CharFilter(method="by_product", help_text="A part of the product's name; е finds ё.")
    out_of_stock = StrictBooleanFilter(field_name="is_out_of_stock", help_text="false: running out.")
    open = StrictBooleanFilter(
        method="by_presence",
        help_text="true: on a list now, as without any of `open`, `since`, `until`; false: what is over.",
    )
    since = MomentFilter(method="unchanged", help_text=_PERIOD)
    until = MomentFilter(method="unchanged", help_text=_PERIOD)

    def by_product(self, items: StopListItemQuerySet, _: str, value: str) -> QuerySet[StopListItem]:
        return items.filter(product_named(value))

    def by_presence(self, items: StopListItemQuerySet, _: str, value: bool) -> QuerySet[StopListItem]:
        return items.filter(until__isnull=value)

    def unchanged(self, items: StopListItemQuerySet, *_: object) -> QuerySet[StopListItem]:
        """Leave both ends of the period to ``filter_queryset``."""
        return items

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[StopListItem]:
        given = self.form.cleaned_data
        items = cast("StopListItemQuerySet", super().filter_queryset(queryset))
        since, until = given.get("since"), given.get("until")
        if since or until:
            begin = since or datetime.min.replace(tzinfo=timezone.get_default_timezone())
            return items.within(begin, until or db_clock.now())
        return items if given.get("open") is not None else items.current()


class TimeOutOfStockFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    terminal_group_id = IikoIdFilter()
    product_id = IikoIdFilter()
    since = MomentFilter(method="unchanged", help_text="ISO 8601; else a week before `until`.")
    until = MomentFilter(method="unchanged", help_text="ISO 8601; else now.")

    def unchanged(self, items: StopListItemQuerySet, *_: object) -> QuerySet[StopListItem]:
        """Leave the period to the view, which sums over it."""
        return items
