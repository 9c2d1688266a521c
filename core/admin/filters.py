"""Filters of lists in the admin that know no app.

A list says in its ``list_filter`` what each filter offers: ``choices_filter`` for the values of a column,
``states_filter`` for named sets of rows. A class of its own is for a filter that behaves otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from core.display import Text

Rows = QuerySet[Any]
"""Rows of the list that a filter narrows, of whatever model."""

_STATE = gettext_lazy("state")

Choice = tuple[str, Text]
"""A value that an address names, and its text."""

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
    """Rows with one value in ``column``; a value that the address names counts even if it is not offered."""

    form_class = PlainDropdownForm
    all_option = ["", gettext_lazy("All")]
    column: str

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

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        chosen = self.value()
        if not chosen:
            return queryset
        # PostgreSQL has no such text, and refuses to look for it.
        return queryset.none() if "\0" in chosen else queryset.filter(**{self.column: chosen})


def choices_filter(
    label: Text,
    parameter: str,
    choices: Sequence[Choice] | Callable[[HttpRequest], Iterable[Choice]],
    *,
    column: str = "",
) -> type[HubDropdownFilter]:
    """Make a filter of the values in ``column``; without one, the column is called as the ``parameter``.

    A function is asked for its choices each time the list is shown: by whoever looks, who may not see all.
    """
    looked_in = column or parameter

    class OfferedChoices(HubDropdownFilter):
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
        column = parameter
        all_option = ["", states[""][0] if "" in states else gettext_lazy("All")]

        def offered(self, request: HttpRequest) -> list[Choice]:
            return [*((name, text) for name, (text, _rows) in states.items() if name), *values]

        def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
            chosen = self.value() or ""
            state = states.get(chosen) or states.get("")
            if state:
                return state[1](queryset)
            return super().queryset(request, queryset) if values or not chosen else queryset.none()

    return NamedStates
