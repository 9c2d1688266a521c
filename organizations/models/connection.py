"""The connection to iiko: logins, the shared state of the client, and the log of calls."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.privacy.rows import PeopleQuerySet, PeopleRow
from core.values.name_keys import NAME_ORDER, name_key
from organizations.fields import EncryptedTextField, StampField

SLOW_MS = 1000
"""A call that took so long counts as slow; an index finds those."""


class ApiLoginQuerySet(models.QuerySet["ApiLogin"]):
    def active(self) -> ApiLoginQuerySet:
        return self.filter(is_active=True)


class ApiLogin(models.Model):
    """A credential for iiko's API: the login alone (v1), or key, application and its secret (v2)."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    name_key = name_key("name")
    base_url = models.CharField(
        _("address of iiko"), max_length=500, blank=True, help_text=_("Empty: IIKO_API_URL.")
    )
    api_login = EncryptedTextField(_("API login (v1)"), blank=True, default="")
    api_key = EncryptedTextField(_("API key (v2)"), blank=True, default="")
    app_id = models.CharField(_("application id (v2)"), max_length=200, blank=True)
    client_secret = EncryptedTextField(_("client secret (v2)"), blank=True, default="")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Nothing is sent with an inactive login.")
    )
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    synced_at = models.DateTimeField(_("dictionaries read"), null=True, blank=True, editable=False)
    sync_error = models.TextField(_("could not be read"), blank=True, editable=False)
    created_at = StampField(_("created"), auto_now_add=True)
    updated_at = StampField(_("updated"), auto_now=True)

    objects = ApiLoginQuerySet.as_manager()

    class Meta:
        db_table = "iiko_api_logins"
        ordering = NAME_ORDER
        verbose_name = _("API login")
        verbose_name_plural = _("API logins")

    def __str__(self) -> str:
        return self.name


class IikoToken(models.Model):
    """The token of a login, shared by all processes; written by the holder of the lease.

    ``credential`` is the fingerprint of the credential it was issued for: a changed login does not use it.
    """

    api_login = models.OneToOneField(
        ApiLogin, models.CASCADE, primary_key=True, related_name="token", verbose_name=_("API login")
    )
    token = EncryptedTextField(blank=True, default="")
    credential = models.CharField(max_length=64, blank=True)
    renew_at = models.DateTimeField(_("renewed at"), null=True)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "iiko_tokens"
        verbose_name = _("token of iiko")
        verbose_name_plural = _("tokens of iiko")

    def __str__(self) -> str:
        return f"{self.api_login_id}"


class IikoPause(models.Model):
    """How long a restriction group of a login is left alone after a 429."""

    restriction_group = models.CharField(_("restriction group"), max_length=200, primary_key=True)
    until = models.DateTimeField(_("until"))
    refusals = models.PositiveIntegerField(_("refusals in a row"))

    class Meta:
        db_table = "iiko_pauses"
        ordering = ("-until",)
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")

    def __str__(self) -> str:
        return self.restriction_group


class IikoCircuit(models.Model):
    """A circuit of the breaker; an empty ``state`` is a closed one without failures."""

    name = models.CharField(_("name"), max_length=400, primary_key=True)
    state = models.JSONField(_("state"), default=dict)

    class Meta:
        db_table = "iiko_circuits"
        ordering = ("name",)
        verbose_name = _("circuit")
        verbose_name_plural = _("circuits")

    def __str__(self) -> str:
        return self.name

    @property
    def open_until(self) -> datetime | None:
        text = self.state.get("open_until")
        return datetime.fromisoformat(text) if text else None


class ApiCallQuerySet(PeopleQuerySet["ApiCall"]):
    def failed(self) -> ApiCallQuerySet:
        return self.exclude(error="")

    def succeeded(self) -> ApiCallQuerySet:
        return self.filter(error="")


CALL_BODIES = ("request", "response", "response_text")


class ApiCall(PeopleRow):
    """One physical request to iiko and its answer, without secrets. Written by the call log, never changed.

    Ids are plain text: a call is kept whether or not its organization or order is in the hub.
    """

    operation = models.CharField(_("operation"), max_length=100)
    url = models.CharField(_("address"), max_length=500)
    api_login = models.ForeignKey(
        ApiLogin,
        models.SET_NULL,
        null=True,
        related_name="calls",
        verbose_name=_("API login"),
        # Written in batches after the fact: a login deleted meanwhile must not cost the batch.
        db_constraint=False,
        db_index=False,
    )
    organization_id = models.CharField(_("organization"), max_length=200, blank=True)
    order_id = models.CharField(_("iiko order id"), max_length=200, blank=True)
    request = models.JSONField(_("request"), null=True)
    response = models.JSONField(_("response"), null=True)
    response_text = models.TextField(
        _("response that is no JSON"), blank=True, help_text=_("Or the beginning of a long one.")
    )
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    duration_ms = models.PositiveIntegerField(_("duration, ms"))
    correlation_id = models.CharField(_("correlation id"), max_length=200, blank=True)
    error = models.CharField(_("error"), max_length=100, blank=True)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    requested_by = models.CharField(_("asked by"), max_length=200, blank=True)
    command_id = models.BigIntegerField(_("command"), null=True)
    """The command on an order that it was made for; its table lies above this app, so no foreign key."""
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    started_at = models.DateTimeField(_("started"))

    objects = ApiCallQuerySet.as_manager()

    class Meta:
        db_table = "iiko_api_calls"
        ordering = ("-started_at", "-id")
        verbose_name = _("call to iiko")
        verbose_name_plural = _("calls to iiko")
        indexes = [
            models.Index("started_at", "id", name="iiko_api_calls_started"),
            models.Index("organization_id", "started_at", "id", name="iiko_api_calls_organization"),
            models.Index("operation", "started_at", "id", name="iiko_api_calls_operation"),
            models.Index("started_at", "id", name="iiko_api_calls_failed", condition=~Q(error="")),
            models.Index(
                "started_at", "id", name="iiko_api_calls_slow", condition=Q(duration_ms__gte=SLOW_MS)
            ),
            models.Index("order_id", "started_at", name="iiko_api_calls_order", condition=~Q(order_id="")),
            models.Index(
                "correlation_id", name="iiko_api_calls_correlation", condition=~Q(correlation_id="")
            ),
            models.Index(
                "command_id", "id", name="iiko_api_calls_command", condition=Q(command_id__isnull=False)
            ),
            models.Index("trace_id", name="iiko_api_calls_trace", condition=Q(trace_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.operation} #{self.pk}"
