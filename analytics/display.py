"""Figures in words: tables for a page and for a spreadsheet, each value beside that of the period before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.utils import dates, formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from analytics.models import Unit
from analytics.report.choice import Choice, before_words
from analytics.report.read import Part, Report
from analytics.report.summary import CommandFigures, CourierFigures, Slice, StageLengths, Summary, share
from core.display import EMPTY, money
from iiko_client.units import MinorUnits, to_major
from orders.models.command import CommandKind
from orders.models.order import OrderType
from organizations.models.organization import Organization

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Kind:
    """How a number is written: ``words`` for people, ``value`` for a spreadsheet.

    ``apart`` is for differences, where those read otherwise.
    """

    words: Callable[[int | float, str], str]
    value: Callable[[int | float], object]
    apart: Callable[[int | float, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    words: str
    value: object


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """A number of each row; ``is_pair``: with that of the period before and the difference.

    Without a title where each row has a name of its own.
    """

    title: str
    is_pair: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page; ``note`` says what its numbers are."""

    key: str
    title: str
    of: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""


def _percent(number: int | float) -> Decimal:
    return Decimal(str(number * 100)).quantize(Decimal("0.1"))


def _major(minor: int | float) -> Decimal:
    return to_major(MinorUnits(int(minor)))


COUNT = Kind(lambda number, _c: formats.number_format(number, 0, force_grouping=True), int)
MONEY = Kind(lambda number, currency: money(int(number), currency), _major)
SHARE = Kind(
    lambda number, _c: f"{formats.number_format(_percent(number), 1)}\N{NO-BREAK SPACE}%",
    _percent,
    lambda number, _c: _("%(number)s pp") % {"number": formats.number_format(_percent(number), 1)},
)
MINUTES = Kind(lambda number, _c: _("%(count)d min") % {"count": number}, int)
SECONDS = Kind(lambda number, _c: _("%(count)d s") % {"count": number}, int)
HOURS = Kind(
    lambda number, _c: _("%(number)s h") % {"number": formats.number_format(round(number, 1), 1)},
    lambda number: Decimal(str(round(number, 1))),
)


def pair(kind: Kind, now: Number, former: Number, currency: str = "") -> list[Cell]:
    """Return three cells: the number, the one before, and the signed difference."""
    difference = None if now is None or former is None else now - former
    return [*(_cell(kind, one, currency) for one in (now, former)), _signed(kind, difference, currency)]


def _cell(kind: Kind, number: Number, currency: str) -> Cell:
    return Cell(EMPTY, "") if number is None else Cell(kind.words(number, currency), kind.value(number))


def _signed(kind: Kind, number: Number, currency: str) -> Cell:
    if number is None:
        return Cell(EMPTY, "")
    write = kind.apart or kind.words
    words = write(abs(number), currency)
    sign = "" if words == write(0, currency) else "+" if number > 0 else "\N{MINUS SIGN}"
    return Cell(f"{sign}{words}", kind.value(number))


def tables(report: Report, choice: Choice) -> list[Table]:
    """Return every table of a report; those without rows are left out."""
    currency = currency_of(report)
    total, former = report.total, report.before
    made = [
        _main(total, former, currency),
        _restaurants(report),
        _parts(report, choice, currency),
        _slices("types", total.types, former.types, currency),
        _slices("channels", total.channels, former.channels, currency),
        _stages(total.stages, former.stages),
        _causes(total, former),
        _couriers(report),
        _dishes(report),
        _commands(total.commands, former.commands),
    ]
    return [one for one in made if one.rows]


def currency_of(report: Report) -> str:
    """Return the currency of all the restaurants; an empty text where they have several."""
    found = {one.currency for one, _now, _before in report.by_restaurant}
    return found.pop() if len(found) == 1 else ""


def _sum_or_none(minor: int | None, currency: str) -> int | None:
    """Show no sum over several currencies."""
    return minor if currency else None


def _main(total: Summary, former: Summary, currency: str) -> Table:
    both = (total, former)
    bills = [_sum_or_none(one.average_bill_minor, currency) for one in both]
    revenue = [_sum_or_none(one.revenue_minor, currency) for one in both]
    lines: list[tuple[str, Kind, Sequence[Number]]] = [
        (_("Orders"), COUNT, [one.orders for one in both]),
        (_("Revenue"), MONEY, revenue),
        (_("Average bill"), MONEY, bills),
        (_("Share of late orders"), SHARE, [one.late_share for one in both]),
        (_("Cancelled orders"), COUNT, [one.cancelled for one in both]),
        (_("Closed orders"), COUNT, [one.closed for one in both]),
        (_("Orders under way"), COUNT, [one.under_way for one in both]),
        (_("Not accepted by the POS"), COUNT, [one.refused for one in both]),
        (_("Changes that no webhook brought"), COUNT, [one.missed_webhooks for one in both]),
    ]
    rows = [Row(name, pair(kind, now, before, currency)) for name, kind, (now, before) in lines]
    has_any = any(total.figures) or any(former.figures) or total.missed_webhooks or former.missed_webhooks
    return Table("main", _("All together"), _("Figure"), [Column("")], rows if has_any else [])


