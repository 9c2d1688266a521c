"""Restaurants in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _, pgettext_lazy
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminSelectWidget,
)

from core.admin.base import HubAdmin
from core.database import db_clock
from core.display import EMPTY, Text
from core.values.ids import searchable_id
from organizations.access import is_restricted
from organizations.admin.display import answers_text
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization, TerminalGroup


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
