"""``GET orders``: the list, one order, its timeline."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import Http404
from django.utils.text import capfirst
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.csv_lists import FORMAT, CsvListViewSet
from core.api.pagination import SkipLimitPagination
from core.csv_export import Row, in_chunks
from core.database.snapshots import one_snapshot
from orders.api.action_views import OrderActions
from orders.api.filters import FOLLOWING, OrderFilter
from orders.api.pagination import ChangesPagination
from orders.api.serializers import (
    DETAIL_FIELDS,
    OrderDetailSerializer,
    OrderSerializer,
    TimelineEntrySerializer,
    open_commands,
)
from orders.mirror.timeline import SHOWN_AT
from orders.models.order import MergedOrder, Order, TimelineEntry
from orders.permissions import EXPORT
from orders.sheet import read_for_sheet, sheet_columns
from organizations.api.permissions import in_scope, shows_people
from organizations.models.api_keys import ApiKey

FILES = (
    "`format=xlsx` is the sheet that the admin exports: titles in the language of `Accept-Language`, sums in "
    "major units, times on the clock of the restaurant. People need the permission to export orders."
)
MASKED = (
    "Guests (name, phone, address, comments, free texts) are shown to keys that may act on orders, and to "
    "people with the permission; for others they are masked, here as everywhere."
)
_NEEDED_FOR_IS_LATE = {"is_open", "when_delivered", "when_closed"}


@extend_schema_view(
    list=extend_schema(
        summary="Orders, newest first",
        description=f"{FOLLOWING}\n\n{FILES}\n\n{MASKED}",
        parameters=[FORMAT],
    ),
    retrieve=extend_schema(summary="One order with its items, payments, discounts and customer"),
)
class OrderViewSet(OrderActions, mixins.RetrieveModelMixin, CsvListViewSet[Order]):
    """Delivery orders as iiko last reported them."""

    queryset = Order.objects.select_related("organization")
    filterset_class = OrderFilter
    pagination_class = ChangesPagination
    staff_permission = "orders.view_order"
    lookup_value_regex = r"\d+"
    file_name = "orders"

    def check_export(self, request: Request) -> None:
        if not isinstance(request.auth, ApiKey) and not request.user.has_perm(EXPORT):
            raise PermissionDenied()

    def workbook(self, found: QuerySet[Order]) -> tuple[Row, Iterable[Row]]:
        """Return the sheet of the admin, which is for people."""
        columns = sheet_columns()
        titles = [capfirst(str(title)) for title, _value in columns]
        rows = in_chunks(found, read_for_sheet().shown(people=shows_people(self.request)))
        return titles, ([value(row) for _title, value in columns] for row in rows)

    def get_queryset(self) -> QuerySet[Order]:
        people = shows_people(self.request)
        orders = in_scope(self.request, Order.objects.shown(people=people).select_related("organization"))
        orders = orders.prefetch_related(open_commands(people=people))
        if self.action == "list":
            return orders.defer(*(set(DETAIL_FIELDS) - _NEEDED_FOR_IS_LATE), "field_precedence")
        return orders

    def get_object(self) -> Order:
        """Return the order; the number of a row that was merged into it leads there, too."""
        try:
            return super().get_object()
        except Http404:
            former = get_object_or_404(MergedOrder, pk=self.kwargs["pk"])
            self.kwargs["pk"] = str(former.order_id)
            return super().get_object()

    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Read all of the order as of one moment."""
        with one_snapshot():
            return super().retrieve(request, *args, **kwargs)

    def get_serializer_class(self) -> type[OrderSerializer]:
        return OrderSerializer if self.action == "list" else OrderDetailSerializer

    @extend_schema(
        summary="What changed, from, to, when, and the event that brought it",
        description="In the order of time: of `happened_at`, or `recorded_at` where iiko said none.",
        responses=TimelineEntrySerializer(many=True),
        filters=False,
    )
    @action(
        detail=True,
        serializer_class=TimelineEntrySerializer,
        filterset_class=None,
        pagination_class=SkipLimitPagination,
    )
    def timeline(self, request: Request, **_: object) -> Response:
        people = shows_people(request)
        entries = TimelineEntry.objects.shown(people=people).filter(order=self.get_object())
        page = self.paginate_queryset(entries.order_by(SHOWN_AT, "id"))  # type: ignore[arg-type]  # rows of another model than the view's
        return self.get_paginated_response(TimelineEntrySerializer(page, many=True).data)
