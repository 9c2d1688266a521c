"""Filters of ``GET table-orders`` and ``GET reserves``."""

from typing import cast

import django_filters as filters
from django.db.models import QuerySet
from rest_framework.request import Request

from core.api.filters import ExternalIdFilter, IikoIdFilter, MomentFilter, StrictBooleanFilter, WordsFilter
from hall.models import H, ReserveStatus, TableOrderStatus, searched
from hall.permissions import sees_people
from orders.api.filters import ChangesFilter
from organizations.models.api_keys import ApiKey


def shows_people(request: Request) -> bool:
    """Tell whether a caller may see who the guests are: every key, and people with the permission."""
    return isinstance(request.auth, ApiKey) or sees_people(request.user)


class HallFilter(ChangesFilter):
    organization_id = IikoIdFilter()
    external_number = ExternalIdFilter()
    open = StrictBooleanFilter(field_name="is_open", help_text="An unknown status is open.")
    search = filters.CharFilter(
        method="by_search",
        help_text="A number, an id (ours excepted) or a phone, whole, of any case; or the last four digits "
        "of a phone.",
    )

    def by_search(self, rows: QuerySet[H], _: str, value: str) -> QuerySet[H]:
        # The end of a phone tells who a guest is; the whole of it has to be known already.
        return searched(rows, value, by_last_digits=shows_people(cast("Request", self.request)))


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
