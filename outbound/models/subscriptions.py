"""Where events are sent: the address of an integrator, which events it wants, its secrets, and its state."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.privacy.rights import sees_guests
from organizations.fields import EncryptedTextField, StampField
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization


class DisabledReason(models.TextChoices):
    GONE = "gone", _("the receiver answered 410: it wants no more")
    FAILING = "failing", _("nothing arrived for days")
    BY_PERSON = "person", _("switched off by a person")


_SECRETS = ("url", "secret", "previous_secret")


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def active(self) -> SubscriptionQuerySet:
        return self.filter(is_active=True)

    def without_secrets(self) -> SubscriptionQuerySet:
        """Leave what is encrypted to ``read_secrets``: one that no key opens holds up no other."""
        return self.defer(*_SECRETS)

    def deliverable(self, now: datetime) -> SubscriptionQuerySet:
        """Active ones, but for those of keys that are switched off or expired."""
        has_usable_key = Q(api_key__isnull=True) | Q(api_key__in=ApiKey.objects.usable(now))
        return self.active().filter(has_usable_key)

    def with_open_circuit(self) -> SubscriptionQuerySet:
        return self.active().filter(opened_at__isnull=False)


class Subscription(models.Model):
    """An address that events are sent to. ``acts`` alone writes its settings, the sender its state.

    ``url`` may hold secrets, so people see ``shown_host``. What an owner (an API key) may not see is not
    sent, whatever ``organizations`` names.
    """

    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    url = EncryptedTextField(_("address"))
    shown_host = models.CharField(_("server"), max_length=300, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    event_types = models.JSONField(_("events"), default=list, blank=True)
    """Values of ``EventType``; empty: all of them."""
    organizations = models.ManyToManyField(
        Organization,
        blank=True,
        related_name="outbound_subscriptions",
        verbose_name=_("restaurants"),
        db_table="outbound_subscriptions_organizations",
    )
    """Empty: all of them that the owner may see, and what is about the hub itself."""
    includes_personal_data = models.BooleanField(_("with personal data of guests"), default=False)
    secret = EncryptedTextField(_("secret"), editable=False)
    """``whsec_`` and base64, as Standard Webhooks writes it."""
    previous_secret = EncryptedTextField(blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(_("former secret signs until"), null=True, editable=False)
    api_key = models.ForeignKey(
        ApiKey,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="subscriptions",
        verbose_name=_("API key"),
        editable=False,
    )
    """The key that made it; None: a person did."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("made by"),
        editable=False,
    )
    """Whose right decides whether guests are named, where no key made it (``subscribing.change``)."""
    created_at = StampField(_("created"), auto_now_add=True)
    changed_at = StampField(_("changed"), auto_now=True)
    # --- written by the sender
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("nothing arrived since"), null=True, editable=False)
    opened_at = models.DateTimeField(_("circuit open since"), null=True, editable=False)
    """Nothing is sent but a probe at ``next_probe_at``; null: the circuit is closed."""
    probes = models.PositiveIntegerField(_("probes"), default=0, editable=False)
    next_probe_at = models.DateTimeField(_("next probe"), null=True, editable=False)
    paused_until = models.DateTimeField(_("asked to wait until"), null=True, editable=False)
    """The receiver said ``Retry-After``."""
    last_success_at = models.DateTimeField(_("last arrived"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=40, blank=True, editable=False)
    """A code of ``sending.errors``; empty since something arrived."""
    disabled_reason = models.CharField(
        _("why it is off"), max_length=10, choices=DisabledReason, blank=True, editable=False
    )
    disabled_at = models.DateTimeField(_("off since"), null=True, editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        db_table = "outbound_subscriptions"
        ordering = ("name", "id")
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        permissions = [("act_on_subscription", "Can send tests and send events again")]
        constraints = [
            models.CheckConstraint(
                condition=Q(previous_secret="") | Q(previous_secret_until__isnull=False),
                name="outbound_subscriptions_former_secret_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def read_secrets(self) -> None:
        """Read what ``without_secrets`` left out.

        Raises:
            UnreadableSecret
        """
        if left_out := self.get_deferred_fields() & {*_SECRETS}:
            self.refresh_from_db(fields=sorted(left_out))

    def wants(self, event_type: str) -> bool:
        return not self.event_types or event_type in self.event_types

    def has_usable_key(self, now: datetime) -> bool:
        """Whether the key that made it still opens something; one that a person made needs none."""
        key = self.api_key
        return key is None or (key.is_active and (key.expires_at is None or now < key.expires_at))

    @property
    def shows_guests(self) -> bool:
        """Whether messages name guests: the subscription asks for it, and its owner may see them now."""
        return self.includes_personal_data and self.owner_sees_guests

    @property
    def owner_sees_guests(self) -> bool:
        """Whether its key, or the person who answers for it, may see guests now; nobody: no."""
        if self.api_key is not None:
            return self.api_key.may_act
        return self.created_by is not None and sees_guests(self.created_by)

    def secrets_at(self, now: datetime) -> list[str]:
        """Return the secrets that sign at ``now``, the newest first."""
        is_valid = self.previous_secret_until is not None and now < self.previous_secret_until
        return [self.secret, self.previous_secret] if self.previous_secret and is_valid else [self.secret]
