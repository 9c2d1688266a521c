"""``GET table-orders`` and ``GET reserves``: reading only."""

from typing import cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins

from core.privacy.rights import HALL_GUESTS
from core.privacy.rows import PeopleQuerySet
from hall.api import filters, serializers
from hall.models import H, Reserve, TableOrder
from orders.api.filters import FOLLOWING
from orders.api.pagination import ChangesPagination
from organizations.api.permissions import shows_people
from organizations.api.scope import ScopedListViewSet


class HallViewSet(mixins.RetrieveModelMixin, ScopedListViewSet[H]):
    pagination_class = ChangesPagination
    lookup_value_regex = r"\d{1,18}"
    detail_fields: tuple[str, ...]

    def get_queryset(self) -> QuerySet[H]:
        found = cast("PeopleQuerySet[H]", super().get_queryset())
        rows = found.shown(people=shows_people(self.request, HALL_GUESTS))
        return rows.defer(*self.detail_fields, "field_precedence") if self.action == "list" else rows


@extend_schema_view(
    list=extend_schema(summary="Table orders, newest first", description=FOLLOWING),
    retrieve=extend_schema(summary="One table order with its items, payments and guest"),
)
class TableOrderViewSet(HallViewSet[TableOrder]):
    queryset = TableOrder.objects.select_related("organization")
    filterset_class = filters.TableOrderFilter
    staff_permission = "hall.view_tableorder"
    detail_fields = serializers.TABLE_ORDER_DETAIL

    def get_serializer_class(self) -> type[serializers.TableOrderSerializer]:
        return (
            serializers.TableOrderSerializer
            if self.action == "list"
            else serializers.TableOrderDetailSerializer
        )


@extend_schema_view(
    list=extend_schema(summary="Reserves, newest first", description=FOLLOWING),
    retrieve=extend_schema(summary="One reserve with its guest, and its bill if it is a banquet"),
)
class ReserveViewSet(HallViewSet[Reserve]):
    queryset = Reserve.objects.select_related("organization")
    filterset_class = filters.ReserveFilter
    staff_permission = "hall.view_reserve"
    detail_fields = serializers.RESERVE_DETAIL

    def get_serializer_class(self) -> type[serializers.ReserveSerializer]:
        return serializers.ReserveSerializer if self.action == "list" else serializers.ReserveDetailSerializer
