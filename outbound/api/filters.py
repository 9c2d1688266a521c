"""Filters of ``GET subscriptions`` and ``GET deliveries``."""

import django_filters as filters

from core.api.filters import ChoicesFilter, IikoIdFilter, MomentFilter, StrictBooleanFilter, TraceIdFilter
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.events import EventType
from outbound.models.subscriptions import Subscription


class SubscriptionFilter(filters.FilterSet):
    is_active = StrictBooleanFilter()

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = ()


class DeliveryFilter(filters.FilterSet):
    subscription = filters.NumberFilter(
        field_name="subscription_id",
        min_value=1,
        max_value=2**63 - 1,
        decimal_places=0,
        help_text="Its id.",
    )
    state = ChoicesFilter(choices=DeliveryState.choices)
    event_type = ChoicesFilter(choices=[(name, name) for name in EventType.values])
    organization_id = IikoIdFilter()
    trace_id = TraceIdFilter("event__trace_id")
    since = MomentFilter(
        field_name="created_at", lookup_expr="gte", help_text="ISO 8601; written down at or after."
    )
    until = MomentFilter(
        field_name="created_at", lookup_expr="lt", help_text="ISO 8601; written down before."
    )

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ()
