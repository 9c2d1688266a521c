"""``GET table-orders`` and ``GET reserves``: reading only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets

from hall.api.filters import ReserveFilter, TableOrderFilter
from hall.api.serializers import (
    RESERVE_DETAIL,
    TABLE_ORDER_DETAIL,
    ReserveDetailSerializer,
    ReserveSerializer,
    TableOrderDetailSerializer,
    TableOrderSerializer,
)
from hall.models import Reserve, TableOrder
from hall.permissions import sees_people
from orders.api.filters import FOLLOWING
from orders.api.pagination import ChangesPagination
from organizations.api.permissions import in_scope
from organizations.models.api_keys import ApiKey


class HallViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    pagination_class = ChangesPagination
    lookup_value_regex = r"\d{1,18}"
    detail_fields: tuple[str, ...]

    def get_queryset(self) -> QuerySet[Any]:
        rows = in_scope(self.request, super().get_queryset())
        return rows.defer(*self.detail_fields, "field_precedence") if self.action == "list" else rows

    def get_serializer_context(self) -> dict[str, Any]:
        is_key = isinstance(self.request.auth, ApiKey)
        shown = is_key or sees_people(self.request.user)
        return super().get_serializer_context() | {"sees_people": shown}


@extend_schema_view(
    list=extend_schema(summary="Table orders, newest first", description=FOLLOWING),
    retrieve=extend_schema(summary="One table order with its items, payments and guest"),
)
class TableOrderViewSet(HallViewSet):
    queryset = TableOrder.objects.select_related("organization")
    filterset_class = TableOrderFilter
    staff_permission = "hall.view_tableorder"
    detail_fields = TABLE_ORDER_DETAIL

    def get_serializer_class(self) -> type[TableOrderSerializer]:
        return TableOrderSerializer if self.action == "list" else TableOrderDetailSerializer


@extend_schema_view(
    list=extend_schema(summary="Reserves, newest first", description=FOLLOWING),
    retrieve=extend_schema(summary="One reserve with its guest, and its bill if it is a banquet"),
)
class ReserveViewSet(HallViewSet):
    queryset = Reserve.objects.select_related("organization")
    filterset_class = ReserveFilter
    staff_permission = "hall.view_reserve"
    detail_fields = RESERVE_DETAIL

    def get_serializer_class(self) -> type[ReserveSerializer]:
        return ReserveSerializer if self.action == "list" else ReserveDetailSerializer
