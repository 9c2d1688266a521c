"""Reading what was counted for some restaurants in a period, and in the one before."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from analytics.models import Counting, PeriodFigures, Unit
from analytics.periods import after, before, beginning
from analytics.report.choice import Choice, Span
from analytics.report.summary import CourierFigures, Summary
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListItem

MOST_DISHES = 30


@dataclass(slots=True)
class Part:
    """An hour or day within the period, of all restaurants together."""

    orders: int = 0
    revenue_minor: int = 0
    promised: int = 0
    late: int = 0


@dataclass(slots=True)
class Dish:
    """How long a product was out of stock, summed over terminal groups, and how often."""

    name: str
    out_for: timedelta = timedelta()
    times: int = 0
    out_before: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Report:
    """All that a page shows; ``parts`` are hours (0 to 23), days of a week (from 1) or days of a month."""

    total: Summary
    before: Summary
    by_restaurant: Sequence[tuple[Organization, Summary, Summary]]
    parts: Mapping[int, Part]
    parts_before: Mapping[int, Part]
    couriers: Mapping[str, str]
    dishes: Sequence[Dish]
    is_cut: bool
    """The period is under way: of the one before as much counts as has passed of this one, in whole hours."""
    counted_until: datetime | None
    """None: not all of it is counted yet."""


@dataclass(slots=True)
class _Read:
    """The rows of one restaurant."""

    now: list[PeriodFigures] = field(default_factory=list)
    before: list[PeriodFigures] = field(default_factory=list)


def read_report(restaurants: Sequence[Organization], choice: Choice, *, now: datetime) -> Report:
    """Read the figures of restaurants that the caller has found somebody may see."""
    spans = {one.iiko_id: choice.span(one.zone(), now=now) for one in restaurants}
    rows = _rows(choice.unit, spans)
    by_restaurant = [
        (one, Summary.of(rows[one.iiko_id].now), Summary.of(rows[one.iiko_id].before)) for one in restaurants
    ]
    total = Summary.of(row for one in rows.values() for row in one.now)
    former = Summary.of(row for one in rows.values() for row in one.before)
    within = {ident: _parts_span(choice.unit, span) for ident, span in spans.items()}
    return Report(
        total,
        former,
        by_restaurant,
        _parts(choice.unit, within, is_before=False),
        _parts(choice.unit, within, is_before=True),
        _courier_names(spans, [*total.couriers, *former.couriers]),
        _dishes(spans, now),
        any(span.is_cut for span in spans.values()),
        _counted_until(spans),
    )


def _rows(unit: Unit, spans: Mapping[str, Span]) -> dict[str, _Read]:
    wanted = Q(pk=None)
    for restaurants, span in _by_span(spans):
        wanted |= Q(organization_id__in=restaurants) & _wanted(unit, span)
    found: dict[str, _Read] = defaultdict(_Read)
    for row in PeriodFigures.objects.filter(wanted):
        one = found[row.organization_id]
        is_now = row.starts_at >= spans[row.organization_id].begins
        (one.now if is_now else one.before).append(row)
    return found


def _by_span(spans: Mapping[str, Span]) -> Iterable[tuple[list[str], Span]]:
    grouped: dict[Span, list[str]] = defaultdict(list)
    for ident, span in spans.items():
        grouped[span].append(ident)
    return [(idents, span) for span, idents in grouped.items()]


def _wanted(unit: Unit, span: Span) -> Q:
    """Match the row of the period, and the rows that make up the one before."""
    of_period = Q(unit=unit, starts_at=span.begins)
    if not span.is_cut:
        return of_period | Q(unit=unit, starts_at=span.before)
    whole_days = beginning(Unit.DAY, span.before_until, span.zone)
    return (
        of_period
        | Q(unit=Unit.DAY, starts_at__gte=span.before, starts_at__lt=whole_days)
        | Q(unit=Unit.HOUR, starts_at__gte=max(whole_days, span.before), starts_at__lt=span.before_until)
    )


# --- parts -------------------------------------------------------------------------------------------

_NUMBERS = ("orders__orders", "orders__revenue", "orders__promised", "orders__late")


def _parts_span(unit: Unit, span: Span) -> Span:
    """Return the period whose parts are shown: around an hour those of its day."""
    if unit is not Unit.HOUR:
        return span
    begins = beginning(Unit.DAY, span.begins, span.zone)
    ends, former = after(Unit.DAY, begins, span.zone), before(Unit.DAY, begins, span.zone)
    return Span(span.zone, begins, ends, former, begins)


def _parts(unit: Unit, spans: Mapping[str, Span], *, is_before: bool) -> dict[int, Part]:
    wanted = Q(pk=None)
    for restaurants, span in _by_span(spans):
        since, until = (span.before, span.before_until) if is_before else (span.begins, span.ends)
        wanted |= Q(organization_id__in=restaurants, starts_at__gte=since, starts_at__lt=until)
    part_unit = Unit.HOUR if unit in (Unit.HOUR, Unit.DAY) else Unit.DAY
    parts: dict[int, Part] = defaultdict(Part)
    rows = PeriodFigures.objects.filter(wanted, unit=part_unit)
    for ident, starts_at, *numbers in rows.values_list("organization_id", "starts_at", *_NUMBERS):
        there = starts_at.astimezone(spans[ident].zone)
        place = {Unit.WEEK: there.isoweekday(), Unit.MONTH: there.day}.get(unit, there.hour)
        orders, revenue, promised, late = (number or 0 for number in numbers)
        part = parts[place]
        part.orders += orders
        part.revenue_minor += revenue
        part.promised += promised
        part.late += late
    return parts


# --- names, dishes, freshness ------------------------------------------------------------------------


def _courier_names(restaurants: Iterable[str], couriers: Iterable[CourierFigures]) -> dict[str, str]:
    named = Courier.objects.filter(organization_id__in=list(restaurants)).exclude(name="")
    return dict(named.filter(iiko_id__in={one.courier for one in couriers}).values_list("iiko_id", "name"))


def _dishes(spans: Mapping[str, Span], now: datetime) -> list[Dish]:
    """Return the products that were out of stock for the longest, and how long they were so before."""
    found: dict[tuple[str, str], Dish] = {}
    for restaurants, span in _by_span(spans):
        for key, lasted, times in _out_of_stock(restaurants, span.begins, min(span.ends, now)):
            dish = found.setdefault(key, Dish(""))
            dish.out_for += lasted
            dish.times += times
        for key, lasted, _times in _out_of_stock(restaurants, span.before, min(span.before_until, now)):
            found.setdefault(key, Dish("")).out_before += lasted
    longest = sorted(found.items(), key=lambda one: (-one[1].out_for, -one[1].out_before, one[0]))
    shown = longest[:MOST_DISHES]
    names = _dish_names(list(spans), [key for key, _dish in shown])
    for (product, size), dish in shown:
        dish.name = " ".join(filter(None, (names.get(product, product), names.get(size, size))))
    return [dish for _key, dish in shown]


def _out_of_stock(
    restaurants: Sequence[str], since: datetime, until: datetime
) -> Iterator[tuple[tuple[str, str], timedelta, int]]:
    """Yield product and size, how long it was out of stock, and how often."""
    if since >= until:
        return
    items = StopListItem.objects.filter(organization_id__in=restaurants, is_out_of_stock=True)
    timed = items.within(since, until).timed(since, until).order_by()
    sums = timed.values("product_id", "size_id").annotate(lasted=Sum("out_for"), times=Count("pk"))
    for product, size, lasted, times in sums.values_list("product_id", "size_id", "lasted", "times"):
        yield (product, size), lasted, times


def _dish_names(restaurants: Sequence[str], keys: Iterable[tuple[str, str]]) -> dict[str, str]:
    idents = {ident for key in keys for ident in key if ident}
    kinds = (DictionaryKind.PRODUCT, DictionaryKind.SIZE)
    entries = DictionaryEntry.objects.filter(organization_id__in=restaurants, kind__in=kinds)
    return dict(entries.filter(iiko_id__in=idents).exclude(name="").values_list("iiko_id", "name"))


def _counted_until(restaurants: Iterable[str]) -> datetime | None:
    wanted = set(restaurants)
    states = list(Counting.objects.filter(organization_id__in=wanted))
    if len(states) < len(wanted) or any(one.rebuilt_up_to is not None for one in states):
        return None
    return min((one.read_until for one in states), default=None)
