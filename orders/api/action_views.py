"""``POST orders/{id}/…``: what iiko is asked to do with an order, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from orders.api.command_serializers import (
    AssignCourierSerializer,
    CancelSerializer,
    CommandSerializer,
    UpdatePaymentSerializer,
    UpdateStatusSerializer,
)
from orders.api.waiting import requested_once, status_of, wait_for_end
from orders.command_models import CommandKind, OrderCommand
from orders.models import Order
from orders.services import commands
from orders.services.commands import Requester
from organizations.api.parsers import ExactJSONParser
from organizations.api.permissions import in_scope
from organizations.models import ApiKey

PERMISSIONS = {
    CommandKind.UPDATE_STATUS: "orders.change_order_status",
    CommandKind.ASSIGN_COURIER: "orders.assign_order_courier",
    CommandKind.UPDATE_PAYMENT: "orders.change_order_payment",
    CommandKind.CANCEL: "orders.cancel_order",
}
"""What a person must be allowed for each kind; a key needs the scope *act*."""

_HEADERS = [
    OpenApiParameter(
        "Idempotency-Key", str, "header", description="A repeat answers with the first command."
    ),
    OpenApiParameter(
        "Prefer", str, "header", description="`wait=10`: answer once it is final, after 20 s at most."
    ),
]
_ANSWERS = {
    200: OpenApiResponse(CommandSerializer, "It is over: confirmed, rejected or expired."),
    202: OpenApiResponse(CommandSerializer, "Stored and on its way. Follow it at GET commands/{id}."),
    409: OpenApiResponse(description="It cannot work as the order stands; `code` and the reason tell why."),
    422: OpenApiResponse(description="It does not fit the restaurant's dictionaries."),
}

Ask = Callable[[int, Requester], OrderCommand]


def describes(summary: str, body: type[Serializer[Any]]) -> Callable[[Any], Any]:
    return extend_schema(
        summary=summary, request=body, responses=_ANSWERS, parameters=_HEADERS, filters=False
    )


class OrderActions(viewsets.GenericViewSet[Order]):
    """The actions of an order, mixed into its view."""

    parser_classes = (ExactJSONParser,)

    def _carry(self, request: Request, kind: CommandKind, ask: Ask) -> Response:
        check_may_act(request, kind)
        order = self.get_object()
        command = requested_once(request, lambda by: ask(order.pk, by))
        command = wait_for_end(request, command)
        return Response(CommandSerializer(command).data, status=status_of(command))

    @describes("Change the status", UpdateStatusSerializer)
    @action(detail=True, methods=["post"], url_path="update-status", filterset_class=None)
    def update_status(self, request: Request, **_: Any) -> Response:
        wish = validated(UpdateStatusSerializer, request)
        return self._carry(
            request,
            CommandKind.UPDATE_STATUS,
            lambda pk, by: commands.request_status(
                order_id=pk,
                status=wish["status"],
                delivered_at=wish["delivered_at"],
                by=by,
                now=timezone.now(),
            ),
        )

    @describes("Assign a courier", AssignCourierSerializer)
    @action(detail=True, methods=["post"], url_path="assign-courier", filterset_class=None)
    def assign_courier(self, request: Request, **_: Any) -> Response:
        wish = validated(AssignCourierSerializer, request)
        return self._carry(
            request,
            CommandKind.ASSIGN_COURIER,
            lambda pk, by: commands.request_courier(
                order_id=pk, courier_id=wish["courier_id"], by=by, now=timezone.now()
            ),
        )

    @describes("Replace the payments", UpdatePaymentSerializer)
    @action(detail=True, methods=["post"], url_path="update-payment", filterset_class=None)
    def update_payment(self, request: Request, **_: Any) -> Response:
        serializer = UpdatePaymentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.asked()
        return self._carry(
            request,
            CommandKind.UPDATE_PAYMENT,
            lambda pk, by: commands.request_payment(order_id=pk, payments=asked, by=by, now=timezone.now()),
        )

    @describes("Cancel the order", CancelSerializer)
    @action(detail=True, methods=["post"], url_path="cancel", filterset_class=None)
    def cancel(self, request: Request, **_: Any) -> Response:
        wish = validated(CancelSerializer, request)
        return self._carry(
            request,
            CommandKind.CANCEL,
            lambda pk, by: commands.request_cancel(
                order_id=pk,
                reason=wish["cancel_reason"],
                cause_id=wish["cancel_cause_id"] or None,
                removal_type_id=wish["removal_type_id"] or None,
                by=by,
                now=timezone.now(),
            ),
        )

    @extend_schema(
        summary="What was asked of the order, newest first",
        responses=CommandSerializer(many=True),
        filters=False,
    )
    @action(detail=True, url_path="commands", serializer_class=CommandSerializer, filterset_class=None)
    def commands(self, request: Request, **_: Any) -> Response:
        rows = self.get_object().commands.order_by("-id")
        page = self.paginate_queryset(rows)  # type: ignore[arg-type]  # rows of another model than the view's
        return self.get_paginated_response(CommandSerializer(page, many=True).data)


def validated(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    wish: dict[str, Any] = serializer.validated_data
    return wish


def check_may_act(request: Request, kind: CommandKind) -> None:
    """Refuse a key that may only read, and a person without the permission.

    Raises:
        PermissionDenied: 403.
    """
    if isinstance(request.auth, ApiKey):
        if not request.auth.may_act:
            raise PermissionDenied(
                "This API key may only read. Let it act in the admin (API keys), or make another."
            )
        return
    user: Any = request.user
    if not user.has_perm(PERMISSIONS[kind]):
        raise PermissionDenied()


class CommandViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[OrderCommand]):
    """One command, whatever order it belongs to."""

    queryset = OrderCommand.objects.all()
    serializer_class = CommandSerializer
    staff_permission = "orders.view_ordercommand"
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[OrderCommand]:
        return in_scope(self.request, super().get_queryset(), path="order__organization_id")

    @extend_schema(summary="What became of a wish")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().retrieve(request, *args, **kwargs)
