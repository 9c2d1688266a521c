"""``webhooks/events``: the inbox, and replaying from it. ``webhooks/configs``: whom we let in."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, parsers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import filters
from core.api.parsers import ExactJSONParser
from core.api.refusal_examples import refused
from core.database import db_clock
from core.values.ids import searchable_id
from iiko_client.http.circuit_breaker import Priority
from iiko_client.models.events import event_type_of
from organizations.api.permissions import check_may_act, in_scope
from organizations.errors import UnknownOrganization
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from webhooks.admin import dry_run_display
from webhooks.api import serializers
from webhooks.api.serializers import ConfigSerializer, EventDetailSerializer, EventSerializer, valid
from webhooks.masking import caller_sees_people
from webhooks.models import inbox
from webhooks.models.inbox import WebhookConfig, WebhookEvent, WebhookEventQuerySet
from webhooks.receiving.configs import ConfigExists, change_config, create_config
from webhooks.registration import (
    REFUSAL_CODES,
    NotRegistered,
    NoWebhookAddress,
    demand_success,
    register_webhook,
)
from webhooks.replay import (
    REPLAY_AT_ONCE,
    NotReplayable,
    ReplayBusy,
    TooManyEvents,
    ids_at_once,
    once_each,
    replay_event,
    replay_now,
)
from webhooks.replay.dry_run import dry_run_of

REPLAY = "webhooks.replay_webhookevent"


_BUSY = ReplayBusy("Workers hold the rows that these events are about. Ask again in a moment.")
_UNREADABLE = NotReplayable("Event 3 could not be read when it came; only its raw bytes are kept.")


class EventTypeFilter(filters.TextsFilter):
    """Types in any spelling, as they are stored in one."""

    def filter(self, qs: QuerySet[filters.M], value: Sequence[str]) -> QuerySet[filters.M]:
        return super().filter(qs, [event_type_of(text) for text in value])


class EventFilter(django_filters.FilterSet):
    event_type = EventTypeFilter()
    status = filters.ChoicesFilter(choices=inbox.EventStatus.choices)
    organization_id = filters.IikoIdFilter()
    order_external_id = filters.ExternalIdFilter()
    correlation_id = filters.IikoIdFilter()
    trace_id = filters.TraceIdFilter(method="by_trace")
    reason = filters.ChoicesFilter(choices=inbox.Reason.choices)
    processing_error = django_filters.CharFilter(
        method="by_error",
        help_text="A part of the error's text. 403 for those who may not see personal data.",
    )
    source = filters.ChoicesFilter(choices=inbox.EventSource.choices)
    since = filters.MomentFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = filters.MomentFilter(
        field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before."
    )

    class Meta:
        model = WebhookEvent
        fields: list[str] = []

    def by_trace(self, events: WebhookEventQuerySet, _: str, value: UUID) -> QuerySet[WebhookEvent]:
        return events.of_trace(value)

    def by_error(self, events: QuerySet[WebhookEvent], _: str, value: str) -> QuerySet[WebhookEvent]:
        caller: Any = self.request  # DRF's
        if not caller_sees_people(caller):
            raise PermissionDenied()
        return events.filter(processing_error__icontains=value)


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
        request=serializers.DryRunSerializer,
        responses={
            202: EventDetailSerializer,
            200: serializers.DryRunResultSerializer,
            409: refused("It could not be read when it came, or workers hold it.", [_UNREADABLE, _BUSY]),
        },
    )
    # Most callers send no body at all, in whatever form.
    @action(
        detail=True,
        methods=["post"],
        parser_classes=[ExactJSONParser, parsers.FormParser, parsers.MultiPartParser],
    )
    def replay(self, request: Request, **_: object) -> Response:
        check_may_act(request, REPLAY)
        given = valid(serializers.DryRunSerializer(data=request.data))
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
        request=serializers.ManyReplaysSerializer,
        responses={
            202: serializers.ReplayCountSerializer,
            200: serializers.DryRunResultSerializer,
            409: refused(
                f"More than {REPLAY_AT_ONCE} events, or workers hold them.",
                [
                    TooManyEvents(f"More than {REPLAY_AT_ONCE} events answer these filters. Choose fewer."),
                    _BUSY,
                ],
            ),
        },
        filters=False,
    )
    @action(detail=False, methods=["post"], url_path="replay", url_name="replay-many")
    def replay_many(self, request: Request) -> Response:
        """Replay the events asked for, in the caller's scope, as ``GET webhooks/events`` finds them."""
        check_may_act(request, REPLAY)
        given = valid(serializers.ManyReplaysSerializer(data=request.data))
        dry_run = given.pop("dry_run")
        words = QueryDict(mutable=True)
        for name, value in given.items():
            words[name] = value.isoformat() if isinstance(value, datetime) else value
        seen = in_scope(request, WebhookEvent.objects.all())
        once = once_each(seen, statuses=[given.get("status", "")])  # type: ignore[arg-type]  # the manager's own
        found = EventFilter(words, queryset=once, request=request).qs
        events = WebhookEvent.objects.filter(pk__in=ids_at_once(found))
        return self._dry_run(events) if dry_run else Response(asdict(replay_now(events)), status=202)

    def _dry_run(self, events: WebhookEventQuerySet) -> Response:
        key = self.request.auth
        if isinstance(key, ApiKey):
            viewer = dry_run_display.EVERYTHING if key.may_act else dry_run_display.WITHOUT_PEOPLE
        else:
            viewer = dry_run_display.staff(self.request.user)
        return Response(dry_run_display.as_json(dry_run_of(events), viewer))


