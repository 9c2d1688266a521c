"""``GET attention`` and what may be done with an item."""

from collections.abc import Callable
from typing import cast

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attention import acts
from attention.access import ACT, VIEW, items_for
from attention.api import serializers
from attention.api.filters import AttentionFilter
from attention.errors import BadMoment, NotDone
from attention.models.items import AttentionEntry, AttentionItem
from attention.models.watch_run import watch_state
from attention.rules.registry import RULES
from attention.words import with_holder
from core.api.refusal_examples import refused
from core.api.strict import StrictSerializer, UnknownField
from core.database import db_clock
from organizations.api.permissions import check_may_act, in_scope, shows_people
from organizations.api.scope import ScopedListViewSet
from organizations.models.api_keys import ApiKey

LOOKED_AT_HEADER = "X-Attention-Looked-At"

_ANSWERS = {
    200: serializers.AttentionDetailSerializer,
    409: refused(
        "It was not done; nothing was changed.",
        [
            NotDone("taken", "Already taken: olga, 3 min ago."),
            NotDone("resolved", "Already resolved: olga, 3 min ago."),
            NotDone("ended", "It ended by itself 3 min ago: there is nothing left to do."),
        ],
    ),
}
_ONCE = (
    "A repeat changes nothing. 409 says why it was not done: `taken` and `resolved` name who did it, "
    "`ended` says that it is over."
)


@extend_schema_view(
    list=extend_schema(
        summary="What needs attention, newest first",
        description="`state=open` has what somebody has to look at now. A key that is limited to "
        "restaurants sees what is about one of them; a person sees what each rule's permission allows.",
        parameters=[
            OpenApiParameter(
                LOOKED_AT_HEADER,
                OpenApiTypes.DATETIME,
                OpenApiParameter.HEADER,
                response=[200],
                description="When the rules were last looked at, every five seconds; absent before the first "
                "time. When it is old, no worker runs, and so is the list.",
            )
        ],
    ),
    retrieve=extend_schema(summary="One item with its history"),
)
class AttentionViewSet(mixins.RetrieveModelMixin, ScopedListViewSet[AttentionItem]):
    queryset = AttentionItem.objects.order_by("-id")
    filterset_class = AttentionFilter
    staff_permission = VIEW
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet[AttentionItem]:
        if isinstance(self.request.auth, ApiKey):
            known = AttentionItem.objects.filter(rule__in=[rule.name for rule in RULES])
            items = in_scope(self.request, known)
        else:
            items = items_for(self.request.user)
        items = with_holder(items).select_related("organization").order_by("-id")
        if self.action == "list":
            return items
        history = AttentionEntry.objects.shown(people=shows_people(self.request))
        return items.prefetch_related(Prefetch("history", history))

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        response = super().list(request, *args, **kwargs)
        if (looked_at := watch_state(db_clock.now()).last_at) is not None:
            response[LOOKED_AT_HEADER] = looked_at.isoformat()
        return response

    def get_serializer_class(self) -> type[serializers.AttentionItemSerializer]:
        if self.action == "list":
            return serializers.AttentionItemSerializer
        return serializers.AttentionDetailSerializer

    def _act(
        self, request: Request, body: type[StrictSerializer], do: Callable[..., AttentionItem]
    ) -> Response:
        check_may_act(request, ACT)
        item = self.get_object()
        asked = body(data=request.data)
        asked.is_valid(raise_exception=True)
        do(item.pk, by=_actor_of(request), now=db_clock.now(), **asked.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Take it: somebody looks after it",
        description=_ONCE,
        request=serializers.AttentionActSerializer,
        responses=_ANSWERS,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def take(self, request: Request, **_: object) -> Response:
        return self._act(request, serializers.AttentionActSerializer, acts.take)

    @extend_schema(
        summary="Give it back",
        description=_ONCE,
        request=serializers.AttentionActSerializer,
        responses=_ANSWERS,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def release(self, request: Request, **_: object) -> Response:
        return self._act(request, serializers.AttentionActSerializer, acts.release)

    @extend_schema(
        summary="Resolve it, with a note",
        description=f"It stays resolved while its condition holds. {_ONCE}",
        request=serializers.AttentionResolveSerializer,
        responses=_ANSWERS,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def resolve(self, request: Request, **_: object) -> Response:
        return self._act(request, serializers.AttentionResolveSerializer, acts.resolve)

    @extend_schema(
        summary="Snooze it until a moment",
        description=_ONCE,
        request=serializers.AttentionSnoozeSerializer,
        responses=_ANSWERS
        | {
            422: refused(
                "The moment is past or too far, or a field is unknown.",
                [
                    BadMoment("It can be snoozed until a moment of the next 7 days."),
                    UnknownField("No such field: till. Nothing was done. There are: until."),
                ],
            )
        },
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def snooze(self, request: Request, **_: object) -> Response:
        return self._act(request, serializers.AttentionSnoozeSerializer, acts.snooze)

    @extend_schema(
        summary="Open again what is resolved or snoozed",
        description=_ONCE,
        request=serializers.AttentionActSerializer,
        responses=_ANSWERS,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def reopen(self, request: Request, **_: object) -> Response:
        return self._act(request, serializers.AttentionActSerializer, acts.reopen)


def _actor_of(request: Request) -> acts.Actor:
    if isinstance(request.auth, ApiKey):
        return acts.Actor.of_key(request.auth)
    # Nobody else passes HasApiAccess.
    return acts.Actor(request.user.get_username(), cast("User", request.user))