def _restaurants(report: Report) -> Table:
    rows = [
        Row(one.name, _of_restaurant(one, now, before))
        for one, now, before in report.by_restaurant
        if now.figures or before.figures
    ]
    titles = (_("Orders"), _("Revenue"), _("Average bill"), _("Share of late orders"))
    columns = [Column(one) for one in titles]
    title = _("Restaurants")
    return Table(
        "restaurants", title, _("Restaurant"), columns, rows if len(report.by_restaurant) > 1 else []
    )


def _of_restaurant(restaurant: Organization, now: Summary, before: Summary) -> list[Cell]:
    currency = restaurant.currency
    return [
        *pair(COUNT, now.orders, before.orders),
        *pair(MONEY, now.revenue_minor, before.revenue_minor, currency),
        *pair(MONEY, now.average_bill_minor, before.average_bill_minor, currency),
        *pair(SHARE, now.late_share, before.late_share),
    ]


def _slices(key: str, now: Sequence[Slice], before: Sequence[Slice], currency: str) -> Table:
    is_types = key == "types"
    former = {one.key: one for one in before}
    nothing = Slice("", 0, 0)
    current = {one.key: one for one in now}
    rows = [
        Row(
            _type_name(name) if is_types else name or _("not given"),
            [
                *pair(COUNT, current.get(name, nothing).orders, former.get(name, nothing).orders),
                *pair(
                    MONEY,
                    _sum_or_none(current.get(name, nothing).revenue_minor, currency),
                    _sum_or_none(former.get(name, nothing).revenue_minor, currency),
                    currency,
                ),
            ],
        )
        for name in [*current, *(one for one in former if one not in current)]
    ]
    title, of = (_("Types"), _("Type")) if is_types else (_("Channels"), _("Channel"))
    return Table(key, title, of, [Column(_("Orders")), Column(_("Revenue"))], rows)


def _type_name(key: str) -> str:
    return str(OrderType(key).label) if key in OrderType.values else key or _("not given")


def stage_name(stage: str) -> str:
    return {
        "accept": _("from created to the kitchen"),
        "cook": _("cooking"),
        "wait": _("waiting for dispatch"),
        "carry": _("on the way"),
        "total": _("from created to handed over"),
    }[stage]


def _stages(now: Sequence[StageLengths], before: Sequence[StageLengths]) -> Table:
    rows = [
        Row(
            capfirst(stage_name(one.stage)),
            [
                _cell(COUNT, one.orders, ""),
                *pair(MINUTES, one.median_minutes, former.median_minutes),
                *pair(MINUTES, one.p90_minutes, former.p90_minutes),
            ],
        )
        for one, former in zip(now, before, strict=True)
        if one.orders or former.orders
    ]
    columns = [Column(_("Orders"), is_pair=False), Column(_("Median")), Column(_("Nine of ten"))]
    note = _("Whole minutes. Half of the orders took the median at most, nine of ten the other number.")
    return Table("stages", _("Minutes per stage"), _("Stage"), columns, rows, note)


def _causes(now: Summary, before: Summary) -> Table:
    current = {one.cause: one.orders for one in now.causes}
    former = {one.cause: one.orders for one in before.causes}
    rows = [
        Row(name or _("not given"), pair(COUNT, current.get(name, 0), former.get(name, 0)))
        for name in [*current, *(one for one in former if one not in current)]
    ]
    return Table("causes", _("Causes of cancellation"), _("Cause"), [Column(_("Cancelled orders"))], rows)


def _couriers(report: Report) -> Table:
    former = {one.courier: one for one in report.before.couriers}
    current = {one.courier: one for one in report.total.couriers}
    rows = []
    for courier in [*current, *(one for one in former if one not in current)]:
        nothing = CourierFigures(courier, 0, None, 0, 0)
        now, before = current.get(courier, nothing), former.get(courier, nothing)
        cells = [
            *pair(COUNT, now.orders, before.orders),
            *pair(MINUTES, now.minutes, before.minutes),
            *pair(SHARE, now.late_share, before.late_share),
        ]
        rows.append(Row(report.couriers.get(courier, courier), cells))
    titles = (_("Orders"), _("On the way, average"), _("Share of late orders"))
    columns = [Column(one) for one in titles]
    return Table("couriers", _("Couriers"), _("Courier"), columns, rows)


def _dishes(report: Report) -> Table:
    rows = [
        Row(
            one.name,
            [*pair(HOURS, _in_hours(one.out_for), _in_hours(one.out_before)), _cell(COUNT, one.times, "")],
        )
        for one in report.dishes
    ]
    columns = [Column(_("Out of stock")), Column(_("How often"), is_pair=False)]
    note = _("The longest first. Hours of several terminal groups are added.")
    return Table("dishes", _("Dishes out of stock"), _("Dish"), columns, rows, note)


