"""Filters of ``GET loyalty/operations``."""

import django_filters as filters
from django.db.models import QuerySet

from core.api.filters import ChoicesFilter, IikoIdFilter, MomentFilter, StrictBooleanFilter, TraceIdFilter
from loyalty.models import LoyaltyOperation, LoyaltyOperationQuerySet, OperationKind, OperationState


class OperationFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    customer_id = IikoIdFilter(field_name="wallet__customer__iiko_id")
    wallet_id = IikoIdFilter(field_name="wallet__iiko_id")
    order_id = filters.NumberFilter(min_value=1, max_value=2**63 - 1, help_text="The hub's id.")
    transaction_id = IikoIdFilter()
    trace_id = TraceIdFilter()
    kind = ChoicesFilter(choices=OperationKind.choices)
    state = ChoicesFilter(choices=OperationState.choices)
    open_holds = StrictBooleanFilter(
        method="by_open_holds", help_text="true: in force, neither released nor spent."
    )
    since = MomentFilter(
        field_name="created_at", lookup_expr="gte", help_text="ISO 8601; requested at or after."
    )
    until = MomentFilter(field_name="created_at", lookup_expr="lt", help_text="ISO 8601; requested before.")

    class Meta:
        model = LoyaltyOperation
        fields: list[str] = []

    def by_open_holds(
        self, operations: LoyaltyOperationQuerySet, _: str, value: bool
    ) -> QuerySet[LoyaltyOperation]:
        holds = operations.open_holds()
        return holds if value else operations.exclude(pk__in=holds.values("pk"))
