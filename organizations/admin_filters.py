"""Filters that several lists of the admin share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from iiko_client import clocks
from organizations.models import Organization, TerminalGroup
from organizations.name_keys import NAME_ORDER

ORGANIZATION_PARAMETER = "organization"
_GROUPS_OFFERED = 300

_DAY_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%d/%m/%Y")
_MINUTE_FORMATS = ("%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")


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


class OrganizationFilter(HubDropdownFilter):
    title = gettext_lazy("restaurant")
    parameter_name = ORGANIZATION_PARAMETER
    column = "organization_id"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return list(Organization.objects.values_list("iiko_id", "name"))


class TerminalGroupFilter(HubDropdownFilter):
    """Till groups of the restaurant that is chosen beside it, else of all."""

    title = gettext_lazy("terminal group")
    parameter_name = "group"
    column = "terminal_group_id"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        groups = TerminalGroup.objects.filter(is_deleted=False).order_by(
            *(f"organization__{column}" for column in NAME_ORDER), *NAME_ORDER
        )
        chosen = request.GET.get(ORGANIZATION_PARAMETER, "")
        if chosen and "\0" not in chosen:
            return list(groups.filter(organization_id=chosen).values_list("iiko_id", "name"))
        named = groups.values_list("iiko_id", "organization__name", "name")[:_GROUPS_OFFERED]
        return [(ident, f"{restaurant}: {name}") for ident, restaurant, name in named]


class MomentRangeForm(forms.Form):
    def __init__(self, *, name: str, data: dict[str, str]) -> None:
        super().__init__(data=data)
        for end, label in ((f"{name}_from", _("since")), (f"{name}_to", _("until"))):
            self.fields[end] = forms.CharField(
                label=label,
                required=False,
                widget=forms.DateTimeInput(
                    attrs={
                        "type": "datetime-local",
                        "class": " ".join(INPUT_CLASSES),
                    }
                ),
            )


class MomentRangeFilter(ListFilter):
    """From one moment till another, on the clock of the restaurant that is chosen beside it.

    Without a choice it is the clock that all restaurants share, else UTC; the title says which. The
    browser sends ``2026-03-14T18:00``; dates as people write them (14.03.2026) are taken too. A text
    that is no date is told and shows no rows, so that nobody takes the whole list for an answer.
    """

    template = "admin/includes/moment_range.html"
    form_class = MomentRangeForm
    name: str
    label: Any
    field: str

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: ModelAdmin[Any],
    ) -> None:
        self.zone = zone_for(request)
        self.texts: dict[str, str] = {}
        self.title = f"{self.label} ({self.zone})"
        super().__init__(request, params, model, model_admin)
        for end in self._ends:
            if text := "".join(params.pop(end, [])[-1:]).strip():
                self.texts[end] = text

    def has_output(self) -> bool:
        return True

    @property
    def _ends(self) -> tuple[str, str]:
        return f"{self.name}_from", f"{self.name}_to"

    def expected_parameters(self) -> list[str | None]:
        return [*self._ends]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        data = {end: self._shown(end) for end in self._ends}
        yield {"form": self.form_class(name=self.name, data=data)}

    def _shown(self, end: str) -> str:
        """What the browser's field can show."""
        try:
            since, until = read_moment(self.texts.get(end, ""), self.zone)
        except ValueError:
            return ""
        shown = since if end.endswith("_from") else until - timedelta(minutes=1)
        return f"{shown.astimezone(self.zone):%Y-%m-%dT%H:%M}"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, text in self.texts.items():
            try:
                since, until = read_moment(text, self.zone)
            except ValueError:
                messages.error(
                    request,
                    _("“%(text)s” is not a date. Write 31.12.2026 or 31.12.2026 18:00.")
                    % {"text": text[:40]},
                )
                return queryset.none()
            queryset = self.narrowed(queryset, since if end.endswith("_from") else None, until)
        return queryset

    def narrowed(self, queryset: QuerySet[Any], since: datetime | None, until: datetime) -> QuerySet[Any]:
        """Leave what is at or after ``since``; without it, what is before ``until``."""
        if since is not None:
            return queryset.filter(**{f"{self.field}__gte": since})
        return queryset.filter(**{f"{self.field}__lt": until})


def zone_for(request: HttpRequest) -> tzinfo:
    """The clock on which the dates of a list's filters are meant."""
    zones = Organization.objects.order_by("timezone")
    chosen = request.GET.get(ORGANIZATION_PARAMETER, "")
    if chosen and "\0" not in chosen:
        zones = zones.filter(iiko_id=chosen)
    names = list(zones.values_list("timezone", flat=True).distinct()[:2])
    return clocks.zone(names[0]) if len(names) == 1 else UTC


def read_moment(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the day or minute that ``text`` names.

    Raises:
        ValueError: it names none.
    """
    spans = [(one, timedelta(minutes=1)) for one in _MINUTE_FORMATS]
    spans += [(one, timedelta(days=1)) for one in _DAY_FORMATS]
    for form, length in spans:
        try:
            beginning = datetime.strptime(text, form).replace(tzinfo=zone)
            # A day ends at the next midnight of its own clock, be it 23 hours long or 25.
            return beginning.astimezone(UTC), (beginning + length).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"{text[:40]!r} is not a date")
