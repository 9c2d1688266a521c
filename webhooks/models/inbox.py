"""The inbox: every message iiko (or reconciliation, or a replay) brought, and how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from core import trace
from core.values.ids import searchable_id
from iiko_client.json_reader import LONGEST_EXTERNAL_ID, external_id
from iiko_client.models import events as wire
from orders.models.order import Order
from organizations.fields import EncryptedTextField, StampField
from organizations.models.organization import Organization

PARTITIONS = 16
"""Entities are spread over so many partitions; a partition is worked on by one worker at a time."""

RETRY_PAUSES = tuple(timedelta(seconds=s) for s in (1, 5, 30, 120, 600, 1800, 3600, 3 * 3600))
"""After as many failures as there are pauses an event is dead."""


STORED_BEFORE = timedelta(minutes=1)
STORED_WITHIN = timedelta(minutes=2)
"""A webhook is stored so soon after its trace began; its web server's clock may differ a little (ADR 9)."""


class EventFormat(models.TextChoices):
    CLOUD = wire.CLOUD, _("Cloud")
    SOI = wire.SOI, _("SOI")
    UNKNOWN = wire.UNKNOWN, _("unknown")


class EventSource(models.TextChoices):
    WEBHOOK = "webhook", _("webhook")
    RECONCILE = "reconcile", _("reconciliation")
    REPLAY = "replay", _("replay")
    COMMAND = "command", _("read after a command")


class EventStatus(models.TextChoices):
    PENDING = "pending", _("waiting")
    PROCESSED = "processed", _("applied")
    STALE = "stale", _("outdated")
    IGNORED = "ignored", _("not applied")
    FAILED = "failed", _("failed, will be retried")
    DEAD = "dead", _("failed for good")


DUE_STATUSES = (EventStatus.PENDING, EventStatus.FAILED)


class Reason(models.TextChoices):
    """Why an event changed no order. Codes are stable, for programs."""

    NOT_JSON = "not_json", _("the body is not JSON")
    TOO_DEEP = "too_deep", _("the body is nested too deeply")
    NOT_AN_OBJECT = "not_an_object", _("not an object")
    NOT_STORABLE = "not_storable", _("holds a value that no database can keep")
    WRONG_TENANT = "foreign_token", _("the token belongs to another organization")
    NO_ORGANIZATION = "no_organization", _("names no organization")
    UNKNOWN_ORGANIZATION = "unknown_organization", _("the organization is not set up here")
    INACTIVE_ORGANIZATION = "inactive_organization", _("the organization is switched off here")
    ORGANIZATION_MISMATCH = "organization_mismatch", _("envelope and content name different organizations")
    NO_CONTENT = "no_content", _("the event has no content")
    NO_ORDER_ID = "no_order_id", _("names no order")
    NOT_HANDLED_YET = "not_handled_yet", _("this type of event is kept; the hub does nothing with it yet")
    KEPT_ONLY = "kept_only", _("this type of event is only kept")
    UNKNOWN_TYPE = "unknown_type", _("unknown type of event")
    NOT_AN_ORDER = "not_an_order", _("the content is not an order")
    UNREADABLE = "unreadable", _("the content cannot be read")
    NO_TIME = "no_time", _("does not say when, so it has no place in the order of things")
    OLDER = "older", _("newer news had arrived before")
    ERROR = "error", _("could not be applied")


