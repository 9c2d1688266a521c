"""``webhooks/configs``: whom we let in, and telling iiko so."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.schema import RefusalsSerializer
from core.database import db_clock
from core.values.ids import searchable_id
from iiko_client.http.circuit_breaker import Priority
from organizations.api.permissions import in_scope
from organizations.errors import UnknownOrganization
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from webhooks.api.config_serializers import (
    ConfigChangeSerializer,
    ConfigSerializer,
    NewConfigSerializer,
    RegisterSerializer,
    RegistrationSerializer,
)
from webhooks.api.filters import ConfigFilter
from webhooks.api.serializers import valid
from webhooks.models.inbox import WebhookConfig
from webhooks.receiving.configs import change_config, create_config
from webhooks.registration.registrar import demand_success, register_webhook

_PERMISSIONS = {"create": "add", "partial_update": "change", "register": "change"}


@extend_schema_view(
    list=extend_schema(summary="Webhook settings by restaurant"),
    retrieve=extend_schema(summary="One restaurant's webhook settings"),
)
class ConfigViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[WebhookConfig]):
    queryset = WebhookConfig.objects.order_by("organization_id", "pk")
    serializer_class = ConfigSerializer
    filterset_class = ConfigFilter
    lookup_value_regex = r"\d+"

    @property
    def staff_permission(self) -> str:
        return f"webhooks.{_PERMISSIONS.get(self.action, 'view')}_webhookconfig"

    def get_queryset(self) -> QuerySet[WebhookConfig]:
        return in_scope(self.request, super().get_queryset())

    @extend_schema(
        summary="Accept webhooks for a restaurant",
        request=NewConfigSerializer,
        responses={
            201: ConfigSerializer,
            404: OpenApiResponse(RefusalsSerializer, "No such organization here (`unknown_organization`)."),
            409: OpenApiResponse(RefusalsSerializer, "It has webhook settings already (`config_exists`)."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        given = valid(NewConfigSerializer(data=request.data))
        config = create_config(
            organization=self._organization(given["organization_id"]),
            token=given.get("auth_token", ""),
            is_active=given["is_active"],
        )
        return Response(ConfigSerializer(config).data, status=201)

    @extend_schema(
        summary="Set a new token, or switch off",
        description="The token before stays valid until an event comes with the new one. "
        "Register again, so that iiko learns of it.",
        request=ConfigChangeSerializer,
        responses=ConfigSerializer,
    )
    def partial_update(self, request: Request, **_: Any) -> Response:
        given = valid(ConfigChangeSerializer(data=request.data))
        config = change_config(
            self.get_object(), token=given.get("auth_token"), is_active=given.get("is_active")
        )
        return Response(ConfigSerializer(config).data)

    @extend_schema(
        summary="Make iiko send the webhooks here",
        description="iiko's settings are read and changed only where they differ. An address of another "
        "integration is left alone unless `force` is set (409 `foreign_webhook`).",
        request=RegisterSerializer,
        responses={
            200: RegistrationSerializer,
            409: OpenApiResponse(
                RefusalsSerializer,
                "It did not work; the code says why, the words what to do.",
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def register(self, request: Request, **_: Any) -> Response:
        given = valid(RegisterSerializer(data=request.data))
        config = self.get_object()
        done = register_webhook(
            config.organization,
            now=db_clock.now,
            force=given["force"],
            dry_run=given["dry_run"],
            priority=Priority.OPERATOR,
            requested_by=_name(request),
        )
        demand_success(done)
        config.refresh_from_db()
        told = {"outcome": str(done.outcome), "changes": done.changes, "config": config}
        return Response(RegistrationSerializer(told).data)  # type: ignore[arg-type]  # facts, no row

    def _organization(self, iiko_id: str) -> Organization:
        seen = in_scope(self.request, Organization.objects.all(), path="iiko_id")
        organization = seen.filter(iiko_id=searchable_id(iiko_id)).first()
        if organization is None:
            raise UnknownOrganization(f"No organization {searchable_id(iiko_id)} here.")
        return organization


def _name(request: Request) -> str:
    return f"key {request.auth.name}" if isinstance(request.auth, ApiKey) else str(request.user)
