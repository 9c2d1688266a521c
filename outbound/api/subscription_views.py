"""``subscriptions``: which events are sent where, made and kept by integrators themselves."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.refusal_examples import refused
from core.values.ids import searchable_id
from organizations.access import is_restricted
from organizations.api.permissions import in_scope
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from outbound import acts
from outbound.access import ACT, subscriptions_of
from outbound.api import examples, serializers
from outbound.api.filters import SubscriptionFilter
from outbound.errors import NotActive
from outbound.events.catalogue import CATALOGUE
from outbound.models.subscriptions import Subscription
from outbound.states import with_waiting
from outbound.subscribing import (
    MOST_PER_KEY,
    PEOPLE_UNSEEN,
    AlreadySubscribed,
    Maker,
    TooManySubscriptions,
    change,
    subscribe,
)

_PERMISSIONS = {"create": "add", "partial_update": "change", "destroy": "delete"} | {
    "rotate_secret": "change",
    "enable": "change",
}
_ACTS = ("test", "redeliver")


def key_of(request: Request) -> ApiKey | None:
    return request.auth if isinstance(request.auth, ApiKey) else None


def _maker(request: Request) -> Maker:
    key = key_of(request)
    # Nobody else passes HasApiAccess.
    return Maker(key=key) if key is not None else Maker(user=cast("User", request.user))


def given_by(serializer: Any) -> dict[str, Any]:  # noqa: ANN401  # any of the serializers of bodies
    """Return what was given, checked.

    Raises:
        ValidationError: 400.
    """
    serializer.is_valid(raise_exception=True)
    given: dict[str, Any] = serializer.validated_data
    return given


@extend_schema_view(
    list=extend_schema(
        summary="Subscriptions by name",
        description="A key sees those that it made, and no others.",
        examples=[OpenApiExample("One", value=examples.SUBSCRIPTION, response_only=True)],
    ),
    retrieve=extend_schema(
        summary="One subscription, and how it fares",
        examples=[OpenApiExample("It works", value=examples.SUBSCRIPTION, response_only=True)],
    ),
    destroy=extend_schema(summary="End a subscription; what waits is not sent"),
)
class SubscriptionViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Subscription],
):
    queryset = Subscription.objects.order_by("name", "id")
    serializer_class = serializers.SubscriptionSerializer
    filterset_class = SubscriptionFilter
    lookup_value_regex = r"\d{1,18}"

    @property
    def staff_permission(self) -> str:
        if self.action in _ACTS:
            return ACT
        return f"outbound.{_PERMISSIONS.get(self.action, 'view')}_subscription"

    def get_queryset(self) -> QuerySet[Subscription]:
        rows = subscriptions_of(key_of(self.request), self.request.user)
        return (
            with_waiting(rows)
            .select_related("api_key")
            .prefetch_related("organizations")
            .order_by("name", "id")
        )

    @extend_schema(
        summary="Subscribe an address to events",
        description="The secret is shown in this answer alone. A key that is limited to restaurants "
        "receives events of those alone. A repeat of a request whose answer was lost makes no second "
        "subscription: it is refused and names the first (409 `already_subscribed`). A key has at most "
        f"{MOST_PER_KEY}.",
        request=serializers.NewSubscriptionSerializer,
        examples=[
            OpenApiExample("Orders of one restaurant", value=examples.NEW, request_only=True),
            OpenApiExample("Made", value=examples.WITH_SECRET, response_only=True, status_codes=["201"]),
        ],
        responses={
            201: serializers.SubscriptionWithSecretSerializer,
            409: refused(
                "It is there already, or there are as many as a key may have.",
                (
                    AlreadySubscribed("The same subscription is there already: number 3."),
                    TooManySubscriptions(f"A key has at most {MOST_PER_KEY} subscriptions."),
                ),
            ),
        },
    )
    def create(self, request: Request, **_: object) -> Response:
        given = given_by(serializers.NewSubscriptionSerializer(data=request.data))
        maker = _maker(request)
        _check_rights(maker, given)
        places = self._places(given.pop("organization_ids", []))
        made = Subscription(**given)
        subscribe(made, places, by=maker)
        return Response(self._with_secret(made), status=201)

    @extend_schema(
        summary="Change a subscription",
        description="What is left out stays. Another address begins without the failures of the former.",
        request=serializers.SubscriptionChangeSerializer,
        examples=[OpenApiExample("Other events", value=examples.CHANGE, request_only=True)],
        responses=serializers.SubscriptionSerializer,
    )
    def partial_update(self, request: Request, **_: object) -> Response:
        given = given_by(serializers.SubscriptionChangeSerializer(data=request.data))
        subscription = self.get_object()
        # Whoever may not see guests must not lead a stream of them to an address of their own.
        kept = {name: getattr(subscription, name) for name in ("includes_personal_data", "event_types")}
        maker = _maker(request)
        _check_rights(maker, kept | given)
        ids = given.pop("organization_ids", None)
        change(subscription, given, None if ids is None else self._places(ids), by=maker)
        return Response(self.get_serializer(self.get_object()).data)

    def _places(self, ids: list[str]) -> list[Organization]:
        """Find the restaurants named; for a caller who sees some alone, none named means those.

        Raises:
            ValidationError: one is not here, or not for this caller.
            PermissionDenied: the caller may see no restaurant; none named would mean all of them.
        """
        key = key_of(self.request)
        seen = in_scope(self.request, Organization.objects.all())
        wanted = {searchable_id(one) for one in ids}
        if not wanted:
            sees_all = key.sees_all if key is not None else not is_restricted(self.request.user)
            if not sees_all and not seen:
                raise PermissionDenied(
                    _("You may see no restaurant, so there are no events to subscribe to.")
                )
            return [] if sees_all else list(seen)
        found = list(seen.filter(iiko_id__in=wanted))
        if missing := sorted(wanted - {one.iiko_id for one in found}):
            words = _("No such restaurant here: %s.") % ", ".join(missing)[:500]
            raise ValidationError({"organization_ids": words}, code="unknown_organization")
        return found

    def _with_secret(self, subscription: Subscription) -> object:
        shown = self.get_queryset().get(pk=subscription.pk)
        context = self.get_serializer_context()
        return serializers.SubscriptionWithSecretSerializer(shown, context=context).data

    @extend_schema(
        summary="All types of events, with an example of each",
        responses=serializers.EventTypeSerializer(many=True),
        examples=[OpenApiExample("One of them", value=examples.EVENT_TYPE, response_only=True)],
        filters=False,
    )
    @action(detail=False, url_path="event-types", filterset_class=None, pagination_class=None)
    def event_types(self, _request: Request) -> Response:
        rows = [
            {"name": one.name, "title": one.title, "when": one.when, "example": one.example()}
            for one in CATALOGUE.values()
        ]
        return Response(serializers.EventTypeSerializer(rows, many=True).data)

    @extend_schema(
        summary="Send a test",
        description="It is sent at once, whatever the subscription wants, while it is off too. The answer "
        "says what came of it, after 15 seconds at most.",
        request=serializers.EmptySerializer,
        examples=[OpenApiExample("It arrived", value=examples.TEST, response_only=True)],
        responses=serializers.DeliverySerializer,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def test(self, request: Request, **_: object) -> Response:
        given_by(serializers.EmptySerializer(data=request.data))
        delivery = acts.send_test(self.get_object())
        return Response(serializers.DeliverySerializer(delivery).data)

    @extend_schema(
        summary="Make a new secret",
        description="It is shown in this answer alone. Messages are signed with both until "
        "`previous_secret_until`: time enough to put the new one in place.",
        request=serializers.EmptySerializer,
        responses=serializers.SubscriptionWithSecretSerializer,
    )
    @action(detail=True, methods=["post"], url_path="rotate-secret", filterset_class=None)
    def rotate_secret(self, request: Request, **_: object) -> Response:
        given_by(serializers.EmptySerializer(data=request.data))
        subscription = self.get_object()
        acts.rotate_secret(subscription)
        return Response(self._with_secret(subscription))

    @extend_schema(
        summary="Enable it again, and close its circuit",
        description="What waits is sent. A repeat changes nothing.",
        request=serializers.EmptySerializer,
        responses=serializers.SubscriptionSerializer,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def enable(self, request: Request, **_: object) -> Response:
        given_by(serializers.EmptySerializer(data=request.data))
        acts.switch_on(self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Send again what happened since a moment",
        description="All events since then that it wants, in their order, those that arrived too: with "
        "the `webhook-id` that they had, so that a receiver who knows it takes none twice. Events are "
        "kept for some 30 days.",
        request=serializers.SinceSerializer,
        examples=[OpenApiExample("Since noon", value=examples.SINCE, request_only=True)],
        responses={
            202: serializers.RedeliveredSerializer,
            409: refused("It is off.", [NotActive(examples.IS_OFF)]),
        },
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def redeliver(self, request: Request, **_: object) -> Response:
        subscription = self.get_object()
        given = given_by(serializers.SinceSerializer(data=request.data))
        begun = acts.redeliver(subscription, given["since"], only_failed=given["only_failed"])
        return Response({"count": begun.messages, "goes_on": begun.goes_on}, status=202)


def _check_rights(maker: Maker, asked: dict[str, Any]) -> None:
    """Refuse a subscription that would tell more than its maker may see."""
    if asked.get("includes_personal_data") and not maker.sees_people:
        raise PermissionDenied(PEOPLE_UNSEEN)
    if unseen := maker.unseen(asked.get("event_types", ())):
        words = _("You may not see what these events tell, so choose others: %(events)s.")
        raise PermissionDenied(words % {"events": ", ".join(unseen)})
