"""``organizations``, ``terminal-groups``, ``couriers`` and the log of calls to iiko: read-only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.filters import StrictBooleanField
from core.values.name_keys import NAME_ORDER
from organizations.api.filters import CallFilter, CourierFilter, OrganizationFilter, TerminalGroupFilter
from organizations.api.permissions import in_scope
from organizations.api.serializers import (
    LONGEST_LISTED,
    CallDetailSerializer,
    CallSerializer,
    CallWithBodiesSerializer,
    CourierSerializer,
    OrganizationSerializer,
    TerminalGroupSerializer,
)
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup


@extend_schema_view(list=extend_schema(summary="Restaurants by name"))
class OrganizationViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Organization]):
    queryset = Organization.objects.order_by(*NAME_ORDER)
    serializer_class = OrganizationSerializer
    filterset_class = OrganizationFilter
    staff_permission = "organizations.view_organization"

    def get_queryset(self) -> QuerySet[Organization]:
        return in_scope(self.request, super().get_queryset(), path="iiko_id")


@extend_schema_view(list=extend_schema(summary="Terminal groups by restaurant and name"))
class TerminalGroupViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[TerminalGroup]):
    queryset = TerminalGroup.objects.select_related("organization").order_by("organization_id", *NAME_ORDER)
    serializer_class = TerminalGroupSerializer
    filterset_class = TerminalGroupFilter
    staff_permission = "organizations.view_terminalgroup"

    def get_queryset(self) -> QuerySet[TerminalGroup]:
        return in_scope(self.request, super().get_queryset())


@extend_schema_view(list=extend_schema(summary="Couriers by restaurant and name"))
class CourierViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Courier]):
    queryset = Courier.objects.order_by("organization_id", *NAME_ORDER)
    serializer_class = CourierSerializer
    filterset_class = CourierFilter
    staff_permission = "organizations.view_courier"

    def get_queryset(self) -> QuerySet[Courier]:
        return in_scope(self.request, super().get_queryset())


@extend_schema_view(
    list=extend_schema(
        summary="Calls to iiko, newest first",
        description="With the bodies of request and response; `bodies=0` leaves them out. In place of one "
        f'that is longer than {LONGEST_LISTED} characters stands `{{"cut": length}}`: `logs/{{id}}` has it. '
        "Secrets are never kept; names, phones, addresses and comments are masked. "
        "A key that is limited to restaurants sees the calls that are about one of them.",
    ),
    retrieve=extend_schema(summary="One call with its request and response"),
)
class CallViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ApiCall]):
    queryset = ApiCall.objects.order_by("-started_at", "-id")
    filterset_class = CallFilter
    staff_permission = "organizations.view_apicall"
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[ApiCall]:
        return in_scope(self.request, super().get_queryset())

    def get_serializer_class(self) -> type[CallSerializer]:
        if self.action != "list":
            return CallDetailSerializer
        asked = StrictBooleanField().to_python(self.request.query_params.get("bodies"))
        return CallSerializer if asked is False else CallWithBodiesSerializer


class UnknownAddress(APIView):
    """Answers every unknown address of the API, so that a program gets JSON there too."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names: list[str] = []
    schema = None

    def http_method_not_allowed(  # type: ignore[override]  # DRF hands its own Request
        self, request: Request, *_: Any, **__: Any
    ) -> Response:
        raise NotFound(gettext("There is nothing at this address. /api/docs/ lists what there is."))
