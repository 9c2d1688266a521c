"""What became of each message to each subscription, and of each attempt to send it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organizations.models.organization import Organization, parents_organization
from outbound.models.events import EventType, OutboundEvent
from outbound.models.subscriptions import Subscription


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("waiting to be sent")
    DELIVERED = "delivered", _("arrived")
    FAILED = "failed", _("not arrived, no more attempts")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> DeliveryQuerySet:
        return self.filter(state=DeliveryState.PENDING)

    def waiting(self, now: datetime) -> DeliveryQuerySet:
        """Pending ones that are still to be sent: of subscriptions that may receive anything."""
        return self.pending().filter(subscription__in=Subscription.objects.deliverable(now))

    def failed(self) -> DeliveryQuerySet:
        return self.filter(state=DeliveryState.FAILED)

    def due(self, now: datetime) -> DeliveryQuerySet:
        """Whose time has come, and which no worker holds."""
        is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        return self.pending().filter(is_free, next_attempt_at__lte=now)


class Delivery(models.Model):
    """One event for one subscription. Written by ``feed.fan_out``, ``acts`` and the sender.

    Of one ``entity`` of a subscription only the oldest pending one (by ``position``) is sent. ``attempts``
    counts those of the retry schedule: a redelivery starts them again, a probe of an open circuit
    does not count.
    """

    subscription = models.ForeignKey(
        Subscription,
        # ``outbound.receivers`` deletes them: Django would read all of them first.
        models.DO_NOTHING,
        related_name="deliveries",
        verbose_name=_("subscription"),
        db_index=False,
    )
    event = models.ForeignKey(
        OutboundEvent, models.CASCADE, related_name="deliveries", verbose_name=_("event")
    )
    event_type = models.CharField(_("what"), max_length=40, choices=EventType)
    organization = models.ForeignKey(
        Organization,
        models.DO_NOTHING,
        to_field="iiko_id",
        null=True,
        related_name="+",
        verbose_name=_("organization"),
        db_constraint=False,
        db_index=False,
    )
    """As the event has it, and so its type: lists are filtered by both in the order of ids."""
    entity = models.TextField(_("about"))
    """``order/123``: type and id of the event's entity."""
    position = models.BigIntegerField(_("position"))
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    lease_until = models.DateTimeField(null=True, editable=False)
    """A worker sends it until then; later that worker counts as dead."""
    last_status = models.PositiveSmallIntegerField(_("answer"), null=True)
    """The status of HTTP that the last attempt was answered with; null: no answer."""
    last_error = models.CharField(_("error"), max_length=40, blank=True)
    """A code of ``sending.errors``."""
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True)
    redelivered_at = models.DateTimeField(_("asked for again"), null=True)
    created_at = models.DateTimeField(_("created"))
    finished_at = models.DateTimeField(_("ended"), null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "outbound_deliveries"
        ordering = ("-id",)
        verbose_name = _("delivery of a webhook")
        verbose_name_plural = _("deliveries of webhooks")
        constraints = [
            models.UniqueConstraint(fields=("subscription", "event"), name="outbound_deliveries_once")
        ]
        indexes = [
            models.Index("subscription", "id", name="outbound_deliveries_subscr"),
            models.Index("state", "id", name="outbound_deliveries_state"),
            models.Index("event_type", "id", name="outbound_deliveries_type"),
            models.Index("organization", "id", name="outbound_deliveries_place"),
            models.Index("created_at", name="outbound_deliveries_created"),
            models.Index(
                "subscription",
                "position",
                name="outbound_deliveries_due",
                condition=Q(state="pending"),
            ),
            # Who is before it: the oldest of an entity alone is sent.
            models.Index(
                "subscription",
                "entity",
                "position",
                name="outbound_deliveries_entity",
                condition=Q(state="pending"),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def message_id(self) -> str:
        """Return ``webhook-id``: the same at every attempt, by which receivers know what they have."""
        return f"msg_{self.event.uid.hex}_{self.subscription_id}"


class DeliveryAttempt(models.Model):
    """One request and its answer. ``answer`` is the beginning of what the receiver said, as text."""

    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="log", verbose_name=_("delivery"), db_index=False
    )
    organization = parents_organization()
    began_at = models.DateTimeField(_("when"))
    duration_ms = models.PositiveIntegerField(_("took, ms"))
    status = models.PositiveSmallIntegerField(_("answer"), null=True)
    error = models.CharField(_("error"), max_length=40, blank=True)
    answer = models.TextField(_("answered"), blank=True)
    is_probe = models.BooleanField(_("probe"), default=False)

    class Meta:
        db_table = "outbound_attempts"
        ordering = ("id",)
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        indexes = [
            models.Index("delivery", "id", name="outbound_attempts_delivery"),
            models.Index("began_at", name="outbound_attempts_began"),
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S} {self.status or self.error}"
