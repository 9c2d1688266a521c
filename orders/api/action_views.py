"""``POST orders/{id}/…``: requests of actions on an order, and their outcome."""

from collections.abc import Callable

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.database import db_clock
from core.privacy.rows import without_people
from orders.api.action_docs import describes
from orders.api.action_serializers import SERIALIZERS, ActionSerializer
from orders.api.command_serializers import CommandSerializer
from orders.api.prefer_wait import requested_once, status_of, wait_for_end
from orders.commands import submission
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.api.permissions import check_may_act, in_scope, shows_people
from organizations.api.throttling import ActionThrottle


# No docstring: Swagger would show it beside every address of the orders.
class OrderActions(viewsets.GenericViewSet[Order]):
    def _request(self, request: Request, body: type[ActionSerializer]) -> Response:
        check_may_act(request, body.action.permission)
        order = self.get_object()
        serializer = body(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.asked(serializer.validated_data)
        check_may_act(request, body.action.meant(asked)[0].permission)
        command = requested_once(
            request,
            lambda by: submission.request(body.action, asked, order_id=order.pk, by=by, now=db_clock.now()),
        )
        command, headers = wait_for_end(request, command)
        shown = command if shows_people(request) else without_people(command)
        return Response(CommandSerializer(shown).data, status=status_of(command), headers=headers)

    @extend_schema(
        summary="Commands of the order, newest first",
        responses=CommandSerializer(many=True),
        filters=False,
    )
    @action(detail=True, url_path="commands", serializer_class=CommandSerializer, filterset_class=None)
    def commands(self, request: Request, **_: object) -> Response:
        commands = OrderCommand.objects.shown(people=shows_people(request)).filter(order=self.get_object())
        page = self.paginate_queryset(commands.order_by("-id"))  # type: ignore[arg-type]  # rows of another model than the view's
        return self.get_paginated_response(CommandSerializer(page, many=True).data)


def _route(body: type[ActionSerializer]) -> Callable[..., Response]:
    """Make the view of an action, as one written in the class would be."""

    def view(self: OrderActions, request: Request, **_: object) -> Response:
        return self._request(request, body)  # it becomes a method

    view.__name__ = body.action.kind.value
    routed = action(
        detail=True,
        methods=["post"],
        url_path=body.action.slug,
        filterset_class=None,
        throttle_classes=[ActionThrottle],
    )(view)
    described: Callable[..., Response] = describes(body)(routed)
    return described


for _body in SERIALIZERS:
    setattr(OrderActions, _body.action.kind.value, _route(_body))


class CommandViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[OrderCommand]):
    """One command, whatever order it belongs to."""

    queryset = OrderCommand.objects.all()
    serializer_class = CommandSerializer
    staff_permission = "orders.view_order"
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[OrderCommand]:
        commands = OrderCommand.objects.shown(people=shows_people(self.request))
        return in_scope(self.request, commands)

    @extend_schema(summary="One command and its outcome")
    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().retrieve(request, *args, **kwargs)
