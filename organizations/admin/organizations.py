"""Restaurants and API keys in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

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
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from core.access import visible_to
from core.admin.base import HubAdmin
from core.database import db_clock
from core.display import EMPTY, Text, ago_text
from core.values.ids import searchable_id
from organizations.access import is_restricted
from organizations.admin.display import answers_text
from organizations.models.api_keys import ApiKey
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization, TerminalGroup
from organizations.provisioning import create_api_key


def _usual_type_field(label: Text) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, widget=UnfoldAdminSelectWidget)


# Kinds of payments that callers may ask for without a type (OpenAPI, Payment.paymentTypeKind, read 2026-11).
USUAL_TYPE_FIELDS = {"Card": "usual_card_type", "Cash": "usual_cash_type", "External": "usual_external_type"}


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    usual_card_type = _usual_type_field(_("Card"))
    usual_cash_type = _usual_type_field(_("Cash"))
    usual_external_type = _usual_type_field(_("Another system"))

    class Meta:
        model = Organization
        fields = ("iiko_id", "name", "timezone", "currency", "api_login", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = DictionaryEntry.objects.filter(
            organization_id=self.instance.iiko_id, kind=DictionaryKind.PAYMENT_TYPE, is_deleted=False
        )
        for kind, name in USUAL_TYPE_FIELDS.items():
            if (field := self.fields.get(name)) is None:
                continue  # no right to change
            of_kind = types.filter(data__kind=kind).order_by("name", "id")
            field.choices = [("", _("not chosen")), *((entry.iiko_id, str(entry)) for entry in of_kind)]  # type: ignore[attr-defined]
            self.initial[name] = self.instance.default_payment_types.get(kind, "")

    def save(self, commit: bool = True) -> Organization:
        chosen = {kind: self.cleaned_data.get(name) for kind, name in USUAL_TYPE_FIELDS.items()}
        self.instance.default_payment_types = {kind: type_id for kind, type_id in chosen.items() if type_id}
        saved: Organization = super().save(commit)
        return saved

    def clean_iiko_id(self) -> str:
        ident = searchable_id(self.cleaned_data["iiko_id"])
        if not ident:
            raise forms.ValidationError(_("The organization's id is empty."))
        return ident

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        return zone.strip()

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].strip().upper()
        if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
            raise forms.ValidationError(_("Write the three letters of ISO 4217, such as RUB."))
        return currency


class TerminalGroupInline(TabularInline):  # type: ignore[misc]  # Unfold is untyped
    model = TerminalGroup
    fields = ("iiko_id", "name", "timezone", "answers")
    readonly_fields = ("answers",)
    extra = 0

    @admin.display(description=_("POS"))
    def answers(self, group: TerminalGroup) -> SafeString | str:
        return answers_text(group, db_clock.now())


def _usual_type_shown(kind: str) -> Callable[[object, Organization], str]:
    """Make what a person without the right to change sees in place of the field of that name."""

    def shown(_self: object, organization: Organization) -> str:
        type_id = organization.default_payment_types.get(kind)
        types = DictionaryEntry.objects.filter(organization=organization, kind=DictionaryKind.PAYMENT_TYPE)
        entry = types.filter(iiko_id=type_id).first() if type_id else None
        return str(entry or EMPTY)

    return shown


class OrganizationAdmin(HubAdmin[Organization]):
    """The page of a restaurant; ``iikohub.admin.organizations`` adds its webhooks and registers it."""

    accusative = pgettext_lazy("accusative", "restaurant")
    form = OrganizationForm
    list_display: tuple[str, ...] = ("sorted_name", "iiko_id", "timezone", "is_active")
    list_filter_submit = False
    search_fields = ("name_key", "iiko_id")
    search_help_text = _("A part of the name or of the id")
    empty_words = _("Add a restaurant, then set its token and point iiko here.")
    fieldsets: ClassVar[tuple[Any, ...]] = (
        (None, {"fields": ("iiko_id", "name", "timezone", "currency", "api_login", "is_active")}),
    )
    inlines = (TerminalGroupInline,)
    usual_card_type = _usual_type_shown("Card")
    usual_cash_type = _usual_type_shown("Cash")
    usual_external_type = _usual_type_shown("External")

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A new restaurant belongs to nobody who is restricted to others.
        return super().has_add_permission(request) and not is_restricted(request.user)

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        # Orders and events refer to a restaurant by iiko's id.
        fixed = ("iiko_id",) if obj else ()
        # A login reaches whatever restaurants iiko gives it, so that a restricted person chooses none.
        return (*fixed, "api_login") if is_restricted(request.user) else fixed

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        # Switched off instead: its orders stay.
        return False


# The permissions that the API's lists require of members of staff, and what the hall shows to every key.
KEY_READS = frozenset(
    {
        "hall.view_personal_data",
        "hall.view_reserve",
        "hall.view_tableorder",
        "loyalty.view_customer",
        "loyalty.view_loyaltyoperation",
        "orders.view_order",
        "organizations.view_apicall",
        "organizations.view_courier",
        "organizations.view_organization",
        "organizations.view_shift",
        "organizations.view_stoplistitem",
        "organizations.view_terminalgroup",
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
    return own | {"webhooks.add_webhookconfig", "webhooks.change_webhookconfig"}


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Grants a key no right that its giver lacks; rights can always be removed."""

    user: User

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ("name", "is_active", "organizations", "sees_all", "may_act")

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        if given.get("sees_all") and is_restricted(self.user):
            self.add_error(
                "sees_all", _("You see some restaurants, and so may the key. Choose its restaurants.")
            )
        grows = any(given.get(name) for name in self.changed_data if name != "name")
        if not (grows and given.get("is_active", True)):
            return cleaned
        needed = KEY_READS | (key_acts() if given.get("may_act") else set())
        if not self.user.has_perms(needed):
            words = _("A key may do no more than the person who gives it. You lack rights that this one has.")
            raise forms.ValidationError(words)
        return cleaned