def _in_hours(span: timedelta) -> float:
    return span / timedelta(hours=1)


def _commands(now: Sequence[CommandFigures], before: Sequence[CommandFigures]) -> Table:
    former = {one.kind: one for one in before}
    current = {one.kind: one for one in now}
    rows = []
    for kind in sorted({*current, *former}):
        nothing = CommandFigures(kind, 0, 0, 0, 0, None, None)
        one, was = current.get(kind, nothing), former.get(kind, nothing)
        cells = [
            *pair(COUNT, one.commands, was.commands),
            *(_cell(COUNT, number, "") for number in (one.confirmed, one.failed, one.needs_attention)),
            *pair(SECONDS, one.median_seconds, was.median_seconds),
            _cell(SECONDS, one.p90_seconds, ""),
        ]
        rows.append(Row(capfirst(str(CommandKind(kind).label)), cells))
    columns = [
        Column(_("Commands")),
        Column(_("Done"), is_pair=False),
        Column(_("Refused or abandoned"), is_pair=False),
        Column(_("Need attention"), is_pair=False),
        Column(_("Time to confirmation, median")),
        Column(_("Time to confirmation, nine of ten"), is_pair=False),
    ]
    return Table("commands", _("Commands to iiko"), _("Command"), columns, rows)


# --- hours and days ------------------------------------------------------------------------------------


def part_names(choice: Choice) -> dict[int, str]:
    """Name the hours or days of a period, by their number."""
    if choice.unit in (Unit.HOUR, Unit.DAY):
        return {hour: f"{hour:02}:00" for hour in range(24)}
    if choice.unit is Unit.WEEK:
        return {day: str(dates.WEEKDAYS_ABBR[day - 1]) for day in range(1, 8)}
    return {day: str(day) for day in range(1, 32)}


def _parts(report: Report, choice: Choice, currency: str) -> Table:
    nothing = Part()
    rows = []
    for number, name in part_names(choice).items():
        now, before = report.parts.get(number, nothing), report.parts_before.get(number, nothing)
        if not (now.orders or before.orders):
            continue
        cells = [
            *pair(COUNT, now.orders, before.orders),
            *pair(
                MONEY,
                _sum_or_none(now.revenue_minor, currency),
                _sum_or_none(before.revenue_minor, currency),
                currency,
            ),
            *pair(SHARE, share(now.late, now.promised), share(before.late, before.promised)),
        ]
        rows.append(Row(name, cells))
    is_hours = choice.unit in (Unit.HOUR, Unit.DAY)
    title, of = (_("By hour"), _("Hour")) if is_hours else (_("By day"), _("Day"))
    return Table(
        "parts",
        title,
        of,
        [Column(one) for one in (_("Orders"), _("Revenue"), _("Share of late orders"))],
        rows,
    )


def charts(report: Report, choice: Choice) -> dict[str, object]:
    """Return what the page draws: for each part of the period numbers now and before."""
    names = part_names(choice)
    unit = Unit.DAY if choice.unit is Unit.HOUR else choice.unit
    currency = currency_of(report)

    def line(parts: Mapping[int, Part], value: Callable[[Part], object]) -> list[object]:
        # What has not come yet is not drawn as 0.
        last = max(parts, default=-1)
        return [value(parts.get(number, Part())) if number <= last else None for number in names]

    def series(title: str, value: Callable[[Part], object]) -> dict[str, object]:
        return {
            "title": title,
            "now": line(report.parts, value),
            "before": line(report.parts_before, value),
        }

    drawn = [series(_("Orders"), lambda part: part.orders)]
    if currency:
        drawn.append(series(_("Revenue"), lambda part: float(_major(part.revenue_minor))))
    drawn.append(series(_("Share of late orders, %"), _late_percent))
    return {
        "labels": list(names.values()),
        "now": _("This period"),
        "before": capfirst(before_words(unit)),
        "charts": drawn,
    }


def _late_percent(part: Part) -> float | None:
    found = share(part.late, part.promised)
    return None if found is None else round(found * 100, 1)


def sheet(made: Iterable[Table], choice: Choice) -> Iterable[list[object]]:
    """Write tables one below the other, each with its title and its head."""
    former = before_words(choice.unit)
    for number, table in enumerate(made):
        if number:
            yield []
        yield [table.title]
        yield [table.of, *(title for column in table.columns for title in _titles(column, former))]
        for row in table.rows:
            yield [row.name, *(cell.value for cell in row.cells)]


def _titles(column: Column, former: str) -> list[str]:
    if not column.is_pair:
        return [column.title]
    if not column.title:
        return [_("This period"), capfirst(former), _("Difference")]
    difference = _("%(what)s, difference") % {"what": column.title}
    return [column.title, f"{column.title}, {former}", difference]
