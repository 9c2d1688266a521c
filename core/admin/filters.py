"""Filters of lists in the admin that know no app."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget


class PlainDropdownForm(forms.Form):
    """The browser's own list: quick, and known to keyboards and screen readers."""

    def __init__(
        self, *, name: str, label: str, choices: list[tuple[str, Any]], data: dict[str, str], multiple: bool
    ) -> None:
        super().__init__(data=data)
        self.fields[name] = forms.ChoiceField(
            label=label, required=False, choices=choices, widget=UnfoldAdminSelectWidget
        )


class HubDropdownFilter(DropdownFilter):  # type: ignore[misc]  # Unfold is untyped
    """Rows with one value in ``column``; a value that the address names counts even if it is not offered."""

    form_class = PlainDropdownForm
    all_option = ["", gettext_lazy("All")]
    column: str

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        offered = self.offered(request)
        chosen = request.GET.get(self.parameter_name, "")
        if chosen and chosen not in {value for value, _text in offered}:
            offered.append((chosen, chosen))
        return offered

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen:
            return queryset
        # PostgreSQL has no such text, and refuses to look for it.
        return queryset.none() if "\0" in chosen else queryset.filter(**{self.column: chosen})