class NewApiKeyForm(ApiKeyForm):
    sees_all = forms.BooleanField(
        label=_("Sees all organizations"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta(ApiKeyForm.Meta):
        fields: tuple[str, ...] = ("name", "organizations", "sees_all", "may_act")

    def clean(self) -> dict[str, object] | None:
        cleaned = super().clean()
        # An explicit choice, so that a forgotten one does not grant access to all.
        if bool(self.cleaned_data.get("organizations")) == bool(self.cleaned_data.get("sees_all")):
            raise forms.ValidationError(_("Choose restaurants, or let the key see all of them."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(HubAdmin[ApiKey]):
    accusative = pgettext_lazy("accusative", "API key")
    list_display = ("sorted_name", "beginning", "is_active", "scope", "may_act", "used", "created_at")
    list_filter_submit = False
    sortable_by = ("sorted_name",)
    empty_words = _("A key lets another program read orders and events over the API.")
    search_fields = ("name_key", "prefix")
    search_help_text = _("A part of the name or of the key's beginning")
    add_fieldsets = ((None, {"fields": ("name", "organizations", "sees_all", "may_act")}),)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "organizations", "sees_all", "may_act")}),
        (_("Facts"), {"fields": ("prefix", "created_at", "last_used_at")}),
    )
    readonly_fields = ("prefix", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Switched off instead: when it was last used stays known.
        return False

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
            obj.save(update_fields=["name", "is_active", "sees_all", "may_act"])
            return
        chosen = form.cleaned_data["organizations"]
        created, key = create_api_key(
            name=obj.name, organization_ids=[one.iiko_id for one in chosen], may_act=obj.may_act
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

    @admin.display(description=_("last used"))
    def used(self, key: ApiKey) -> str:
        return ago_text(key.last_used_at, db_clock.now()) if key.last_used_at else EMPTY
