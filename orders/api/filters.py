"""Filters of ``GET orders``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from iiko_client.types.statuses import normalise_status
from orders.models import Order, OrderQuerySet, Status
from orders.services.horizon import settled_before
from organizations.api.filters import IikoIdFilter, StrictBooleanFilter


class OrderFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Status.choices, help_text="One of iiko's ten statuses.")
    organization_id = IikoIdFilter()
    courier_id = IikoIdFilter()
    order_type = filters.CharFilter(method="by_order_type", help_text="DELIVERY, PICKUP, HALL.")
    external_order_id = filters.CharFilter()
    iiko_order_id = IikoIdFilter()
    readable_number = filters.CharFilter()
    late = StrictBooleanFilter(method="by_late", help_text="true: past the promised time.")
    open = StrictBooleanFilter(
        field_name="is_open", help_text="true: neither closed, cancelled nor refused at creation."
    )
    updated_since = filters.IsoDateTimeFilter(
        method="by_updated_since", help_text="ISO 8601; changed at or after, the oldest change first."
    )
    search = filters.CharFilter(
        method="by_search", help_text="A number, an id (ours excepted) or a phone, exactly."
    )

    class Meta:
        model = Order
        fields: list[str] = []

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        # SOI's spelling is taken too: ON_WAY finds what OnWay does.
        if data is not None and (known := normalise_status(data.get("status", ""))):
            data = data.copy()
            data["status"] = known.value
        super().__init__(data, *args, **kwargs)

    def by_order_type(self, orders: QuerySet[Order], _: str, value: str) -> QuerySet[Order]:
        return orders.filter(order_type=value.upper())

    def by_late(self, orders: OrderQuerySet, _: str, value: bool) -> QuerySet[Order]:
        return orders.late(timezone.now(), is_late=value)

    def by_updated_since(self, orders: QuerySet[Order], _: str, value: datetime) -> QuerySet[Order]:
        settled = orders.filter(updated_at__gte=value, updated_at__lt=settled_before())
        return settled.order_by("updated_at", "id")

    def by_search(self, orders: OrderQuerySet, _: str, value: str) -> QuerySet[Order]:
        return orders.searched(value)
