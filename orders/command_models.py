"""Wishes: what people and programs asked iiko to do with an order, and what became of it.

Imported by ``orders.models``, so that Django finds these models there.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class CommandKind(models.TextChoices):
    UPDATE_STATUS = "update_status", _("change the status")
    ASSIGN_COURIER = "assign_courier", _("assign a courier")
    UPDATE_PAYMENT = "update_payment", _("change the payment")
    CANCEL = "cancel", _("cancel the order")


class CommandState(models.TextChoices):
    """``pending → sent → confirmed | rejected``; ``unknown`` after a lost answer, until iiko shows more."""

    PENDING = "pending", _("waiting to be sent")
    SENT = "sent", _("sent, not confirmed yet")
    UNKNOWN = "unknown", _("no answer, being looked into")
    CONFIRMED = "confirmed", _("done")
    REJECTED = "rejected", _("refused")
    EXPIRED = "expired", _("given up")


OPEN_STATES = (CommandState.PENDING, CommandState.SENT, CommandState.UNKNOWN)


class OrderCommandQuerySet(models.QuerySet["OrderCommand"]):
    def open(self) -> OrderCommandQuerySet:
        return self.filter(state__in=OPEN_STATES)

    def under_way(self) -> OrderCommandQuerySet:
        """iiko may be carrying them out."""
        return self.filter(state__in=(CommandState.SENT, CommandState.UNKNOWN))


class OrderCommand(models.Model):
    """A wish, written before anything is sent. Changed by ``services.commands`` and its neighbours alone.

    ``wish`` holds what was asked, by the hub's names, sums in 1/100 (``*_minor``); ``order_then`` how the
    order stood at that moment. ``correlation_id`` is iiko's name of the command. Nothing is sent while
    ``held_until`` is in the future: a worker has it in hand, or iiko asked to wait.
    """

    order = models.ForeignKey(
        "orders.Order", models.CASCADE, related_name="commands", verbose_name=_("order"), db_index=False
    )
    kind = models.CharField(_("what"), max_length=20, choices=CommandKind)
    state = models.CharField(_("state"), max_length=12, choices=CommandState, default=CommandState.PENDING)
    wish = models.JSONField(_("wish"), default=dict)
    order_then = models.JSONField(_("the order then"), default=dict)
    correlation_id = models.CharField(_("correlation id"), max_length=200, blank=True)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    requested_by = models.CharField(_("asked by"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("user"),
        db_index=False,
    )
    proof = models.CharField(_("proved by"), max_length=20, blank=True)
    looks = models.PositiveIntegerField(_("times asked"), default=0)
    held_until = models.DateTimeField(_("next step"), null=True)
    created_at = models.DateTimeField(_("asked"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)

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
        ]
        indexes = [
            models.Index("order", "id", name="order_commands_order"),
            models.Index("id", name="order_commands_open", condition=Q(state__in=OPEN_STATES)),
            models.Index("state", "id", name="order_commands_state"),
            models.Index(
                "correlation_id", name="order_commands_correlation", condition=~Q(correlation_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES


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
