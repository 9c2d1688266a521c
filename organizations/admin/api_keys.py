"""API keys in the admin: made once, limited, switched off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, pgettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanSwitchWidget

from core.access import visible_to
from core.admin.base import HubAdmin
from core.database import db_clock
from core.display import EMPTY, ago_text, badge, span_text
from core.privacy.rights import GUESTS, HALL_GUESTS
from organizations.access import is_restricted
from organizations.models.api_keys import ApiKey, KeyRight
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key

# The permissions that the API's lists require of members of staff, and those of the rules whose findings it
# reads.
KEY_READS = frozenset(
    {
        "analytics.view_analytics",
        "attention.view_attentionitem",
        "attention.view_channel",
        "hall.view_reserve",
        "hall.view_tableorder",
        "loyalty.view_balancedifference",
        "loyalty.view_customer",
        "loyalty.view_loyaltyoperation",
        "orders.view_order",
        "orders.view_ordercommand",
        "organizations.view_apicall",
        "organizations.view_apilogin",
        "organizations.view_courier",
        "organizations.view_organization",
        "organizations.view_shift",
        "organizations.view_stoplistitem",
        "organizations.view_terminalgroup",
        "outbound.view_delivery",
        "outbound.view_subscription",
        "webhooks.view_webhookconfig",
        "webhooks.view_webhookevent",
    }
)


def key_acts() -> set[str]:
    """List what a key that acts may do: all permissions of the hub's own, and to set webhooks."""
    own = {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        for codename, _name in model._meta.permissions
    }
    subscribing = {f"outbound.{verb}_subscription" for verb in ("add", "change", "delete")}
    return own | subscribing | {"webhooks.add_webhookconfig", "webhooks.change_webhookconfig"}


KEY_LIMITS = (*KeyRight.values, "expires_at")
_KEY_FACTS = ("prefix", "created_at", "last_used_at", "last_used_address")
EXPIRES_SOON = timedelta(days=14)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Grants a key no right that its giver lacks; rights can always be removed."""

    user: User

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ("name", "is_active", "organizations", "sees_all", *KEY_LIMITS)
        help_texts = {"may_act": _("It is shown guests, too: names, phones, addresses.")}

    def clean_expires_at(self) -> datetime | None:
        expires: datetime | None = self.cleaned_data["expires_at"]
        if "expires_at" in self.changed_data and expires is not None and expires <= db_clock.now():
            raise forms.ValidationError(_("That is past. To shut the key now, switch it off."))
        return expires

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        if given.get("sees_all") and is_restricted(self.user):
            self.add_error(
                "sees_all", _("You see some restaurants, and so may the key. Choose its restaurants.")
            )
        if not (self._grows() and given.get("is_active", True)):
            return cleaned
        rights = {right for right in KeyRight if given.get(right.value)}
        needed = KEY_READS | {one for one in key_acts() if KeyRight.for_permission(one) in rights}
        if KeyRight.ACT in rights:
            needed |= {GUESTS, HALL_GUESTS}
        if not self.user.has_perms(needed):
            words = _("A key may do no more than the person who gives it. You lack rights that this one has.")
            raise forms.ValidationError(words)
        return cleaned

    def _grows(self) -> bool:
        """Tell whether the key may do more than before, or for longer."""
        given, changed = self.cleaned_data, set(self.changed_data)
        expires, before = given.get("expires_at"), self.initial.get("expires_at")
        is_longer = "expires_at" in changed and (expires is None or (before is not None and expires > before))
        return is_longer or any(given.get(name) for name in changed - {"name", "expires_at"})


class NewApiKeyForm(ApiKeyForm):
    sees_all = forms.BooleanField(
        label=_("Sees all organizations"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta(ApiKeyForm.Meta):
        fields: tuple[str, ...] = ("name", "organizations", "sees_all", *KEY_LIMITS)

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        # An explicit choice, so that a forgotten one does not grant access to all.
        if bool(self.cleaned_data.get("organizations")) == bool(self.cleaned_data.get("sees_all")):
            raise forms.ValidationError(_("Choose restaurants, or let the key see all of them."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(HubAdmin[ApiKey]):
    accusative = pgettext_lazy("accusative", "API key")
    list_display = ("sorted_name", "beginning", "state", "scope", "rights", "used", "created_at")
    list_filter_submit = False
    sortable_by = ("sorted_name",)
    empty_words = _("A key lets another program read orders and events over the API.")
    search_fields = ("name_key", "prefix")
    search_help_text = _("A part of the name or of the key's beginning")
    add_fieldsets = (
        (None, {"fields": ("name", "organizations", "sees_all")}),
        (_("What it may do besides reading"), {"fields": KEY_LIMITS}),
    )
    fieldsets = (
        (None, {"fields": ("name", "is_active", "organizations", "sees_all")}),
        (_("What it may do besides reading"), {"fields": KEY_LIMITS}),
        (_("Facts"), {"fields": _KEY_FACTS}),
    )
    readonly_fields = _KEY_FACTS

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Switched off instead: when it was last used stays known.
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with a key that only reads, whatever the columns say: a right is given on purpose."""
        return super().get_changeform_initial_data(request) | dict.fromkeys(KeyRight.values, False)

    def get_form(
        self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[ApiKey]]:
        kwargs["form"] = NewApiKeyForm if obj is None else ApiKeyForm
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.user = request.user
        own: type[ModelForm[ApiKey]] = form
        return own

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "organizations":
            # Checkboxes, without Django's menu that adds a restaurant.
            return db_field.formfield(
                queryset=visible_to(request.user, Organization.objects.all()),
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:
        """Create the key by ``provisioning`` and show it once; later save the switches only."""
        if change:
            obj.save(update_fields=["name", "is_active", "sees_all", *KEY_LIMITS])
            return
        chosen = form.cleaned_data["organizations"]
        created, key = create_api_key(
            name=obj.name,
            organization_ids=[one.iiko_id for one in chosen],
            rights=obj.rights,
            expires_at=obj.expires_at,
        )
        obj.__dict__.update(created.__dict__)
        words = gettext("The key, shown this once. Copy it now; the hub keeps only its digest:")
        messages.warning(request, format_html('{} <code class="hub-secret">{}</code>', words, key))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).prefetch_related("organizations")

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("beginning"))
    def beginning(self, key: ApiKey) -> SafeString:
        return format_html('<span class="hub-mono">{}…</span>', key.prefix)

    @admin.display(description=_("sees"))
    def scope(self, key: ApiKey) -> str:
        if key.sees_all:
            return gettext("all restaurants")
        return ", ".join(organization.name for organization in key.organizations.all()) or gettext("nothing")

    @admin.display(description=_("may"))
    def rights(self, key: ApiKey) -> str:
        given = ", ".join(str(right.label) for right in KeyRight if right in key.rights)
        return given or gettext("read only")

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> SafeString:
        if not key.is_active:
            return badge("off", gettext("switched off"))
        if key.expires_at is None:
            return badge("on", gettext("works"))
        left = key.expires_at - db_clock.now()
        if left <= timedelta():
            return badge("failed", gettext("expired"))
        words = gettext("works for %(span)s more") % {"span": span_text(left)}
        return badge("pending" if left < EXPIRES_SOON else "on", words)

    @admin.display(description=_("last used"))
    def used(self, key: ApiKey) -> str:
        if key.last_used_at is None:
            return EMPTY
        ago = ago_text(key.last_used_at, db_clock.now())
        return f"{ago}, {key.last_used_address}" if key.last_used_address else ago
