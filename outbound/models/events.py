"""What happened, as the database's own triggers wrote it down (``outbound.feed``)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organizations.models.organization import Organization


class EntityType(models.TextChoices):
    ORDER = "order", _("order")
    COMMAND = "command", _("command")
    LOYALTY_OPERATION = "loyalty_operation", _("loyalty operation")
    STOP_LIST_ITEM = "stop_list_item", _("product on a stop list")
    ATTENTION_ITEM = "attention_item", _("attention item")
    TEST = "test", _("test")


class EventType(models.TextChoices):
    """What subscriptions name. The triggers of the migrations write these values; they never change."""

    ORDER_CREATED = "order.created", _("order: new")
    ORDER_STATUS_CHANGED = "order.status_changed", _("order: other status")
    """Of what changed in one writing the status is the most important; the rest is in ``changes``."""
    ORDER_UPDATED = "order.updated", _("order: changed")
    ORDER_MERGED = "order.merged", _("order: turned out to be another")
    COMMAND_CREATED = "command.created", _("command: requested")
    COMMAND_UPDATED = "command.updated", _("command: went on")
    COMMAND_FINISHED = "command.finished", _("command: ended")
    OPERATION_CREATED = "loyalty.operation.created", _("loyalty operation: requested")
    OPERATION_UPDATED = "loyalty.operation.updated", _("loyalty operation: went on")
    OPERATION_FINISHED = "loyalty.operation.finished", _("loyalty operation: ended")
    STOP_LIST_ADDED = "stop_list.item_added", _("stop list: product put on")
    STOP_LIST_CHANGED = "stop_list.item_changed", _("stop list: other rest")
    STOP_LIST_REMOVED = "stop_list.item_removed", _("stop list: product taken off")
    ATTENTION_OPENED = "attention.opened", _("attention: found")
    ATTENTION_UPDATED = "attention.updated", _("attention: changed")
    ATTENTION_ENDED = "attention.ended", _("attention: ended")
    TEST = "subscription.test", _("test")
    """Made by ``acts.send_test`` alone, whatever a subscription wants."""


class OutboundEvent(models.Model):
    """One change that may be sent to integrators, written in the transaction that made it.

    ``changes`` names each field that changed: ``{"status": {"from": "Waiting", "to": "OnWay"}}``. Fields that
    hold personal data or much text are named without values (``{"phone": {}}``), so that no personal data is
    kept here. ``position`` is the place in the order of commits, null until ``feed.fan_out`` gave it one.
    ``body`` and ``personal_body`` are what is sent (JSON as text, byte for byte): rendered at fan-out, the
    second only where a subscription wants personal data.
    """

    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    """Part of the id that receivers know a message by; the numbers of rows repeat after a restore."""
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
    """None: it is about the hub itself, or a test."""
    entity_type = models.CharField(_("about"), max_length=20, choices=EntityType)
    entity_id = models.TextField(_("id"))
    """Events of one entity are sent in their order; of most the row's id."""
    row_id = models.BigIntegerField(null=True)
    """The row that changed; it may be gone."""
    occurred_at = models.DateTimeField(_("when"))
    changes = models.JSONField(_("changes"), default=dict)
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    """Of what made the change; its deliveries belong to it too."""
    position = models.BigIntegerField(_("position"), null=True, editable=False)
    body = models.TextField(_("body"), null=True, editable=False)
    personal_body = models.TextField(_("body with personal data"), null=True, editable=False)

    class Meta:
        db_table = "outbound_events"
        ordering = ("-id",)
        verbose_name = _("outbound event")
        verbose_name_plural = _("outbound events")
        indexes = [
            models.Index("id", name="outbound_events_new", condition=Q(position__isnull=True)),
            models.Index("occurred_at", name="outbound_events_occurred"),
            models.Index("trace_id", name="outbound_events_trace", condition=Q(trace_id__isnull=False)),
            # What is kept of a guest is looked for by the rows that it is about.
            models.Index("entity_type", "row_id", name="outbound_events_about"),
        ]
        constraints = [models.UniqueConstraint(fields=("position",), name="outbound_events_one_position")]

    def __str__(self) -> str:
        return f"{self.event_type} #{self.pk}"
