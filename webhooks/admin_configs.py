"""Letting iiko in: one address for all restaurants, a token for each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.admin_lists import HubAdmin
from webhooks.admin_forms import WebhookConfigForm
from webhooks.models import WebhookConfig
from webhooks.receiving import heard_text, last_received
from webhooks.services.configs import new_token, receive_url, set_webhook_token
from webhooks.services.tokens import token_book

_SHOWN_FROM = 16
"""A token at least so long shows its first letters, so that two can be told apart."""


@admin.register(WebhookConfig)
class WebhookConfigAdmin(HubAdmin):
    form = WebhookConfigForm
    list_display = ("restaurant", "is_active", "token", "previous", "heard_of")
    list_select_related = ("organization",)
    list_filter_submit = False
    sortable_by = ()
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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"receive_url": receive_url()}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

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
        token_book.forget()

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

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("restaurant"))
    def restaurant(self, config: WebhookConfig) -> str:
        return config.organization.name

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
    def heard_of(self, config: Any) -> str | SafeString:
        return heard_text(config.last_received, config.organization.zone(), timezone.now())


def masked(token: str) -> str:
    return f"{token[:4]}••••••••" if len(token) >= _SHOWN_FROM else "••••••••"
