"""``webhooks/events``: the inbox, and replaying from it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.parsers import ExactJSONParser
from core.api.schema import RefusalsSerializer
from organizations.api.permissions import check_may_act, in_scope
from organizations.models.api_keys import ApiKey
from webhooks.admin.dry_run_display import EVERYTHING, as_json, staff
from webhooks.api.filters import EventFilter
from webhooks.api.serializers import (
    DryRunResultSerializer,
    DryRunSerializer,
    EventDetailSerializer,
    EventSerializer,
    ManyReplaysSerializer,
    ReplayCountSerializer,
    valid,
)
from webhooks.errors import TooManyEvents
from webhooks.models.inbox import WebhookEvent, WebhookEventQuerySet
from webhooks.replay.dry_run import dry_run_of
from webhooks.replay.replay import REPLAY_AT_ONCE, ReplayCount, once_each, replay_all, replay_event

REPLAY = "webhooks.replay_webhookevent"

_NOT_NOW = OpenApiResponse(
    RefusalsSerializer, "It could not be read when it came (`not_replayable`), or workers hold it."
)
_TOO_MANY = OpenApiResponse(
    RefusalsSerializer, f"More than {REPLAY_AT_ONCE} events (`too_many_events`), or workers hold them."
)


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
        "It is applied soon after; newer news in the mirror stays. With `dry_run` nothing is done and the "
        "answer tells what would change.",
        request=DryRunSerializer,
        responses={202: EventDetailSerializer, 200: DryRunResultSerializer, 409: _NOT_NOW},
    )
    # Most callers send no body at all, in whatever form.
    @action(detail=True, methods=["post"], parser_classes=[ExactJSONParser, FormParser, MultiPartParser])
    def replay(self, request: Request, **_: Any) -> Response:
        check_may_act(request, REPLAY)
        given = valid(DryRunSerializer(data=request.data))
        event = self.get_object()
        if given["dry_run"]:
            return self._dry_run(WebhookEvent.objects.filter(pk=event.pk))
        replayed = replay_event(event_id=event.pk)
        return Response(
            EventDetailSerializer(replayed, context=self.get_serializer_context()).data, status=202
        )

    @extend_schema(
        operation_id="webhooks_events_replay_many",
        summary="Put the events of a selection into the inbox again",
        description=f"At most {REPLAY_AT_ONCE} at once; `manage.py replay_webhooks` takes any number. "
        "Replays are left out, their originals stand for them, unless failed ones are asked for. With "
        "`dry_run` nothing is done and the answer tells what would change.",
        request=ManyReplaysSerializer,
        responses={202: ReplayCountSerializer, 200: DryRunResultSerializer, 409: _TOO_MANY},
        filters=False,
    )
    @action(detail=False, methods=["post"], url_path="replay", url_name="replay-many")
    def replay_many(self, request: Request) -> Response:
        check_may_act(request, REPLAY)
        given = valid(ManyReplaysSerializer(data=request.data))
        events = self._selected({name: given[name] for name in given if name != "dry_run"})
        if given["dry_run"]:
            return self._dry_run(events)
        count = [ReplayCount(0, 0, 0), *replay_all(events)][-1]
        return Response(asdict(count), status=202)

    def _selected(self, asked: dict[str, Any]) -> WebhookEventQuerySet:
        """Select the events asked for, in the caller's scope, as ``GET webhooks/events`` finds them.

        Raises:
            TooManyEvents: 409.
        """
        words = QueryDict(mutable=True)
        for name, value in asked.items():
            words[name] = value.isoformat() if isinstance(value, datetime) else value
        seen = in_scope(self.request, WebhookEvent.objects.all())
        events = once_each(seen, statuses=[asked.get("status", "")])  # type: ignore[arg-type]  # the manager's own
        found = EventFilter(words, queryset=events, request=self.request).qs
        ids = list(found.order_by().values_list("pk", flat=True)[: REPLAY_AT_ONCE + 1])
        if len(ids) > REPLAY_AT_ONCE:
            raise TooManyEvents(
                f"More than {REPLAY_AT_ONCE} events answer these filters. Choose fewer (since, until), or "
                "run manage.py replay_webhooks, which takes any number."
            )
        # By id: the replays themselves might answer the same filters.
        return WebhookEvent.objects.filter(pk__in=ids)

    def _dry_run(self, events: WebhookEventQuerySet) -> Response:
        viewer = EVERYTHING if isinstance(self.request.auth, ApiKey) else staff(self.request.user)
        return Response(as_json(dry_run_of(events), viewer))
