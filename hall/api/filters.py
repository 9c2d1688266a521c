"""Filters of ``GET table-orders`` and ``GET reserves``."""

from typing import cast

import django_filters as filters
from django.db.models import QuerySet
from rest_framework.request import Request

from core.api.filters import ExternalIdFilter, IikoIdFilter, MomentFilter, StrictBooleanFilter, WordsFilter
from core.privacy.rights import HALL_GUESTS
from hall.models import H, ReserveStatus, TableOrderStatus, searched
from orders.api.filters import ChangesFilter
from organizations.api.permissions import shows_people


class HallFilter(ChangesFilter):
    organization_id = IikoIdFilter()
    external_number = ExternalIdFilter()
    open = StrictBooleanFilter(field_name="is_open", help_text="An unknown status is open.")
    search = filters.CharFilter(
        method="by_search",
        help_text="A number or an id (ours excepted), whole, of any case; for callers who may see guests "
        "also a phone, whole or its last four digits.",
    )

    def by_search(self, rows: QuerySet[H], _: str, value: str) -> QuerySet[H]:
        return searched(rows, value, people=shows_people(cast("Request", self.request), HALL_GUESTS))


class TableOrderFilter(HallFilter):
    iiko_order_id = IikoIdFilter(field_name="iiko_id")
    status = WordsFilter(choices=TableOrderStatus.choices, help_text="`Bill` is not closed.")
    number = filters.CharFilter()


class ReserveFilter(HallFilter):
    iiko_reserve_id = IikoIdFilter(field_name="iiko_id")
    status = WordsFilter(choices=ReserveStatus.choices)
    expected_since = MomentFilter(
        field_name="estimated_start_time", lookup_expr="gte", help_text="ISO 8601; expected at or after."
    )
    expected_until = MomentFilter(
        field_name="estimated_start_time", lookup_expr="lt", help_text="ISO 8601; expected before."
    )
