"""API keys of integrators, and how often each caller acts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.values.name_keys import NAME_ORDER, name_key
from organizations.fields import StampField
from organizations.models.organization import Organization


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
        """Store the time of use, once a minute at most: a busy key costs no write per request."""
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
