"""Restaurants and their terminal groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.values.name_keys import NAME_ORDER, name_key
from iiko_client import vendor_time
from organizations.fields import StampField


def validate_time_zone(value: str) -> None:
    try:
        vendor_time.zone(value)
    except vendor_time.NotAZone as error:
        raise ValidationError(
            _("%(value)s is not a time zone. Write a name such as Europe/Moscow, or a shift such as +05:00."),
            params={"value": value},
        ) from error


class Organization(models.Model):
    """A restaurant (iiko's *organization*) that this hub serves; written by an operator or from the login."""

    iiko_id = models.CharField(
        _("iiko id"), max_length=200, unique=True, help_text=_("The organization's id in iiko.")
    )
    name = models.CharField(_("name"), max_length=200)
    name_key = name_key("name")
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        validators=[validate_time_zone],
        help_text=_(
            "iiko writes local times without a zone. A name such as Europe/Moscow, or a shift such as +05:00."
        ),
    )
    currency = models.CharField(
        _("currency"), max_length=3, default="RUB", help_text=_("Three letters of ISO 4217.")
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Events of an inactive organization are kept, not applied.")
    )
    api_login = models.ForeignKey(
        "organizations.ApiLogin",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="organizations",
        verbose_name=_("API login"),
        help_text=_("What the hub asks iiko with. Empty: the login of the environment, if there is one."),
    )
    default_payment_types = models.JSONField(
        _("usual payment types"),
        default=dict,
        blank=True,
        help_text=_(
            "iiko's id of the type that is meant where only a kind is asked for: Card, Cash, External."
        ),
    )
    # iiko's last values. A name or zone that differs from them was set by an operator and is kept.
    vendor_name = models.CharField(_("name in iiko"), max_length=200, blank=True, editable=False)
    vendor_timezone = models.CharField(_("time zone in iiko"), max_length=64, blank=True, editable=False)
    pos_version = models.CharField(_("version of the POS"), max_length=100, blank=True, editable=False)
    payment_settings = models.CharField(
        _("when deliveries are paid"), max_length=100, blank=True, editable=False
    )
    is_confirmation_enabled = models.BooleanField(_("deliveries are confirmed"), null=True, editable=False)
    menu_revision = models.BigIntegerField(_("revision of the menu"), default=0, editable=False)
    dictionaries_synced_at = models.DateTimeField(
        _("dictionaries read"), null=True, blank=True, editable=False
    )
    created_at = StampField(_("created"), auto_now_add=True)
    updated_at = StampField(_("updated"), auto_now=True)

    class Meta:
        db_table = "organizations"
        ordering = NAME_ORDER
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self) -> str:
        return self.name

    def zone(self) -> tzinfo:
        return vendor_time.zone(self.timezone)

    def terminal_group(self, iiko_id: str | None) -> TerminalGroup | None:
        """Look up one of the restaurant's terminal groups by iiko's id; None for one that is not known."""
        return TerminalGroup.objects.filter(organization_id=self.iiko_id, iiko_id=iiko_id or "").first()


def organization_key(
    related_name: str, *, on_delete: Callable[..., None] = models.CASCADE, db_index: bool = True
) -> models.ForeignKey[Organization, Organization]:
    """Declare to which restaurant a row belongs, by iiko's id of it."""
    return models.ForeignKey(
        Organization,
        on_delete,
        to_field="iiko_id",
        related_name=related_name,
        verbose_name=_("organization"),
        db_index=db_index,
    )


def parents_organization() -> models.ForeignKey[Organization | None, Organization | None]:
    """Declare the restaurant of the row that this one belongs to, which the database fills in.

    A row that was just made may not have it in Python (``core.database.parent_keys``); ask its parent.
    """
    return models.ForeignKey(
        Organization,
        models.DO_NOTHING,
        to_field="iiko_id",
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("organization"),
        db_constraint=False,
        db_index=False,
    )


POS_NEWS_LASTS = timedelta(minutes=10)
"""An older answer of iiko to whether a POS answers does not count."""


class TerminalGroupQuerySet(models.QuerySet["TerminalGroup"]):
    def in_use(self) -> TerminalGroupQuerySet:
        return self.filter(is_deleted=False, is_in_sleep=False)

    def silent(self, now: datetime) -> TerminalGroupQuerySet:
        """Keep those whose POS does not answer, by a recent answer of iiko."""
        recent = self.in_use().filter(alive_told_at__gte=now - POS_NEWS_LASTS)
        return recent.filter(not_answering_since__isnull=False)


class TerminalGroup(models.Model):
    """A terminal group of a restaurant; its zone is the clock of the order's local times."""

    organization = organization_key("terminal_groups")
    iiko_id = models.CharField(_("iiko id"), max_length=200)
    name = models.CharField(_("name"), max_length=200)
    name_key = name_key("name")
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Empty: the organization's."),
    )
    vendor_timezone = models.CharField(_("time zone in iiko"), max_length=64, blank=True, editable=False)
    pos_version = models.CharField(_("version of the POS"), max_length=100, blank=True, editable=False)
    is_in_sleep = models.BooleanField(_("asleep"), default=False, editable=False)
    is_deleted = models.BooleanField(_("deleted in iiko"), default=False, editable=False)
    # Whether the POS answers; iiko is asked when an order or a command waits (webhooks.monitoring.pos_watch).
    alive_asked_at = models.DateTimeField(null=True, editable=False)
    alive_told_at = models.DateTimeField(_("asked whether it answers"), null=True, editable=False)
    not_answering_since = models.DateTimeField(_("does not answer since"), null=True, editable=False)

    objects = TerminalGroupQuerySet.as_manager()

    class Meta:
        db_table = "terminal_groups"
        ordering = ("organization", *NAME_ORDER)
        verbose_name = _("terminal group")
        verbose_name_plural = _("terminal groups")
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "iiko_id"), name="terminal_groups_one_per_iiko_id"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def silent_since(self, now: datetime) -> datetime | None:
        """Return since when its POS does not answer; None: it does, or iiko was not asked lately."""
        is_recent = self.alive_told_at is not None and self.alive_told_at >= now - POS_NEWS_LASTS
        is_used = not (self.is_deleted or self.is_in_sleep)
        return self.not_answering_since if is_recent and is_used else None
