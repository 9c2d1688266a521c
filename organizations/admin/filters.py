"""Filters that several lists of the admin share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy, pgettext_lazy
from unfold.widgets import INPUT_CLASSES

from core.access import visible_to
from core.admin.filters import Active, Choice, ChoicesFilter, Rows, choices_filter
from core.database import db_clock
from core.display import Text
from core.values.name_keys import NAME_ORDER
from organizations.clock_ranges import clocks_of, days_from_today, on_own_clock, outer_span, read_span
from organizations.models.organization import Organization, TerminalGroup

ORGANIZATION_PARAMETER = "organization"
_GROUPS_OFFERED = 300

_PERIODS = (
    (pgettext_lazy("period", "today"), "today", "today"),
    (pgettext_lazy("period", "yesterday"), "yesterday", "yesterday"),
    (pgettext_lazy("period", "7 days"), "today-6", "today"),
)
"""Periods that one click chooses: the first and the last day."""

_DAY_TEXTS = {
    -1: pgettext_lazy("day", "yesterday"),
    0: pgettext_lazy("day", "today"),
    1: pgettext_lazy("day", "tomorrow"),
}


def restaurants(request: HttpRequest) -> Iterable[Choice]:
    return visible_to(request.user, Organization.objects.all()).values_list("iiko_id", "name")


def restaurants_chosen(request: HttpRequest) -> list[str]:
    """Return iiko's ids of the restaurants that the address of a list names."""
    return [one for one in request.GET.getlist(ORGANIZATION_PARAMETER) if one and "\0" not in one]


def restaurant_filter(column: str = "organization_id") -> type[ChoicesFilter]:
    """Make a filter by the restaurant whose iiko id stands in ``column``."""
    return choices_filter(gettext_lazy("restaurant"), ORGANIZATION_PARAMETER, restaurants, column=column)


