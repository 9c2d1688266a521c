"""Filters that several lists of the admin share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy
from unfold.widgets import INPUT_CLASSES

from core.access import visible_to
from core.admin.filters import Choice, HubDropdownFilter, Rows, choices_filter
from core.display import Text
from core.values.moments import checked_moment
from core.values.name_keys import NAME_ORDER
from iiko_client import vendor_time
from organizations.models.organization import Organization, TerminalGroup

ORGANIZATION_PARAMETER = "organization"
_GROUPS_OFFERED = 300

_DAY_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%d/%m/%Y")
_MINUTE_FORMATS = ("%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")


def restaurants(request: HttpRequest) -> Iterable[Choice]:
    return visible_to(request.user, Organization.objects.all()).values_list("iiko_id", "name")


def restaurant_filter(column: str = "organization_id") -> type[HubDropdownFilter]:
    """Make a filter by the restaurant whose iiko id stands in ``column``."""
    return choices_filter(gettext_lazy("restaurant"), ORGANIZATION_PARAMETER, restaurants, column=column)


class GroupOfRestaurantFilter(HubDropdownFilter):
    """Terminal groups of the restaurant that is chosen beside it, else of all."""

    title = gettext_lazy("terminal group")
    parameter_name = "group"
    column = "terminal_group_id"

    def offered(self, request: HttpRequest) -> list[Choice]:
        groups = visible_to(request.user, TerminalGroup.objects.filter(is_deleted=False)).order_by(
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
    """From one moment to another, on the clock that the column beside it shows: the restaurant's.

    Where the restaurants shown run on several clocks, 18:00 is 18:00 on the clock of each; the title says
    which clock is meant. The browser sends ``2026-03-14T18:00``; dates as people write them (14.03.2026)
    are taken too, and ``2026-03-14T18:00Z`` of a link is UTC. A text that is no date is told and shows no
    rows, so that nobody takes the whole list for an answer.
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
        self.clocks = {} if any(text.endswith("Z") for text in sent.values()) else clocks_for(request)
        self.title = f"{self.label} ({self._clock_text()})"
        super().__init__(request, params, model, model_admin)
        for end, text in sent.items():
            params.pop(end, None)
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
        yield {"form": self.form_class(name=self.name, data=data)}

    def _shown(self, end: str) -> str:
        """Return what the browser's field can show."""
        try:
            since, until = read_moment(self.texts.get(end, ""), UTC)
        except ValueError:
            return ""
        shown = since if end.endswith("_from") else until - timedelta(minutes=1)
        return f"{shown:%Y-%m-%dT%H:%M}"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        for end, text in self.texts.items():
            try:
                spans = {zone: read_moment(text, zone) for zone in self.clocks or (UTC,)}
            except ValueError:
                messages.error(
                    request,
                    _("“%(text)s” is not a date. Write 31.12.2026 or 31.12.2026 18:00.")
                    % {"text": text[:40]},
                )
                return queryset.none()
            is_from = end.endswith("_from")
            since, until = min(span[0] for span in spans.values()), max(span[1] for span in spans.values())
            queryset = self.narrowed(queryset, since if is_from else None, until)
            if len(spans) > 1:
                queryset = queryset.filter(self._on_own_clock(spans, is_from=is_from))
        return queryset

    def _on_own_clock(self, spans: Mapping[tzinfo, tuple[datetime, datetime]], *, is_from: bool) -> Q:
        known = [ident for idents in self.clocks.values() for ident in idents]
        matching = Q()
        for zone, (since, until) in spans.items():
            rows = Q(**{f"{self.restaurant}__in": self.clocks[zone]})
            if zone is UTC:
                rows |= ~Q(**{f"{self.restaurant}__in": known})
            matching |= rows & Q(
                **({f"{self.field}__gte": since} if is_from else {f"{self.field}__lt": until})
            )
        return matching

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


def clocks_for(request: HttpRequest) -> dict[tzinfo, list[str]]:
    """List the time zones of a list's rows, each with its restaurants; UTC is for rows of none.

    One clock alone counts for all rows.
    """
    chosen = request.GET.get(ORGANIZATION_PARAMETER, "").replace("\0", "")
    restaurants = visible_to(request.user, Organization.objects.all())
    restaurants = restaurants.filter(iiko_id=chosen) if chosen else restaurants
    found: dict[tzinfo, list[str]] = {}
    for ident, name in restaurants.order_by("id").values_list("iiko_id", "timezone"):
        found.setdefault(vendor_time.zone(name), []).append(ident)
    return found if len(found) <= 1 else {UTC: [], **found}


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
            return checked_moment(beginning), checked_moment(beginning + length)
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is not a date")
