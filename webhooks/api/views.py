"""``webhooks/events``: the inbox, and replaying from it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from organizations.api.permissions import in_scope
from organizations.models import ApiKey
from webhooks.api.filters import EventFilter
from webhooks.api.serializers import EventDetailSerializer, EventSerializer
from webhooks.models import WebhookEvent
from webhooks.services.replay import replay_event


@extend_schema_view(
    list=extend_schema(summary="Received events, newest first"),
    retrieve=extend_schema(summary="One event with its payload"),
)
class EventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[WebhookEvent]):
    queryset = WebhookEvent.objects.all()
    filterset_class = EventFilter
    staff_permission = "webhooks.view_webhookevent"
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[WebhookEvent]:
        events = in_scope(self.request, super().get_queryset())
        return events.defer("payload", "raw_body") if self.action == "list" else events

    def get_serializer_class(self) -> type[EventSerializer]:
        return EventSerializer if self.action == "list" else EventDetailSerializer

    @extend_schema(
        summary="Put the event into the inbox again",
        description="Answers with the new event (`source: replay`), or with the one that is still waiting. "
        "It is applied soon after; newer news in the mirror stays.",
        request=None,
        responses={202: EventDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **_: Any) -> Response:
        if not isinstance(request.auth, ApiKey) and not request.user.has_perm("webhooks.replay_webhookevent"):
            raise PermissionDenied
        event = replay_event(event_id=self.get_object().pk)
        return Response(EventDetailSerializer(event).data, status=202)