class WebhookEventQuerySet(models.QuerySet["WebhookEvent"]):
    def due(self) -> WebhookEventQuerySet:
        """Select what waits to be applied by now, on the database's clock."""
        return self.filter(status__in=DUE_STATUSES, due_at__lte=Now())

    def of_order(self, text: str) -> WebhookEventQuerySet:
        """Select what names an order by iiko's id, in any spelling, or by the shop's number as it is."""
        by_number = Q(order_external_id=external_id(text)) & ~Q(order_external_id="")
        return self.filter(Q(entity_key=searchable_id(text)) | by_number)

    def of_trace(self, trace_id: UUID) -> WebhookEventQuerySet:
        """Select what a request brought: webhooks by the time in their id, all others by an index."""
        found = Q(trace_id=trace_id) & ~Q(source=EventSource.WEBHOOK)
        if (made_at := trace.made_at(trace_id)) is not None:
            near = (made_at - STORED_BEFORE, made_at + STORED_WITHIN)
            found |= Q(trace_id=trace_id, source=EventSource.WEBHOOK, received_at__range=near)
        return self.filter(found)

    def abandoned(self) -> WebhookEventQuerySet:
        """Select what failed for good and was not replayed since: the last attempt counts."""
        later = WebhookEvent.objects.filter(
            replay_of=Coalesce(OuterRef("replay_of_id"), OuterRef("pk")), pk__gt=OuterRef("pk")
        )
        return self.filter(~Exists(later), status=EventStatus.DEAD)

    def unfinished(self) -> WebhookEventQuerySet:
        return self.filter(status__in=DUE_STATUSES)


