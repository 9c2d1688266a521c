"""Commands: what people and programs request of iiko for an order, and the outcome.

Imported by ``orders.models.order``, so that Django finds these models there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from core.outbox import OutboxQuerySet, OutboxRow
from organizations.models.organization import parents_organization


class CommandKind(models.TextChoices):
    UPDATE_STATUS = "update_status", _("change the status")
    ASSIGN_COURIER = "assign_courier", _("assign a courier")
    UPDATE_PAYMENT = "update_payment", _("change the payment")
    CANCEL = "cancel", _("cancel the order")
    APPLY_DISCOUNT = "apply_discount", _("give a discount")


class Phase(models.TextChoices):
    """Where a discount stands on its way (docs/adr/0007); other commands have none."""

    READ = "read", _("reading the order")
    CREATE = "create", _("making the new order")
    CANCEL_OLD = "cancel_old", _("cancelling the old order")
    CANCEL_NEW = "cancel_new", _("taking the new order back")


class CommandState(models.TextChoices):
    """``pending → sent → confirmed | rejected``; ``unknown`` after a lost answer, until iiko shows more."""

    PENDING = "pending", _("waiting to be sent")
    SENT = "sent", _("sent, not confirmed yet")
    UNKNOWN = "unknown", _("no answer, being looked into")
    CONFIRMED = "confirmed", _("done")
    REJECTED = "rejected", _("refused")
    EXPIRED = "expired", _("abandoned")
    NEEDS_ATTENTION = "attention", _("needs attention")
    """The hub does nothing more by itself; what iiko reports may still settle it."""


OPEN_STATES = (CommandState.PENDING, CommandState.SENT, CommandState.UNKNOWN)
FAILED_STATES = (CommandState.REJECTED, CommandState.EXPIRED)
ABANDONED_CODES = ("given_up", "given_up_unsent", "given_up_midway", "seen_to")
"""Codes of commands that a person ended."""

HANGS_AFTER = timedelta(seconds=60)
FAILED_WITHIN = timedelta(hours=24)
UNSETTLED_WITHIN = timedelta(days=7)
"""Counts of what went wrong have an end: after so long it is history."""


_CHANGED_AT = Greatest("created_at", "phase_at", "sent_at", "finished_at", "acknowledged_at")
"""Of the moments that a command names, the last; PostgreSQL passes over those that are NULL."""


class OrderCommandQuerySet(OutboxQuerySet["OrderCommand"]):
    def changed_since(self, moment: datetime) -> OrderCommandQuerySet:
        """Began, went on, ended or were acknowledged at or after a moment; by an index of its own."""
        return self.alias(changed_at=_CHANGED_AT).filter(changed_at__gte=moment)

    def hanging(self, now: datetime) -> OrderCommandQuerySet:
        """Without an answer a minute after the request or longer."""
        return self.open().filter(created_at__lte=now - HANGS_AFTER)

    def failed_lately(self, now: datetime) -> OrderCommandQuerySet:
        """Refused or expired lately, and neither acknowledged nor abandoned."""
        failed = self.filter(state__in=FAILED_STATES, acknowledged_at__isnull=True)
        return failed.filter(finished_at__gte=now - FAILED_WITHIN).exclude(error_code__in=ABANDONED_CODES)

    def unsettled_lately(self, now: datetime) -> OrderCommandQuerySet:
        """Left to a person lately, and still open."""
        return self.filter(state=CommandState.NEEDS_ATTENTION, created_at__gte=now - UNSETTLED_WITHIN)

    def under_way(self) -> OrderCommandQuerySet:
        """Sent, or perhaps sent: iiko may carry them out."""
        return self.filter(state__in=(CommandState.SENT, CommandState.UNKNOWN))


class OrderCommand(OutboxRow):
    """A command, written before anything is sent. Changed by ``commands`` and ``actions`` alone.

    ``params`` holds what was requested, by the hub's names, sums in 1/100 (``*_minor``);
    ``order_snapshot`` how the order stood at that moment. ``correlation_id`` is iiko's name of the command.
    Nothing is sent while ``next_attempt_at`` is in the future: a worker holds it, or iiko asked to wait.

    A discount takes several steps: ``phase`` is the present one (``state`` then says how far that one is),
    ``new_order_id`` iiko's id of the replacement, ``state_data`` what the steps must know.
    """

    order = models.ForeignKey(
        "orders.Order", models.CASCADE, related_name="commands", verbose_name=_("order"), db_index=False
    )
    organization = parents_organization()
    kind = models.CharField(_("what"), max_length=20, choices=CommandKind)
    state = models.CharField(_("state"), max_length=12, choices=CommandState, default=CommandState.PENDING)
    params = models.JSONField(_("params"), default=dict)
    order_snapshot = models.JSONField(_("order snapshot"), default=dict)
    correlation_id = models.CharField(_("correlation id"), max_length=200, blank=True)
    phase = models.CharField(_("phase"), max_length=20, choices=Phase, blank=True)
    phase_at = models.DateTimeField(_("in this phase since"), null=True)
    new_order_id = models.CharField(_("iiko id of the new order"), max_length=200, blank=True)
    state_data = models.JSONField(default=dict, editable=False)
    confirmed_event_id = models.BigIntegerField(_("confirming event"), null=True, editable=False)
    """The event that showed it done; the inbox lies above this app, so no foreign key."""
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, editable=False)
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=200, blank=True, editable=False)

    objects = OrderCommandQuerySet.as_manager()

    class Meta:
        db_table = "order_commands"
        ordering = ("-id",)
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        permissions = [
            ("change_order_status", "Can change the status of orders in iiko"),
            ("assign_order_courier", "Can assign couriers in iiko"),
            ("change_order_payment", "Can change payments in iiko"),
            ("cancel_order", "Can cancel orders in iiko"),
            ("apply_order_discount", "Can give discounts in iiko"),
        ]
        indexes = [
            models.Index("order", "id", name="order_commands_order"),
            models.Index("id", name="order_commands_open", condition=Q(state__in=OPEN_STATES)),
            models.Index("state", "id", name="order_commands_state"),
            models.Index(
                "correlation_id", name="order_commands_correlation", condition=~Q(correlation_id="")
            ),
            models.Index("new_order_id", name="order_commands_new_order", condition=~Q(new_order_id="")),
            models.Index(
                "finished_at",
                name="order_commands_failed",
                condition=Q(state__in=FAILED_STATES, acknowledged_at__isnull=True),
            ),
            models.Index(
                "order", name="order_commands_attention", condition=Q(state=CommandState.NEEDS_ATTENTION)
            ),
            models.Index(_CHANGED_AT, name="order_commands_changed"),
            models.Index("created_at", name="order_commands_created"),
            models.Index(
                "confirmed_event_id",
                name="order_commands_event",
                condition=Q(confirmed_event_id__isnull=False),
            ),
            models.Index("trace_id", name="order_commands_trace", condition=Q(trace_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class IdempotencyKey(models.Model):
    """A caller's name for a request, so that its repeat is answered with the first command.

    ``owner`` is the API key or user; ``fingerprint`` a digest of the request: the same name with another
    request is a mistake.
    """

    owner = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    command = models.ForeignKey(OrderCommand, models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=("owner", "key"), name="idempotency_keys_one_per_owner")
        ]
        indexes = [models.Index("created_at", name="idempotency_keys_created")]

    def __str__(self) -> str:
        return self.key
