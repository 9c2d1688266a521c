"""``deliveries``: what was sent, what came of each attempt, and sending it again."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.refusal_examples import refused
from organizations.api.permissions import shows_people
from outbound import acts
from outbound.access import ACT, Viewer, deliveries_of
from outbound.api import examples, serializers
from outbound.api.filters import DeliveryFilter
from outbound.api.subscription_views import given_by, key_of
from outbound.errors import NotActive
from outbound.models.deliveries import Delivery


@extend_schema_view(
    list=extend_schema(
        summary="Deliveries, newest first",
        description="Those of the subscriptions that the caller sees: a key of its own alone.",
        examples=[OpenApiExample("One", value=examples.DELIVERY, response_only=True)],
    ),
    retrieve=extend_schema(
        summary="One delivery with its body and its attempts",
        examples=[OpenApiExample("Arrived", value=examples.DELIVERY_DETAIL, response_only=True)],
    ),
)
class DeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delivery]):
    queryset = Delivery.objects.order_by("-id")
    filterset_class = DeliveryFilter
    lookup_value_regex = r"\d{1,18}"

    @property
    def staff_permission(self) -> str:
        return ACT if self.action == "redeliver" else "outbound.view_delivery"

    def get_queryset(self) -> QuerySet[Delivery]:
        rows = deliveries_of(key_of(self.request), self.request.user)
        rows = rows.select_related("event", "subscription").order_by("-id")
        if self.action == "list":
            return rows.defer("event__body", "event__personal_body", "event__changes")
        return rows.prefetch_related("log")

    def get_serializer_class(self) -> type[serializers.DeliverySerializer]:
        if self.action == "retrieve":
            return serializers.DeliveryDetailSerializer
        return serializers.DeliverySerializer

    def get_serializer_context(self) -> dict[str, object]:
        context: dict[str, object] = super().get_serializer_context()
        if self.action != "retrieve":
            return context
        request = self.request
        return context | {"viewer": Viewer(key_of(request), request.user, shows_people(request))}

    @extend_schema(
        summary="Send it again",
        description="With the body and the `webhook-id` that it had. One that still waits stays as it is.",
        request=serializers.EmptySerializer,
        responses={
            202: serializers.DeliverySerializer,
            409: refused("The subscription is off.", [NotActive(examples.IS_OFF)]),
        },
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def redeliver(self, request: Request, **_: object) -> Response:
        given_by(serializers.EmptySerializer(data=request.data))
        delivery = self.get_object()
        acts.redeliver_one(delivery)
        return Response(self.get_serializer(self.get_queryset().get(pk=delivery.pk)).data, status=202)
