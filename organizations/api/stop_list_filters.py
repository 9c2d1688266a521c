"""Filters of the stop lists and of the time out of stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django.utils import timezone

from core.api.filters import IikoIdFilter, MomentFilter, StrictBooleanFilter
from core.database import db_clock
from organizations.models.stop_lists import StopListItem, StopListItemQuerySet
from organizations.name_annotations import product_named

_PERIOD = "ISO 8601. With `since` or `until`: what stood on a list at some time of the period."


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

    class Meta:
        model = StopListItem
        fields: list[str] = []

    def by_product(self, items: StopListItemQuerySet, _: str, value: str) -> QuerySet[Any]:
        return items.filter(product_named(value))

    def by_presence(self, items: StopListItemQuerySet, _: str, value: bool) -> QuerySet[Any]:
        return items.filter(until__isnull=value)

    def unchanged(self, items: StopListItemQuerySet, *_: Any) -> QuerySet[Any]:
        """Leave both ends of the period to ``filter_queryset``."""
        return items

    def filter_queryset(self, queryset: Any) -> Any:
        given = self.form.cleaned_data
        items: Any = super().filter_queryset(queryset)
        since: datetime | None = given.get("since")
        until: datetime | None = given.get("until")
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

    class Meta:
        model = StopListItem
        fields: list[str] = []

    def unchanged(self, items: StopListItemQuerySet, *_: Any) -> QuerySet[Any]:
        """Leave the period to the view, which sums over it."""
        return items
