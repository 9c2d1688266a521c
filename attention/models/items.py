"""Items of the attention list, their history, and the settings of the rules.

An item is one finding of a rule (``attention.rules``) about one subject. It begins when the rule finds it and
ends when the rule finds it no more; meanwhile people may take it, snooze it or resolve it. Written by
``attention.watch`` (begin and end) and ``attention.acts`` (people) alone.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.privacy.rows import PeopleQuerySet, PeopleRow
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization, parents_organization


class Severity(models.IntegerChoices):
    """How bad it is; ordered, so that a channel may ask for all from one on."""

    INFO = 10, _("note")
    WARNING = 20, _("warning")
    CRITICAL = 30, _("critical")


class AttentionItemQuerySet(models.QuerySet["AttentionItem"]):
    def current(self) -> AttentionItemQuerySet:
        """Whose condition holds still, whatever people did."""
        return self.filter(ended_at__isnull=True)

    def open(self, now: datetime) -> AttentionItemQuerySet:
        """Which somebody has to look at now: current, neither resolved nor snoozed."""
        is_awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)
        return self.current().filter(is_awake, resolved_at__isnull=True)


class AttentionItem(models.Model):
    """One finding of a rule. ``subject`` names what it is about, once within a rule while it is current.

    ``facts`` are what the sentence of the rule needs, as JSON (moments ISO 8601 in UTC, money in 1/100);
    no personal data. ``since`` is when the condition began, ``opened_at`` when the hub found it.
    """

    rule = models.CharField(_("rule"), max_length=40)
    subject = models.CharField(_("subject"), max_length=250)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity)
    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        null=True,
        related_name="+",
        verbose_name=_("organization"),
        db_index=False,
    )
    """None: it is about the hub itself."""
    # Without a constraint in the database: its check would wait for whoever has the order locked, while that
    # one waits for this row (``attention.receivers``).
    order = models.ForeignKey(
        Order,
        models.CASCADE,
        null=True,
        related_name="attention",
        verbose_name=_("order"),
        db_constraint=False,
    )
    command = models.ForeignKey(
        OrderCommand,
        models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("command"),
        db_constraint=False,
    )
    facts = models.JSONField(default=dict, editable=False)
    since = models.DateTimeField(_("since"))
    opened_at = models.DateTimeField(_("found"))
    lost_at = models.DateTimeField(null=True, editable=False)
    """When the rule found it no more; it ends when that lasts (``Rule.linger``)."""
    ended_at = models.DateTimeField(_("ended"), null=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("taken by")
    )
    taken_at = models.DateTimeField(_("taken"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    snoozed_until = models.DateTimeField(_("snoozed until"), null=True)
    updated_at = models.DateTimeField(_("changed"))

    objects = AttentionItemQuerySet.as_manager()

    class Meta:
        db_table = "attention_items"
        ordering = ("-severity", "since", "id")
        verbose_name = _("attention item")
        verbose_name_plural = _("attention list")
        permissions = [("act_on_attention", "Can take, snooze and resolve what needs attention")]
        constraints = [
            models.UniqueConstraint(
                fields=("rule", "subject"),
                condition=Q(ended_at__isnull=True),
                name="attention_items_one_current",
            )
        ]
        indexes = [
            models.Index("organization", "id", name="attention_items_organization"),
            models.Index("id", name="attention_items_current", condition=Q(ended_at__isnull=True)),
            models.Index("opened_at", name="attention_items_opened"),
            models.Index(
                F("ended_at").desc(), name="attention_items_ended", condition=Q(ended_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}"


class Act(models.TextChoices):
    FOUND = "found", _("found")
    TAKEN = "taken", _("taken")
    RELEASED = "released", _("given back")
    SNOOZED = "snoozed", _("snoozed")
    RESOLVED = "resolved", _("resolved")
    REOPENED = "reopened", _("opened again")
    TAKEN_OFF = "taken_off", _("taken off the board")
    ENDED = "ended", _("ended by itself")


class AttentionEntry(PeopleRow):
    """One line of an item's history. ``actor`` is the name of a person, empty for the hub."""

    item = models.ForeignKey(AttentionItem, models.CASCADE, related_name="history")
    organization = parents_organization()
    """None, as of its item: it is about the hub itself."""
    act = models.CharField(_("what"), max_length=12, choices=Act)
    at = models.DateTimeField(_("when"))
    actor = models.CharField(_("who"), max_length=200, blank=True)
    note = models.TextField(_("note"), blank=True)

    objects = PeopleQuerySet.as_manager()

    class Meta:
        db_table = "attention_history"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.act} {self.at:%Y-%m-%d %H:%M}"


class RuleSetting(models.Model):
    """How a rule works in a restaurant; without a row it is on, with the limit of its class.

    A row without a restaurant holds for all that have none of their own.
    """

    rule = models.CharField(_("rule"), max_length=40)
    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("organization"),
    )
    is_on = models.BooleanField(_("on"), default=True)
    limit = models.PositiveIntegerField(_("limit"), null=True, blank=True)
    """In the unit of the rule (minutes, seconds); None: the limit of its class."""

    class Meta:
        db_table = "attention_rule_settings"
        verbose_name = _("rule of attention")
        verbose_name_plural = _("rules of attention")
        constraints = [
            models.UniqueConstraint(
                fields=("rule", "organization"), nulls_distinct=False, name="attention_rules_once"
            )
        ]

    def __str__(self) -> str:
        return self.rule