class GroupOfRestaurantFilter(ChoicesFilter):
    """Terminal groups of the restaurant that is chosen beside it, else of all."""

    title = gettext_lazy("terminal group")
    parameter_name = "group"
    column = "terminal_group_id"

    def offered(self, request: HttpRequest) -> list[Choice]:
        groups = visible_to(request.user, TerminalGroup.objects.filter(is_deleted=False)).order_by(
            *(f"organization__{column}" for column in NAME_ORDER), *NAME_ORDER
        )
        chosen = restaurants_chosen(request)
        if len(chosen) == 1:
            return list(groups.filter(organization_id=chosen[0]).values_list("iiko_id", "name"))
        if chosen:
            groups = groups.filter(organization_id__in=chosen)
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
    """From one moment to another, on the clock that the column beside it shows: the restaurant's.

    Where the restaurants shown run on several clocks, 18:00 is 18:00 on the clock of each; the title says
    which clock is meant. The browser sends ``2026-03-14T18:00``; dates as people write them (14.03.2026)
    are taken too, and ``2026-03-14T18:00Z`` of a link is UTC. The periods of one click are sent as words
    (``today``, ``today-6``), so that a bookmark of today's orders shows today's tomorrow. A text that is no
    date is reported and shows no rows, so that nobody takes the whole list for an answer.
    """

    template = "admin/organizations/moment_range.html"
    form_class = MomentRangeForm
    name: str
    label: Text
    field: str
    restaurant = "organization_id"
    """Where a row keeps iiko's id of its restaurant; a row of none is read in UTC, as its column is."""

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: ModelAdmin[Any],
    ) -> None:
        self.texts: dict[str, str] = {}
        sent = {end: "".join(params.get(end, [])[-1:]).strip() for end in self.parameters()}
        self.now = db_clock.now()
        self.clocks = {} if any(text.endswith("Z") for text in sent.values()) else clocks_for(request)
        self.title = f"{self.label} ({self._clock_text()})"
        super().__init__(request, params, model, model_admin)
        for end, text in sent.items():
            params.pop(end, None)
            self.used_parameters[end] = text
            if text:
                self.texts[end] = text.removesuffix("Z")

    def _clock_text(self) -> str:
        if len(self.clocks) > 1:
            return _("clock of each restaurant")
        return str(next(iter(self.clocks), UTC))

    def has_output(self) -> bool:
        return True

    @classmethod
    def parameters(cls) -> tuple[str, str]:
        return f"{cls.name}_from", f"{cls.name}_to"

    def expected_parameters(self) -> list[str | None]:
        return [*self.parameters()]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        data = {end: self._shown(end) for end in self.parameters()}
        yield {
            "form": self.form_class(name=self.name, data=data),
            "periods": [self._period(changelist, *one) for one in _PERIODS],
        }

    def _period(self, changelist: ChangeList, text: Text, since: str, until: str) -> tuple[Text, str, bool]:
        """Return the text of a period, the list of it, and whether that is the one shown."""
        chosen = dict(zip(self.parameters(), (since, until), strict=True))
        is_shown = self.texts == chosen
        return text, changelist.get_query_string(dict.fromkeys(chosen) if is_shown else chosen), is_shown

    def active(self, changelist: ChangeList) -> Iterator[Active]:
        whole = self._whole_period()
        if whole:
            address = changelist.get_query_string(dict.fromkeys(self.parameters()))
            yield str(self.label), whole, address
            return
        for end, text in self.texts.items():
            words = _("from %(moment)s") if end.endswith("_from") else _("to %(moment)s")
            address = changelist.get_query_string({end: None})
            yield str(self.label), words % {"moment": self._moment_text(text)}, address

    def _whole_period(self) -> Text:
        """Name the period where both ends are those of one click, or one day."""
        since, until = (self.texts.get(end, "") for end in self.parameters())
        for text, first, last in _PERIODS:
            if (since, until) == (first, last):
                return text
        return self._moment_text(since) if since == until else ""

    def _moment_text(self, text: str) -> Text:
        days = days_from_today(text)
        if days is None:
            return text.replace("T", " ")
        day = self.now.astimezone(self._first_zone()).date() + timedelta(days=days)
        return _DAY_TEXTS.get(days) or date_format(day, "DATE_FORMAT")

    def _first_zone(self) -> tzinfo:
        return next((zone for zone in self.clocks if zone is not UTC), UTC)

    def _shown(self, end: str) -> str:
        """Return what the browser's field can show."""
        zone = self._first_zone()
        try:
            spans = read_span(self.texts.get(end, ""), zone, now=self.now)
        except ValueError:
            return ""
        since, until = (moment.astimezone(zone) for moment in spans)
        shown = since if end.endswith("_from") else until - timedelta(minutes=1)
        return f"{shown:%Y-%m-%dT%H:%M}"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        for end, text in self.texts.items():
            try:
                spans = {zone: read_span(text, zone, now=self.now) for zone in self.clocks or (UTC,)}
            except ValueError:
                messages.error(
                    request,
                    _("“%(text)s” is not a date. Write 31.12.2026 or 31.12.2026 18:00.")
                    % {"text": text[:40]},
                )
                return queryset.none()
            is_from = end.endswith("_from")
            since, until = outer_span(spans)
            queryset = self.narrowed(queryset, since if is_from else None, until)
            if len(spans) > 1:
                own = on_own_clock(
                    spans, self.clocks, field=self.field, restaurant=self.restaurant, is_from=is_from
                )
                queryset = queryset.filter(own)
        return queryset

    def narrowed(self, queryset: Rows, since: datetime | None, until: datetime) -> Rows:
        """Leave what is at or after ``since``; without it, what is before ``until``."""
        if since is not None:
            return queryset.filter(**{f"{self.field}__gte": since})
        return queryset.filter(**{f"{self.field}__lt": until})


def moment_range_filter(
    title: Text, parameter: str, column: str, *, organization: str = "organization_id"
) -> type[MomentRangeFilter]:
    """Make a filter of the moments in ``column``, sent as ``<parameter>_from`` and ``<parameter>_to``."""

    class MomentsBetween(MomentRangeFilter):
        name = parameter
        label = title
        field = column
        restaurant = organization

    return MomentsBetween


_CLOCKS = "_clocks_of_list"


def clocks_for(request: HttpRequest) -> dict[tzinfo, list[str]]:
    """List the time zones of a list's rows, each with its restaurants; read once for all filters."""
    kept: dict[tzinfo, list[str]] | None = getattr(request, _CLOCKS, None)
    if kept is None:
        restaurants = visible_to(request.user, Organization.objects.all())
        chosen = restaurants_chosen(request)
        kept = clocks_of(restaurants.filter(iiko_id__in=chosen) if chosen else restaurants)
        setattr(request, _CLOCKS, kept)
    return kept
