"""Restaurants as iiko knows them, and who may read their orders over the API."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta, tzinfo

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from iiko_client import clocks
from organizations import clock_models, link_models, shift_models, stop_models  # noqa: F401  # where Django looks
from organizations.fields import StampField
from organizations.name_keys import NAME_ORDER, name_key


def validate_time_zone(value: str) -> None:
    try:
        clocks.zone(value)
    except clocks.NotAZone as error:
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
    # What iiko said last. A name or zone that differs from it was set here and is kept.
    vendor_name = models.CharField(_("name in iiko"), max_length=200, blank=True, editable=False)
    vendor_timezone = models.CharField(_("time zone in iiko"), max_length=64, blank=True, editable=False)
    pos_version = models.CharField(_("version of the till"), max_length=100, blank=True, editable=False)
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
        return clocks.zone(self.timezone)

    def terminal_group(self, iiko_id: str | None) -> TerminalGroup | None:
        """Look up one of the restaurant's till groups by iiko's id; None for one that is not known."""
        return TerminalGroup.objects.filter(organization_id=self.iiko_id, iiko_id=iiko_id or "").first()


POS_NEWS_LASTS = timedelta(minutes=10)
"""Older answers to whether a POS answers claim nothing."""


class TerminalGroupQuerySet(models.QuerySet["TerminalGroup"]):
    def in_use(self) -> TerminalGroupQuerySet:
        return self.filter(is_deleted=False, is_in_sleep=False)

    def silent(self, now: datetime) -> TerminalGroupQuerySet:
        """Whose POS does not answer, by what iiko said not long ago."""
        told = self.in_use().filter(alive_told_at__gte=now - POS_NEWS_LASTS)
        return told.filter(not_answering_since__isnull=False)


class TerminalGroup(models.Model):
    """A till group of a restaurant; its zone is the clock of the order's local times."""

    organization = models.ForeignKey(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        related_name="terminal_groups",
        verbose_name=_("organization"),
    )
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
    pos_version = models.CharField(_("version of the till"), max_length=100, blank=True, editable=False)
    is_in_sleep = models.BooleanField(_("asleep"), default=False, editable=False)
    is_deleted = models.BooleanField(_("deleted in iiko"), default=False, editable=False)
    # Whether the POS answers; iiko is asked when something waits for it (see webhooks.services.pos_watch).
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
        """Return since when its POS does not answer; None: it does, or nobody asked lately."""
        is_news = self.alive_told_at is not None and self.alive_told_at >= now - POS_NEWS_LASTS
        is_used = not (self.is_deleted or self.is_in_sleep)
        return self.not_answering_since if is_news and is_used else None


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> ApiKeyQuerySet:
        return self.filter(is_active=True)


class ApiKey(models.Model):
    """A key of an integrator. The secret is shown once; only its SHA-256 is stored."""

    name = models.CharField(_("name"), max_length=200)
    name_key = name_key("name")
    prefix = models.CharField(_("beginning"), max_length=16, unique=True)
    digest = models.CharField(max_length=64, editable=False)
    organizations = models.ManyToManyField(
        Organization,
        blank=True,
        related_name="api_keys",
        verbose_name=_("organizations"),
        help_text=_("What the key may see. Ignored when it may see all."),
    )
    sees_all = models.BooleanField(_("sees all organizations"), default=False)
    may_act = models.BooleanField(
        _("may act"), default=True, help_text=_("Besides reading: change orders, act on loyalty.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = StampField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_keys"
        ordering = NAME_ORDER
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    def opens_with(self, key: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.digest, self.digest_of(key))

    def note_use(self, now: datetime) -> None:
        """Remember the use, at most once a minute, so that a busy key costs no write per request."""
        if self.last_used_at is None or now - self.last_used_at > timedelta(minutes=1):
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)


class ApiUse(models.Model):
    """How often a caller acted in the minute it last acted in. Written by ``api.throttling``."""

    caller = models.CharField(max_length=60, primary_key=True)
    minute = models.BigIntegerField(help_text="Minutes since 1970.")
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "api_uses"

    def __str__(self) -> str:
        return self.caller