class ConfigFilter(django_filters.FilterSet):
    organization_id = filters.IikoIdFilter()

    class Meta:
        model = WebhookConfig
        fields: list[str] = []


_SOME_ID = "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d"
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
        request=serializers.NewConfigSerializer,
        responses={
            201: ConfigSerializer,
            404: refused(
                "No such organization here.", [UnknownOrganization(f"No organization {_SOME_ID} here.")]
            ),
            409: refused(
                "It has webhook settings already.",
                [ConfigExists("The organization has webhook settings already. Change them instead.")],
            ),
        },
    )
    def create(self, request: Request, **_: object) -> Response:
        given = valid(serializers.NewConfigSerializer(data=request.data))
        iiko_id = searchable_id(given["organization_id"])
        seen = in_scope(request, Organization.objects.all())
        organization = seen.filter(iiko_id=iiko_id).first()
        if organization is None:
            raise UnknownOrganization(f"No organization {iiko_id} here.")
        config = create_config(
            organization=organization, token=given.get("auth_token", ""), is_active=given["is_active"]
        )
        return Response(ConfigSerializer(config).data, status=201)

    @extend_schema(
        summary="Set a new token, or switch off",
        description="The token before stays valid until an event comes with the new one. "
        "Register again, so that iiko learns of it.",
        request=serializers.ConfigChangeSerializer,
        responses=ConfigSerializer,
    )
    def partial_update(self, request: Request, **_: object) -> Response:
        given = valid(serializers.ConfigChangeSerializer(data=request.data))
        config = change_config(
            self.get_object(), token=given.get("auth_token"), is_active=given.get("is_active")
        )
        return Response(ConfigSerializer(config).data)

    @extend_schema(
        summary="Make iiko send the webhooks here",
        description="iiko's settings are read and changed only where they differ. An address of another "
        "integration is left alone unless `force` is set (409 `foreign_webhook`).",
        request=serializers.RegisterSerializer,
        responses={
            200: serializers.RegistrationSerializer,
            409: refused(
                "It did not work; the code says why, the words what to do.",
                [
                    NoWebhookAddress("The hub does not know where iiko reaches it. Set WEBHOOK_BASE_URL."),
                    *(
                        NotRegistered(code, "iiko's settings were not changed.")
                        for code in REFUSAL_CODES.values()
                    ),
                ],
            ),
        },
    )
    @action(detail=True, methods=["post"])
    def register(self, request: Request, **_: object) -> Response:
        given = valid(serializers.RegisterSerializer(data=request.data))
        config = self.get_object()
        caller = f"key {request.auth.name}" if isinstance(request.auth, ApiKey) else str(request.user)
        done = register_webhook(
            config.organization,
            now=db_clock.now,
            force=given["force"],
            dry_run=given["dry_run"],
            priority=Priority.OPERATOR,
            requested_by=caller,
        )
        demand_success(done)
        config.refresh_from_db()
        told = {"outcome": str(done.outcome), "changes": done.changes, "config": config}
        return Response(serializers.RegistrationSerializer(told).data)
