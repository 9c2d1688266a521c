"""Days and minutes on the clocks of restaurants, and the rows that lie within.

"14 March" is another stretch of time in Kaliningrad than in Vladivostok. Where the restaurants of a list run
on several clocks, a day is that day on the clock of each.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from core.values.moments import checked_moment
from iiko_client import vendor_time
from organizations.models.organization import Organization

M = TypeVar("M", bound=Model)

Clocks = Mapping[tzinfo, Sequence[str]]
"""Time zones, each with iiko's ids of its restaurants; of several, UTC is for rows of none besides."""

Span = tuple[datetime, datetime]

DAY_WORDS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DAYS_FROM_TODAY = re.compile(r"today([+-]\d{1,3})", re.ASCII)
_DAY_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y", "%d/%m/%Y")
_MINUTE_FORMATS = ("%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")


def clocks_of(restaurants: QuerySet[Organization]) -> dict[tzinfo, list[str]]:
    """List the time zones of restaurants; one clock alone counts for all rows."""
    found: dict[tzinfo, list[str]] = {}
    for ident, name in restaurants.order_by("id").values_list("iiko_id", "timezone"):
        found.setdefault(vendor_time.zone(name), []).append(ident)
    return found if len(found) <= 1 else {UTC: [], **found}


def days_from_today(text: str) -> int | None:
    """Return how far the day that a word names lies from today; None: it is no such word.

    Words are ``today``, ``yesterday``, ``tomorrow``, and ``today-6`` for the seventh day back.
    """
    if match := _DAYS_FROM_TODAY.fullmatch(text):
        return int(match[1])
    return DAY_WORDS.get(text)


def read_span(text: str, zone: tzinfo, *, now: datetime | None = None) -> Span:
    """Return the beginning and the end of the day or minute that ``text`` names; with ``now`` words too.

    Raises:
        ValueError: it names none.
    """
    if now is not None and (days := days_from_today(text)) is not None:
        return _day(now.astimezone(zone).date() + timedelta(days=days), zone)
    for form in _MINUTE_FORMATS:
        try:
            beginning = datetime.strptime(text, form).replace(tzinfo=zone)
            return checked_moment(beginning), checked_moment(beginning + timedelta(minutes=1))
        except ValueError:
            continue
    for form in _DAY_FORMATS:
        try:
            return _day(datetime.strptime(text, form).date(), zone)  # noqa: DTZ007  # a day is of every zone
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is not a date")


def _day(day: date, zone: tzinfo) -> Span:
    """Return a day of this clock, be it 23 hours long or 25."""
    beginning = datetime(day.year, day.month, day.day, tzinfo=zone)
    return checked_moment(beginning), checked_moment(beginning + timedelta(days=1))


def outer_span(spans: Mapping[tzinfo, Span]) -> Span:
    """Return the time from the first beginning to the last end: what an index is asked for."""
    return min(since for since, _ in spans.values()), max(until for _, until in spans.values())


def on_own_clock(
    spans: Mapping[tzinfo, Span], clocks: Clocks, *, field: str, restaurant: str, is_from: bool
) -> Q:
    """Match rows from the beginning (or before the end) of the span on the clock of their restaurant.

    ``restaurant`` is the column of iiko's id; a row of no known restaurant is read in UTC.
    """
    known = [ident for idents in clocks.values() for ident in idents]
    matching = Q()
    for zone, (since, until) in spans.items():
        rows = Q(**{f"{restaurant}__in": clocks[zone]})
        if zone is UTC:
            rows |= ~Q(**{f"{restaurant}__in": known})
        matching |= rows & Q(**({f"{field}__gte": since} if is_from else {f"{field}__lt": until}))
    return matching
