"""The lists: restaurants, what iiko says of them, and the log of calls to iiko; read-only."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.csv_lists import FORMAT, CsvListViewSet
from core.api.filters import StrictBooleanField
from core.database import db_clock
from core.privacy.rights import GUESTS, HALL_GUESTS
from core.values.name_keys import NAME_ORDER
from organizations.api import filters, serializers
from organizations.api.permissions import shows_people
from organizations.api.scope import ScopedListViewSet
from organizations.models.connection import ApiCall, ApiCallQuerySet
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from organizations.name_annotations import with_employee_names, with_group_names, with_product_names
from organizations.stop_lists.totals import USUAL_PERIOD, time_out_of_stock

_FIRST = datetime.min.replace(tzinfo=UTC)


@extend_schema_view(list=extend_schema(summary="Restaurants by name"))
class OrganizationViewSet(ScopedListViewSet[Organization]):
    queryset = Organization.objects.order_by(*NAME_ORDER)
    serializer_class = serializers.OrganizationSerializer
    filterset_class = filters.OrganizationFilter
    staff_permission = "organizations.view_organization"


@extend_schema_view(list=extend_schema(summary="Terminal groups by restaurant and name"))
class TerminalGroupViewSet(ScopedListViewSet[TerminalGroup]):
    queryset = TerminalGroup.objects.select_related("organization").order_by("organization_id", *NAME_ORDER)
    serializer_class = serializers.TerminalGroupSerializer
    filterset_class = filters.DictionaryFilter
    staff_permission = "organizations.view_terminalgroup"


@extend_schema_view(list=extend_schema(summary="Couriers by restaurant and name"))
class CourierViewSet(ScopedListViewSet[Courier]):
    queryset = Courier.objects.order_by("organization_id", *NAME_ORDER)
    serializer_class = serializers.CourierSerializer
    filterset_class = filters.DictionaryFilter
    staff_permission = "organizations.view_courier"


@extend_schema_view(
    list=extend_schema(
        summary="Calls to iiko, newest first",
        description="With the bodies of request and response; `bodies=0` leaves them out. In place of one "
        f"that is longer than {serializers.LONGEST_LISTED} characters stands "
        '`{"cut": length}`: `logs/{id}` has it. '
        "Secrets are never kept; names, phones, addresses and comments are masked. "
        "A key that is limited to restaurants sees the calls that are about one of them.",
    ),
    retrieve=extend_schema(summary="One call with its request and response"),
)
class CallViewSet(mixins.RetrieveModelMixin, ScopedListViewSet[ApiCall]):
    queryset = ApiCall.objects.order_by("-started_at", "-id")
    filterset_class = filters.CallFilter
    staff_permission = "organizations.view_apicall"
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[ApiCall]:
        calls = cast("ApiCallQuerySet", super().get_queryset())
        return calls.shown(people=shows_people(self.request, GUESTS, HALL_GUESTS))

    def get_serializer_class(self) -> type[serializers.CallSerializer]:
        if self.action != "list":
            return serializers.CallDetailSerializer
        asked = StrictBooleanField().to_python(self.request.query_params.get("bodies"))
        return serializers.CallSerializer if asked is False else serializers.CallWithBodiesSerializer


@extend_schema_view(
    list=extend_schema(
        summary="Shifts, newest first",
        description="Made of iiko's two messages, opened and closed; either may be missing. `open=true`: who "
        "is on shift now, as far as iiko has reported.",
        parameters=[FORMAT],
    )
)
class ShiftViewSet(CsvListViewSet[Shift], ScopedListViewSet[Shift]):
    queryset = with_group_names(with_employee_names(Shift.objects.order_by("-began_at", "-pk")))
    serializer_class = serializers.ShiftSerializer
    filterset_class = filters.ShiftFilter
    staff_permission = "organizations.view_shift"
    file_name = "shifts"


@extend_schema_view(
    list=extend_schema(
        summary="What is out of stock or running out",
        description="The stop lists of the terminal groups, newest first. An interval ends when the product "
        "leaves the list, runs out, comes back, or is added again; so what was out of stock and for how "
        "long is the sum of the intervals with `is_out_of_stock` (`stop-list/time-out-of-stock` adds them).",
        parameters=[FORMAT],
    )
)
class StopListViewSet(CsvListViewSet[StopListItem], ScopedListViewSet[StopListItem]):
    queryset = with_group_names(with_product_names(StopListItem.objects.order_by("-since", "-pk")))
    serializer_class = serializers.StopListItemSerializer
    filterset_class = filters.StopListFilter
    staff_permission = "organizations.view_stoplistitem"
    file_name = "stop-list"


@extend_schema_view(
    list=extend_schema(
        summary="How long each product was out of stock",
        description="One row for each product, size and terminal group, the longest first.",
        parameters=[FORMAT],
    )
)
class TimeOutOfStockViewSet(CsvListViewSet[StopListItem], ScopedListViewSet[StopListItem]):
    queryset = StopListItem.objects.all()
    serializer_class = serializers.TimeOutOfStockSerializer  # type: ignore[assignment]  # of sums, which are no models
    filterset_class = filters.TimeOutOfStockFilter
    staff_permission = "organizations.view_stoplistitem"
    file_name = "time-out-of-stock"

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        period = filters.TimeOutOfStockFilter(self.request.query_params, queryset)
        items = super().filter_queryset(queryset)  # refuses what it does not know
        given = period.form.cleaned_data if period.is_valid() else {}
        until = given.get("until") or db_clock.now()
        since = given.get("since") or max(until, _FIRST + USUAL_PERIOD) - USUAL_PERIOD
        return time_out_of_stock(items, since=since, until=until)

    def all_rows(self, rows: QuerySet[StopListItem]) -> Iterable[object]:
        return rows


class UnknownAddress(APIView):
    """Answers every unknown address of the API, so that a program gets JSON there too."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names: list[str] = []
    schema = None

    def http_method_not_allowed(  # type: ignore[override]  # DRF hands its own Request
        self, request: Request, *_: object, **__: object
    ) -> Response:
        raise NotFound(gettext("There is nothing at this address. /api/docs/ lists what there is."))
