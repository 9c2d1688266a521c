"""``stop-list`` and ``stop-list/time-out-of-stock``: read-only, in JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from core.api.csv_lists import FORMAT, CsvListViewSet
from core.database import db_clock
from organizations.api.permissions import in_scope
from organizations.api.stop_list_filters import StopListFilter, TimeOutOfStockFilter
from organizations.api.stop_list_serializers import StopListItemSerializer, TimeOutOfStockSerializer
from organizations.models.stop_lists import StopListItem
from organizations.name_annotations import with_group_names, with_product_names
from organizations.stop_lists.totals import USUAL_PERIOD, time_out_of_stock

_FIRST = datetime.min.replace(tzinfo=UTC)


@extend_schema_view(
    list=extend_schema(
        summary="What is out of stock or running out",
        description="The stop lists of the terminal groups, newest first. An interval ends when the product "
        "leaves the list, runs out, comes back, or is added again; so what was out of stock and for how "
        "long is the sum of the intervals with `is_out_of_stock` (`stop-list/time-out-of-stock` adds them).",
        parameters=[FORMAT],
    )
)
class StopListViewSet(CsvListViewSet[StopListItem]):
    queryset = StopListItem.objects.order_by("-since", "-pk")
    serializer_class = StopListItemSerializer
    filterset_class = StopListFilter
    staff_permission = "organizations.view_stoplistitem"
    file_name = "stop-list"

    def get_queryset(self) -> Any:
        return with_group_names(with_product_names(in_scope(self.request, super().get_queryset())))


@extend_schema_view(
    list=extend_schema(
        summary="How long each product was out of stock",
        description="One row for each product, size and terminal group, the longest first.",
        parameters=[FORMAT],
    )
)
class TimeOutOfStockViewSet(CsvListViewSet[StopListItem]):
    queryset = StopListItem.objects.all()
    serializer_class = TimeOutOfStockSerializer  # type: ignore[assignment]  # of sums, which are no models
    filterset_class = TimeOutOfStockFilter
    staff_permission = "organizations.view_stoplistitem"
    file_name = "time-out-of-stock"

    def get_queryset(self) -> QuerySet[StopListItem]:
        return in_scope(self.request, super().get_queryset())

    def filter_queryset(self, queryset: Any) -> Any:
        filters = TimeOutOfStockFilter(self.request.query_params, queryset)
        items = super().filter_queryset(queryset)  # refuses what it does not know
        given = filters.form.cleaned_data if filters.is_valid() else {}
        until = given.get("until") or db_clock.now()
        since = given.get("since") or max(until, _FIRST + USUAL_PERIOD) - USUAL_PERIOD
        return time_out_of_stock(items, since=since, until=until)

    def all_rows(self, rows: QuerySet[StopListItem]) -> Iterable[Any]:
        return rows
