"""API keys of integrators, and how often each caller acts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.values.name_keys import NAME_ORDER, name_key
from organizations.fields import StampField
from organizations.models.organization import Organization


class KeyRight(models.TextChoices):
    """What a key may do besides reading; the values are columns of ``ApiKey``."""

    ACT = "may_act", _("act on orders")
    LOYALTY = "may_use_loyalty", _("use loyalty")
    WEBHOOKS = "may_set_webhooks", _("set webhooks")

    @classmethod
    def for_permission(cls, permission: str) -> KeyRight:
        """Return the right of a key that stands for a permission of a person (``app.codename``)."""
        app = permission.partition(".")[0]
        return {"loyalty": cls.LOYALTY, "webhooks": cls.WEBHOOKS, "outbound": cls.WEBHOOKS}.get(app, cls.ACT)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime) -> ApiKeyQuerySet:
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), is_active=True)


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
    may_act = models.BooleanField(KeyRight.ACT.label, default=True)
    may_use_loyalty = models.BooleanField(
        KeyRight.LOYALTY.label, default=True, help_text=_("Top up, charge and hold.")
    )
    may_set_webhooks = models.BooleanField(
        KeyRight.WEBHOOKS.label, default=True, help_text=_("Register webhooks, replay events.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = StampField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(
        _("expires"),
        null=True,
        blank=True,
        help_text=_("From then on it opens nothing. Empty: never. Time is UTC."),
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    last_used_address = models.GenericIPAddressField(_("from the address"), null=True, editable=False)

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

    @property
    def rights(self) -> frozenset[KeyRight]:
        return frozenset(right for right in KeyRight if getattr(self, right.value))

    def note_use(self, now: datetime, address: str | None) -> None:
        """Store when and from where it is used, once a minute at most: not a write per request."""
        if self.last_used_at is None or now - self.last_used_at > timedelta(minutes=1):
            type(self).objects.filter(pk=self.pk).update(last_used_at=now, last_used_address=address)


class ApiUse(models.Model):
    """How often a caller acted in the minute it last acted in. Written by ``api.throttling``."""

    caller = models.CharField(max_length=60, primary_key=True)
    minute = models.BigIntegerField(help_text="Minutes since 1970.")
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "api_uses"

    def __str__(self) -> str:
        return self.caller
