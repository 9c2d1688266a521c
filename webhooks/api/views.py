"""``webhooks/events``: the inbox, and replaying from it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.filters import ChoicesFilter, ExternalIdFilter, IikoIdFilter, MomentFilter, TextsFilter
from core.api.parsers import ExactJSONParser
from core.api.schema import RefusalsSerializer
from core.database import db_clock
from core.values.ids import searchable_id
from iiko_client.http.circuit_breaker import Priority
from iiko_client.models.events import event_type_of
from organizations.api.permissions import check_may_act, in_scope
from organizations.errors import UnknownOrganization
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from webhooks.admin.dry_run_display import EVERYTHING, as_json, staff
from webhooks.api.serializers import (
    ConfigChangeSerializer,
    ConfigSerializer,
    DryRunResultSerializer,
    DryRunSerializer,
    EventDetailSerializer,
    EventSerializer,
    ManyReplaysSerializer,
    NewConfigSerializer,
    RegisterSerializer,
    RegistrationSerializer,
    ReplayCountSerializer,
    valid,
)
from webhooks.masking import sees_all_people
from webhooks.models.inbox import (
    EventSource,
    EventStatus,
    Reason,
    WebhookConfig,
    WebhookEvent,
    WebhookEventQuerySet,
)
from webhooks.receiving.configs import change_config, create_config
from webhooks.registration import demand_success, register_webhook
from webhooks.replay import REPLAY_AT_ONCE, ReplayCount, TooManyEvents, once_each, replay_all, replay_event
from webhooks.replay.dry_run import dry_run_of

REPLAY = "webhooks.replay_webhookevent"

_NOT_NOW = OpenApiResponse(
    RefusalsSerializer, "It could not be read when it came (`not_replayable`), or workers hold it."
)
_TOO_MANY = OpenApiResponse(
    RefusalsSerializer, f"More than {REPLAY_AT_ONCE} events (`too_many_events`), or workers hold them."
)


class EventTypeFilter(TextsFilter):
    """Types in any spelling, as they are stored in one."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return super().filter(qs, [event_type_of(text) for text in value])


class EventFilter(filters.FilterSet):
    event_type = EventTypeFilter()
    status = ChoicesFilter(choices=EventStatus.choices)
    organization_id = IikoIdFilter()
    order_external_id = ExternalIdFilter()
    correlation_id = IikoIdFilter()
    reason = ChoicesFilter(choices=Reason.choices)
    processing_error = filters.CharFilter(
        method="by_error",
        help_text="A part of the error's text. 403 for those who may not see personal data.",
    )
    source = ChoicesFilter(choices=EventSource.choices)
    since = MomentFilter(
        field_name="received_at", lookup_expr="gte", help_text="ISO 8601; received at or after."
    )
    until = MomentFilter(field_name="received_at", lookup_expr="lt", help_text="ISO 8601; received before.")

    class Meta:
        model = WebhookEvent
        fields: list[str] = []

    def by_error(self, events: QuerySet[WebhookEvent], _: str, value: str) -> QuerySet[WebhookEvent]:
        caller: Any = self.request
        key = caller.auth
        if not (key.may_act if isinstance(key, ApiKey) else sees_all_people(caller.user)):
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


class ConfigFilter(filters.FilterSet):
    organization_id = IikoIdFilter()

    class Meta:
        model = WebhookConfig
        fields: list[str] = []


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