class WebhookEvent(models.Model):
    """One message. Written by the receive view before it answers; ended by a worker.

    The table lies in partitions by the month of ``received_at`` (docs/adr/0015).
    """

    event_type = models.CharField(_("type"), max_length=100, blank=True)
    format = models.CharField(_("format"), max_length=10, choices=EventFormat)
    status = models.CharField(_("status"), max_length=10, choices=EventStatus, default=EventStatus.PENDING)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason, blank=True)
    processing_error = models.TextField(_("processing error"), blank=True)
    notes = models.JSONField(
        _("remarks"),
        default=list,
        help_text=_("Fields that could not be read and are unknown now, or were not read just as they came."),
    )
    organization_id = models.CharField(_("organization"), max_length=200, blank=True)
    entity_key = models.CharField(_("entity"), max_length=260, blank=True)
    order_external_id = models.CharField(_("external order id"), max_length=LONGEST_EXTERNAL_ID, blank=True)
    correlation_id = models.CharField(_("correlation id"), max_length=200, blank=True)
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    """Of the request that brought it; of a webhook found by ``received_at``, so that no index of it grows."""
    event_time = models.DateTimeField(_("event time"), null=True)
    revision = models.BigIntegerField(_("revision"), null=True)
    source = models.CharField(_("source"), max_length=10, choices=EventSource, default=EventSource.WEBHOOK)
    payload = models.JSONField(_("payload"), null=True)
    raw_body = models.BinaryField(_("raw body"), null=True)
    digest = models.CharField(max_length=32)
    # Unique by a trigger and a table of keys: an index over several months has to hold ``received_at``.
    dedup_key = models.CharField(max_length=200)
    duplicates = models.PositiveIntegerField(_("repeats"), default=0)
    partition = models.SmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    due_at = models.DateTimeField(_("next attempt"), db_default=Now())
    processed_at = models.DateTimeField(_("ended"), null=True)
    order = models.ForeignKey(
        Order,
        models.SET_NULL,
        null=True,
        related_name="events",
        verbose_name=_("order"),
        db_index=False,
    )
    replay_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        related_name="replays",
        verbose_name=_("replay of"),
        db_index=False,
        # A key to a table in months needs the month; retention keeps an original while a replay is there.
        db_constraint=False,
    )

    objects = WebhookEventQuerySet.as_manager()

    class Meta:
        db_table = "webhook_events"
        ordering = ("-received_at", "-id")
        verbose_name = _("event")
        verbose_name_plural = _("events")
        permissions = [("replay_webhookevent", "Can replay events")]
        indexes = [
            models.Index(
                "partition",
                "due_at",
                "id",
                name="webhook_events_due",
                condition=Q(status__in=("pending", "failed")),
            ),
            # The primary key of the database is (received_at, id): it serves the lists by time.
            models.Index("id", name="webhook_events_id"),
            models.Index("event_type", "received_at", name="webhook_events_type"),
            models.Index("organization_id", "received_at", name="webhook_events_organization"),
            # Without the id, so that the events of one order share an entry.
            models.Index("entity_key", name="webhook_events_entity"),
            models.Index(
                "order_external_id", name="webhook_events_external_id", condition=~Q(order_external_id="")
            ),
            # Partial, because most rows have neither and every index costs the receive view a write.
            models.Index("order", name="webhook_events_order", condition=Q(order__isnull=False)),
            models.Index(
                "correlation_id", name="webhook_events_correlation_id", condition=~Q(correlation_id="")
            ),
            # Webhooks, which come by the thousand, cost it nothing.
            models.Index(
                "trace_id",
                name="webhook_events_trace",
                condition=Q(trace_id__isnull=False) & ~Q(source="webhook"),
            ),
            models.Index(
                "replay_of", "id", name="webhook_events_replay_of", condition=Q(replay_of__isnull=False)
            ),
            models.Index(
                "status",
                "received_at",
                "id",
                name="webhook_events_not_processed",
                condition=~Q(status="processed"),
            ),
            models.Index(
                "reason", "received_at", "id", name="webhook_events_reason", condition=~Q(reason="")
            ),
            models.Index(
                "source", "received_at", "id", name="webhook_events_source", condition=~Q(source="webhook")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type or self.get_format_display()} #{self.pk}"

    @property
    def arrival_id(self) -> int:
        """The place in the order of arrival; a replay stands where its original stood."""
        return self.replay_of_id or self.pk

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.due_at if self.status == EventStatus.FAILED else None


class RegistrationStatus(models.TextChoices):
    NOT_REGISTERED = "not_registered", _("not registered")
    REGISTERED = "registered", _("registered")
    DRIFTED = "drifted", _("changed in iiko")
    FAILED = "failed", _("failed")


TOLD = (RegistrationStatus.REGISTERED, RegistrationStatus.DRIFTED)


class WebhookConfigQuerySet(models.QuerySet["WebhookConfig"]):
    def active(self) -> WebhookConfigQuerySet:
        return self.filter(is_active=True, organization__is_active=True)

    def registered(self) -> WebhookConfigQuerySet:
        return self.filter(registration_status__in=TOLD)

    def first_of(self, organization: Organization | None) -> WebhookConfig | None:
        """Return the row of an organization; of several, which only old data has, the oldest."""
        return self.filter(organization=organization).order_by("id").first()


class Drift(models.TextChoices):
    """In what iiko's settings differ from ours."""

    ADDRESS = "address", _("another address")
    TOKEN = "token", _("another token")
    FORMER_TOKEN = "former_token", _("the former token still")
    FILTER = "filter", _("other kinds of events")


class WebhookConfig(models.Model):
    """How iiko calls us for one organization: the address and the token it must show.

    ``previous_auth_token`` is accepted beside the current one while a new token is being introduced.
    """

    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        related_name="webhook_configs",
        verbose_name=_("organization"),
    )
    webhook_url = models.CharField(_("address"), max_length=500, blank=True)
    auth_token = EncryptedTextField(_("token"))
    previous_auth_token = EncryptedTextField(_("previous token"), blank=True, default="")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("The tokens of an inactive row are refused.")
    )
    last_registration = models.DateTimeField(_("last registration"), null=True, blank=True)
    registration_status = models.CharField(
        _("registration"),
        max_length=20,
        choices=RegistrationStatus,
        default=RegistrationStatus.NOT_REGISTERED,
    )
    registration_error = models.TextField(_("registration error"), blank=True)
    registration_code = models.CharField(_("reason"), max_length=30, blank=True, editable=False)
    # What iiko had when it was last read, by a registration or by the watch.
    checked_at = models.DateTimeField(_("compared with iiko"), null=True, blank=True, editable=False)
    drift = models.JSONField(_("differs in iiko"), default=list, blank=True, editable=False)
    seen_url = models.CharField(_("address in iiko"), max_length=500, blank=True, editable=False)
    created_at = StampField(_("created"), auto_now_add=True)
    updated_at = StampField(_("updated"), auto_now=True)

    objects = WebhookConfigQuerySet.as_manager()

    class Meta:
        db_table = "webhook_configs"
        ordering = ("organization", "id")
        verbose_name = _("webhook")
        verbose_name_plural = _("webhook settings")

    def __str__(self) -> str:
        return f"{self.organization}"

    @property
    def is_registered(self) -> bool:
        """Told to iiko by the hub, whether or not iiko still has it so."""
        return self.registration_status in TOLD
