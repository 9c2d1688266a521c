"""``POST orders/{id}/…``: requests of actions on an order, and their outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from core.database import db_clock
from iiko_client.models.statuses import DeliveryStatus
from orders.api.action_docs import describes
from orders.api.command_serializers import (
    ApplyDiscountSerializer,
    AssignCourierSerializer,
    CancelSerializer,
    CommandSerializer,
    UpdatePaymentSerializer,
    UpdateStatusSerializer,
    asked_discount,
    asked_payments,
)
from orders.api.prefer_wait import requested_once, status_of, wait_for_end
from orders.commands import submission
from orders.commands.submission import Requester
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order
from orders.permissions import PERMISSIONS
from organizations.api.permissions import check_may_act, in_scope
from organizations.api.throttling import ActionThrottle

Validated = dict[str, Any]
Ask = Callable[[int, Validated, Requester], OrderCommand]


def _action(name: str) -> Callable[[Any], Any]:
    return action(
        detail=True,
        methods=["post"],
        url_path=name,
        filterset_class=None,
        throttle_classes=[ActionThrottle],
    )


# No docstring: Swagger would show it beside every address of the orders.
class OrderActions(viewsets.GenericViewSet[Order]):
    def _carry(self, request: Request, kind: CommandKind, body: type[Serializer[Any]], ask: Ask) -> Response:
        check_may_act(request, PERMISSIONS[kind])
        order = self.get_object()
        params = validated(body, request)
        if kind == CommandKind.UPDATE_STATUS and params["status"] == DeliveryStatus.CANCELLED:
            check_may_act(request, PERMISSIONS[CommandKind.CANCEL])
        command = requested_once(request, lambda by: ask(order.pk, params, by))
        command, headers = wait_for_end(request, command)
        return Response(CommandSerializer(command).data, status=status_of(command), headers=headers)

    @describes("Change the status", UpdateStatusSerializer, CommandKind.UPDATE_STATUS)
    @_action("update-status")
    def update_status(self, request: Request, **_: Any) -> Response:
        return self._carry(
            request,
            CommandKind.UPDATE_STATUS,
            UpdateStatusSerializer,
            lambda pk, params, by: submission.request_status(
                order_id=pk,
                status=params["status"],
                delivered_at=params["delivered_at"],
                by=by,
                now=db_clock.now(),
            ),
        )

    @describes("Assign a courier", AssignCourierSerializer, CommandKind.ASSIGN_COURIER)
    @_action("assign-courier")
    def assign_courier(self, request: Request, **_: Any) -> Response:
        return self._carry(
            request,
            CommandKind.ASSIGN_COURIER,
            AssignCourierSerializer,
            lambda pk, params, by: submission.request_courier(
                order_id=pk, courier_id=params["courier_id"], by=by, now=db_clock.now()
            ),
        )

    @describes("Replace the payments", UpdatePaymentSerializer, CommandKind.UPDATE_PAYMENT)
    @_action("update-payment")
    def update_payment(self, request: Request, **_: Any) -> Response:
        return self._carry(
            request,
            CommandKind.UPDATE_PAYMENT,
            UpdatePaymentSerializer,
            lambda pk, params, by: submission.request_payment(
                order_id=pk, payments=asked_payments(params), by=by, now=db_clock.now()
            ),
        )

    @describes("Cancel the order", CancelSerializer, CommandKind.CANCEL)
    @_action("cancel")
    def cancel(self, request: Request, **_: Any) -> Response:
        return self._carry(
            request,
            CommandKind.CANCEL,
            CancelSerializer,
            lambda pk, params, by: submission.request_cancel(
                order_id=pk,
                reason=params["cancel_reason"] or "",
                cause_id=params["cancel_cause_id"] or None,
                removal_type_id=params["removal_type_id"] or None,
                by=by,
                now=db_clock.now(),
            ),
        )

    @describes("Give a discount", ApplyDiscountSerializer, CommandKind.APPLY_DISCOUNT)
    @_action("apply-discount")
    def apply_discount(self, request: Request, **_: Any) -> Response:
        return self._carry(
            request,
            CommandKind.APPLY_DISCOUNT,
            ApplyDiscountSerializer,
            lambda pk, params, by: submission.request_discount(
                order_id=pk, asked=asked_discount(params), by=by, now=db_clock.now()
            ),
        )

    @extend_schema(
        summary="Commands of the order, newest first",
        responses=CommandSerializer(many=True),
        filters=False,
    )
    @action(detail=True, url_path="commands", serializer_class=CommandSerializer, filterset_class=None)
    def commands(self, request: Request, **_: Any) -> Response:
        rows = self.get_object().commands.order_by("-id")
        page = self.paginate_queryset(rows)  # type: ignore[arg-type]  # rows of another model than the view's
        return self.get_paginated_response(CommandSerializer(page, many=True).data)


def validated(serializer_class: type[Serializer[Any]], request: Request) -> Validated:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    params: Validated = serializer.validated_data
    return params


class CommandViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[OrderCommand]):
    """One command, whatever order it belongs to."""

    queryset = OrderCommand.objects.all()
    serializer_class = CommandSerializer
    staff_permission = "orders.view_order"
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[OrderCommand]:
        return in_scope(self.request, super().get_queryset(), path="order__organization_id")

    @extend_schema(summary="One command and its outcome")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().retrieve(request, *args, **kwargs)
