"""Filters of lists in the admin that know no app.

A list says in its ``list_filter`` what each filter offers: ``choices_filter`` for the values of a column, of
which several may be chosen, ``states_filter`` for named sets of rows. A class of its own is for a filter that
behaves otherwise. Each filter names what is chosen in it, with the address that takes it back (``active``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from core.display import Text

Rows = QuerySet[Any]
"""Rows of the list that a filter narrows, of whatever model."""

_STATE = gettext_lazy("state")

Choice = tuple[str, Text]
"""A value that an address names, and its text."""

Active = tuple[str, Text, str]
"""What a filter narrows the list by: the filter's title, the value, the address of the list without it."""

States = Mapping[str, tuple[Text, Callable[[Any], Rows]]]
"""Sets of rows by the name that an address gives them, each with its text and how it is chosen.

The one named "" is shown without a choice, and for a name that stands for nothing. Without it all rows are
shown in the first case, and none in the second.
"""


def state_choices(states: States, *names: str) -> list[Choice]:
    """Return the ``names`` of ``states``, or all of them, as choices; first that of all rows."""
    offered = [(name, states[name][0]) for name in names or states]
    return offered if "" in states else [("", gettext_lazy("All")), *offered]


class PlainDropdownForm(forms.Form):
    """The browser's own list: quick, and known to keyboards and screen readers."""

    def __init__(
        self, *, name: str, label: str, choices: list[Choice], data: dict[str, str], multiple: bool
    ) -> None:
        super().__init__(data=data)
        self.fields[name] = forms.ChoiceField(
            label=label, required=False, choices=choices, widget=UnfoldAdminSelectWidget
        )


class HubDropdownFilter(DropdownFilter):  # type: ignore[misc]  # Unfold is untyped
    """One of several sets of rows."""

    form_class = PlainDropdownForm
    all_option = ["", gettext_lazy("All")]

    def offered(self, request: HttpRequest) -> list[Choice]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[Choice]:
        offered = self.offered(request)
        chosen = request.GET.get(self.parameter_name, "")
        if chosen and chosen not in {value for value, _text in offered}:
            offered.append((chosen, chosen))
        return offered

    def has_output(self) -> bool:
        return True

    def active(self, changelist: ChangeList) -> Iterator[Active]:
        if chosen := self.value():
            text = dict(self.lookup_choices).get(chosen, chosen)
            yield self.title, text, changelist.get_query_string({self.parameter_name: None})


class SeveralChoicesForm(forms.Form):
    def __init__(self, *, name: str, label: str, choices: Sequence[Choice], chosen: Sequence[str]) -> None:
        super().__init__(data={name: chosen})
        # A name stays as it is written; words of ours begin with a capital letter.
        choices = [(value, text if isinstance(text, str) else capfirst(text)) for value, text in choices]
        self.fields[name] = forms.MultipleChoiceField(
            label=label, required=False, choices=choices, widget=forms.CheckboxSelectMultiple
        )


class ChoicesFilter(SimpleListFilter):
    """Rows with any of the values chosen; one that the address names counts even if it is not offered."""

    template = "admin/choices_filter.html"
    form_class = SeveralChoicesForm
    parameter_name: str
    column: str

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Any], model_admin: ModelAdmin[Any]
    ) -> None:
        given = params.get(self.parameter_name, [])
        self.chosen: list[str] = list(dict.fromkeys(value for value in given if value))
        super().__init__(request, params, model, model_admin)

    def offered(self, request: HttpRequest) -> list[Choice]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[Choice]:
        offered = self.offered(request)
        known = {value for value, _text in offered}
        return [*offered, *((value, value) for value in self.chosen if value not in known)]

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {
            "form": self.form_class(
                name=self.parameter_name,
                label=str(self.title),
                choices=self.lookup_choices,
                chosen=self.chosen,
            )
        }

    def active(self, changelist: ChangeList) -> Iterator[Active]:
        texts = dict(self.lookup_choices)
        for value in self.chosen:
            rest = [one for one in self.chosen if one != value]
            address = changelist.get_query_string({self.parameter_name: rest or None})
            yield str(self.title), texts[value], address

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        # PostgreSQL has no text with a zero in it, and refuses to look for it.
        values = [value for value in self.chosen if "\0" not in value]
        return queryset.filter(**{f"{self.column}__in": values}) if self.chosen else queryset


def choices_filter(
    label: Text,
    parameter: str,
    choices: Sequence[Choice] | Callable[[HttpRequest], Iterable[Choice]],
    *,
    column: str = "",
) -> type[ChoicesFilter]:
    """Make a filter of the values in ``column``; without one, the column is called as the ``parameter``.

    A function is asked for its choices each time the list is shown: by whoever looks, who may not see all.
    """
    looked_in = column or parameter

    class OfferedChoices(ChoicesFilter):
        title = label
        parameter_name = parameter
        column = looked_in

        def offered(self, request: HttpRequest) -> list[Choice]:
            return list(choices(request) if callable(choices) else choices)

    return OfferedChoices


def states_filter(
    states: States,
    label: Text = _STATE,
    parameter: str = "state",
    *,
    values: Sequence[Choice] = (),
) -> type[HubDropdownFilter]:
    """Make a filter of ``states``, and of ``values`` of the column that is called as the ``parameter``."""

    class NamedStates(HubDropdownFilter):
        title = label
        parameter_name = parameter
        all_option = ["", states[""][0] if "" in states else gettext_lazy("All")]

        def offered(self, request: HttpRequest) -> list[Choice]:
            return [*((name, text) for name, (text, _rows) in states.items() if name), *values]

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            chosen = self.value() or ""
            state = states.get(chosen) or states.get("")
            if state:
                return state[1](queryset)
            if not chosen:
                return queryset
            return queryset.filter(**{parameter: chosen}) if chosen in dict(values) else queryset.none()

    return NamedStates
