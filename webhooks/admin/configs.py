"""Letting iiko in: one address for all restaurants, a token for each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, pgettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from audit.trail import note_refusal
from core.admin.base import Context, HubAdmin
from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import EMPTY, ago_text
from core.errors import HubError
from iiko_client.http.circuit_breaker import Priority
from webhooks.admin.display import (
    drift_words,
    heard_text,
    notices,
    outcome_words,
    refusal_words,
    registration_badge,
)
from webhooks.models.inbox import WebhookConfig
from webhooks.monitoring.inbox_state import last_received
from webhooks.receiving.configs import BadToken, check_token, new_token, receive_url, set_webhook_token
from webhooks.receiving.tokens import webhook_tokens
from webhooks.registration import FOREIGN, register_webhook

if TYPE_CHECKING:

    class ListedConfig(WebhookConfig):
        """A row with what the list adds to it."""

        last_received: datetime | None


_SHOWN_FROM = 16
"""A token at least so long shows its first letters, so that two can be told apart."""


class WebhookConfigForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    new_token = forms.CharField(
        label=_("New token"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    forgets_previous = forms.BooleanField(
        label=_("Refuse the previous token"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Once iiko shows the new one. Until then both are accepted."),
    )

    class Meta:
        model = WebhookConfig
        fields = ("organization", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Somebody who may only look gets no fields.
        if (token := self.fields.get("new_token")) is None:
            return
        if self.instance.pk is None:
            token.help_text = _("Leave it empty and the hub makes one. It is shown once.")
        else:
            token.help_text = _(
                "Leave it empty to keep the present one. The present one stays valid beside it."
            )

    def clean_new_token(self) -> str:
        token: str = self.cleaned_data["new_token"].strip()
        if not token:
            return ""
        try:
            return check_token(token)
        except BadToken as error:
            raise forms.ValidationError(
                _("A token has at least 8 printable ASCII characters: it travels in a header.")
            ) from error

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        organization = (
            self.instance.organization if self.instance.pk else self.cleaned_data.get("organization")
        )
        first = WebhookConfig.objects.first_of(organization)
        is_token_given = self.instance.pk is None or self.cleaned_data.get("new_token")
        if first is not None and is_token_given and first.pk != self.instance.pk:
            raise forms.ValidationError(
                _("This restaurant has its webhook settings already. Change the token there.")
            )
        return cleaned


@admin.register(WebhookConfig)
class WebhookConfigAdmin(HubAdmin[WebhookConfig]):
    accusative = pgettext_lazy("accusative", "webhook")
    form = WebhookConfigForm
    list_display = ("restaurant", "is_active", "registration", "token", "previous", "heard_of")
    list_select_related = ("organization",)
    list_filter_submit = False
    sortable_by = ()
    empty_words = _("No webhooks yet: add a restaurant first, or read them from an API login.")
    change_form_outer_before_template = "admin/webhooks/webhookconfig/registration.html"
    change_form_before_template = "admin/webhooks/webhookconfig/how_to.html"
    add_fieldsets = ((None, {"fields": ("organization", "new_token", "is_active")}),)
    fieldsets = (
        (None, {"fields": ("organization", "address", "heard_of", "is_active")}),
        (_("Token"), {"fields": ("token", "previous", "new_token", "forgets_previous")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: WebhookConfig | None = None) -> bool:
        # Switched off instead: a row that is gone says nothing of what was accepted.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: WebhookConfig | None = None) -> tuple[str, ...]:
        fixed = ("address", "token", "previous", "heard_of")
        return ("organization", *fixed) if obj else fixed

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"organization": request.GET.get("organization", ""), "is_active": True}

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookConfig]:
        configs: QuerySet[WebhookConfig] = super().get_queryset(request)
        return configs.select_related("organization").annotate(last_received=last_received("organization_id"))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        return super().add_view(request, form_url, {"receive_url": receive_url()} | (extra_context or {}))

    def save_model(
        self, request: HttpRequest, obj: WebhookConfig, form: WebhookConfigForm, change: bool
    ) -> None:
        """Set the token by the service, which keeps the one before; then the switches."""
        token = form.cleaned_data.get("new_token", "")
        if token or not change:
            self._set_token(request, obj, token)
        written = ["is_active", "updated_at"]
        if form.cleaned_data.get("forgets_previous") and not token:
            obj.previous_auth_token = ""
            written.append("previous_auth_token")
        obj.save(update_fields=written)
        webhook_tokens.forget()

    def _set_token(self, request: HttpRequest, config: WebhookConfig, token: str) -> None:
        is_made_here = not token
        stored = set_webhook_token(organization=config.organization, token=token or new_token())
        is_active = config.is_active
        config.__dict__.update(stored.__dict__)
        config.is_active = is_active
        if is_made_here:
            words = gettext("The token, shown this once. Give it to iiko as authToken:")
            messages.warning(
                request, format_html('{} <code class="hub-secret">{}</code>', words, stored.auth_token)
            )

    # --- registration ----------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, row: WebhookConfig) -> Context:
        now = db_clock.now()
        moments = [row.last_registration, row.checked_at]
        told, compared = (ago_text(one, now) if one else EMPTY for one in moments)
        return {
            "receive_url": receive_url(),
            "config": row,
            "badge": registration_badge(row),
            "notices": list(notices(row, now)),
            "headline": [
                (gettext("Last registration"), told),
                (gettext("Compared with iiko"), compared),
                (gettext("Address in iiko"), row.seen_url or EMPTY),
                (gettext("Differs in iiko"), drift_words(row) or gettext("nothing")),
            ],
            "is_of_other_integration": row.registration_code == FOREIGN or "address" in row.drift,
            "may_register": self.has_change_permission(request, row),
            "sees_calls": request.user.has_perm("organizations.view_apicall"),
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.register_view)
        names = (("register", False), ("take-over", True))
        own = [
            path(f"<int:pk>/{name}/", view, {"force": force}, name=f"webhooks_webhookconfig_{name}")
            for name, force in names
        ]
        return [*own, *super().get_urls()]

    def register_view(self, request: HttpRequest, pk: int, *, force: bool) -> HttpResponse:
        """Ask on GET; on POST make iiko's settings ours. Another's address is taken only with ``force``."""
        config = self.get_queryset(request).filter(pk=pk).first()
        if not self.has_change_permission(request, config):
            raise PermissionDenied
        if config is None:
            raise Http404
        if request.method != "POST":
            return self._ask(request, config, force=force)
        self._register(request, config, force=force)
        url = reverse("admin:webhooks_webhookconfig_change", args=[pk])
        return HttpResponseRedirect(keep_filters(request, url))

    def _register(self, request: HttpRequest, config: WebhookConfig, *, force: bool) -> None:
        try:
            done = register_webhook(
                config.organization,
                now=db_clock.now,
                force=force,
                priority=Priority.OPERATOR,
                requested_by=request.user.get_username(),
            )
        except HubError as error:
            note_refusal(error.code)
            messages.error(request, refusal_words(error))
            return
        level = messages.SUCCESS if done.outcome.is_success else messages.ERROR
        messages.add_message(request, level, outcome_words(done))

    def _ask(self, request: HttpRequest, config: WebhookConfig, *, force: bool) -> TemplateResponse:
        title = gettext("Take the address over?") if force else gettext("Register again?")
        template = "take_over_words.html" if force else "register_words.html"
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "config": config,
            "receive_url": receive_url(),
            "words_template": f"admin/webhooks/webhookconfig/{template}",
            "verb": gettext("Take over") if force else gettext("Register"),
            "back": keep_filters(request, "../change/"),
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("restaurant"))
    def restaurant(self, config: WebhookConfig) -> str:
        return config.organization.name

    @admin.display(description=_("registration"))
    def registration(self, config: WebhookConfig) -> SafeString:
        return registration_badge(config)

    @admin.display(description=_("token"))
    def token(self, config: WebhookConfig) -> str:
        return masked(config.auth_token)

    @admin.display(description=_("previous token"))
    def previous(self, config: WebhookConfig) -> str:
        if not config.previous_auth_token:
            return gettext("none")
        return gettext("%(token)s, still accepted") % {"token": masked(config.previous_auth_token)}

    @admin.display(description=_("address"))
    def address(self, config: WebhookConfig) -> SafeString:
        return format_html('<span class="hub-mono">{}</span>', receive_url())

    @admin.display(description=_("last event"))
    def heard_of(self, config: ListedConfig) -> str | SafeString:
        return heard_text(config.last_received, config.organization.zone(), db_clock.now())


def masked(token: str) -> str:
    return f"{token[:4]}••••••••" if len(token) >= _SHOWN_FROM else "••••••••"
