"""How far the hub has read iiko's orders by itself, and how well the webhooks come.

Imported by ``webhooks.models.inbox``, so that Django finds these models there.
"""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.fields import StampField
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization


class SyncLease(models.Model):
    """Who reads the orders of a login at present; ends by itself when the holder dies."""

    api_login = models.OneToOneField(
        ApiLogin, models.CASCADE, primary_key=True, related_name="sync_lease", verbose_name=_("API login")
    )
    holder = models.CharField(max_length=64, blank=True)
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "order_sync_leases"
        verbose_name = _("reading of orders under way")
        verbose_name_plural = _("readings of orders under way")

    def __str__(self) -> str:
        return f"{self.api_login_id}"


class OrderSync(models.Model):
    """How far an organization's orders were read. Written by reconciliation, after what it found is stored.

    ``read_from`` and ``read_revision`` are set while orders are read by date: where that goes on after
    an interruption, and the revision to follow afterwards.
    """

    organization = models.OneToOneField(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        primary_key=True,
        related_name="order_sync",
        verbose_name=_("organization"),
    )
    origin = models.CharField(
        max_length=600, blank=True, help_text=_("The login and address whose revisions these are.")
    )
    revision = models.BigIntegerField(_("revision"), null=True)
    synced_at = models.DateTimeField(_("known up to"), null=True)
    read_from = models.DateTimeField(null=True)
    read_revision = models.BigIntegerField(null=True)
    read_began_at = models.DateTimeField(null=True)
    error = models.TextField(_("error"), blank=True)
    refusals = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    open_asked_at = models.DateTimeField(
        null=True, help_text=_("When iiko was last asked by id for open orders without news.")
    )
    missed_total = models.PositiveBigIntegerField(
        _("missed"), default=0, help_text=_("Changes of status that no webhook brought.")
    )
    judged_until = models.DateTimeField()
    created_at = StampField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "order_sync"
        verbose_name = _("reading of orders")
        verbose_name_plural = _("readings of orders")

    def __str__(self) -> str:
        return f"{self.organization_id}"


class LinkState(models.TextChoices):
    """How an organization's webhooks come."""

    RECEIVING = "receiving", _("webhooks come")
    QUIET = "quiet", _("quiet hour")
    DEAD_WEBHOOK = "dead_webhook", _("webhooks do not arrive")
    OFFLINE_POS = "offline_till", _("POS is offline")
    BLIND = "blind", _("silent, and iiko cannot be asked")
    NOT_REGISTERED = "not_registered", _("webhook is not registered")
    NO_LOGIN = "no_login", _("no API login")


WATCH_IS_FRESH = timedelta(minutes=10)


class LinkHealth(models.Model):
    """What the watch found last for an organization; ``since`` when it began to be so."""

    organization = models.OneToOneField(
        Organization,
        models.CASCADE,
        to_field="iiko_id",
        primary_key=True,
        related_name="link_health",
        verbose_name=_("organization"),
    )
    state = models.CharField(_("state"), max_length=20, choices=LinkState)
    since = models.DateTimeField(_("since"))
    checked_at = models.DateTimeField(_("checked"))
    last_webhook_at = models.DateTimeField(_("last event"), null=True)
    usual_events = models.PositiveIntegerField(
        _("usual events"), default=0, help_text=_("In so long a time at this hour of past days.")
    )
    missed = models.PositiveIntegerField(
        _("missed"),
        default=0,
        help_text=_("Changes of status that reconciliation found since the last webhook."),
    )

    class Meta:
        db_table = "link_health"
        verbose_name = _("state of the link")
        verbose_name_plural = _("states of the link")

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.state}"

    def is_fresh(self, now: datetime) -> bool:
        """Whether the watch looked lately; else nothing may be claimed of the link."""
        return now - self.checked_at <= WATCH_IS_FRESH
