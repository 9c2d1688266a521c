"""Writing what was counted: hours, and the days, weeks and months they add up to.

The caller holds the lock of the restaurant's ``Counting`` row. A period is counted whole from what is there
now, never added to, so that a repeat changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo

from analytics.counting.figures import (
    CountedCommand,
    CountedOrder,
    added,
    figures_of_commands,
    figures_of_orders,
    stored,
)
from analytics.models import OrderHour, PeriodFigures, Unit
from analytics.periods import after, before, beginning
from orders.models.command import OrderCommand
from orders.models.order import Order

_PARTS = ((Unit.DAY, Unit.HOUR), (Unit.WEEK, Unit.DAY), (Unit.MONTH, Unit.DAY))

_NEAR = timedelta(days=1)
"""Hours no farther apart are read by one query."""


def count_orders(organization_id: str, hours: Collection[datetime], zone: tzinfo) -> None:
    """Count the orders that ``OrderHour`` has in these hours."""
    placed = OrderHour.objects.filter(organization_id=organization_id, hour__in=hours)
    hour_of = dict(placed.values_list("order_id", "hour"))
    by_hour: dict[datetime, list[CountedOrder]] = {hour: [] for hour in hours}
    found = Order.objects.filter(organization_id=organization_id, pk__in=list(hour_of))
    for pk, *values in found.values_list("pk", *CountedOrder._fields):
        by_hour[hour_of[pk]].append(CountedOrder(*values))
    figures = {hour: stored(figures_of_orders(orders)) for hour, orders in by_hour.items()}
    _write(organization_id, zone, Unit.HOUR, "orders", figures)


def count_commands(organization_id: str, hours: Collection[datetime], zone: tzinfo) -> None:
    """Count the commands that were asked for in these hours."""
    asked = OrderCommand.objects.filter(order__organization_id=organization_id)
    by_hour: dict[datetime, list[CountedCommand]] = {hour: [] for hour in hours}
    for since, until in _spans(hours, zone):
        of_span = asked.filter(created_at__gte=since, created_at__lt=until)
        for values in of_span.values_list(*CountedCommand._fields).iterator():
            command = CountedCommand(*values)
            if (hour := beginning(Unit.HOUR, command.created_at, zone)) in by_hour:
                by_hour[hour].append(command)
    figures = {hour: stored(figures_of_commands(commands)) for hour, commands in by_hour.items()}
    _write(organization_id, zone, Unit.HOUR, "commands", figures)


def _spans(hours: Collection[datetime], zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Join hours that are near: one of a month ago must not have all of the month read."""
    span: list[datetime] = []
    for hour in sorted(hours):
        if span and hour - span[-1] > _NEAR:
            yield span[0], after(Unit.HOUR, span[-1], zone)
            span = []
        span.append(hour)
    if span:
        yield span[0], after(Unit.HOUR, span[-1], zone)


def write_missed(organization_id: str, missed: Mapping[datetime, int], zone: tzinfo) -> None:
    """Write how many webhooks were missed in these hours."""
    _write(organization_id, zone, Unit.HOUR, "missed_webhooks", missed)


def add_up(organization_id: str, hours: Iterable[datetime], zone: tzinfo) -> None:
    """Make the days, weeks and months of these hours the sums of their parts; empty periods go."""
    rows = PeriodFigures.objects.filter(organization_id=organization_id)
    changed = set(hours)
    rows.filter(unit=Unit.HOUR, starts_at__in=changed).without_anything().delete()
    for unit, part in _PARTS:
        begins = {beginning(unit, hour, zone) for hour in changed}
        if begins:
            _sum_parts(organization_id, unit, part, begins, zone)
            rows.filter(unit=unit, starts_at__in=begins).without_anything().delete()


def _sum_parts(
    organization_id: str, unit: Unit, part: Unit, begins: Collection[datetime], zone: tzinfo
) -> None:
    parts = PeriodFigures.objects.filter(
        organization_id=organization_id,
        unit=part,
        starts_at__gte=min(begins),
        starts_at__lt=after(unit, max(begins), zone),
    )
    by_period: dict[datetime, list[PeriodFigures]] = defaultdict(list)
    for row in parts:
        by_period[beginning(unit, row.starts_at, zone)].append(row)
    sums = [
        PeriodFigures(
            organization_id=organization_id,
            unit=unit,
            starts_at=begin,
            before_at=before(unit, begin, zone),
            orders=stored(added(row.orders for row in by_period[begin])),
            commands=stored(added(row.commands for row in by_period[begin])),
            missed_webhooks=sum(row.missed_webhooks for row in by_period[begin]),
        )
        for begin in begins
    ]
    _upsert(sums, ["before_at", "orders", "commands", "missed_webhooks"])


def _write(
    organization_id: str,
    zone: tzinfo,
    unit: Unit,
    column: str,
    figures: Mapping[datetime, dict[str, int]] | Mapping[datetime, int],
) -> None:
    rows = [
        PeriodFigures(
            organization_id=organization_id,
            unit=unit,
            starts_at=begins,
            before_at=before(unit, begins, zone),
            **{column: counted},
        )
        for begins, counted in figures.items()
    ]
    _upsert(rows, ["before_at", column])


def _upsert(rows: list[PeriodFigures], columns: list[str]) -> None:
    PeriodFigures.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["unit", "organization", "starts_at"],
        update_fields=columns,
        batch_size=500,
    )


def drop_misplaced(organization_id: str, zone: tzinfo) -> None:
    """Delete periods that do not begin where one begins: the rules of a zone may change with an update."""
    rows = PeriodFigures.objects.filter(organization_id=organization_id)
    misplaced = [
        pk
        for pk, unit, starts_at in rows.values_list("pk", "unit", "starts_at")
        if beginning(Unit(unit), starts_at, zone) != starts_at
    ]
    rows.filter(pk__in=misplaced).delete()


def cut_anew(organization_id: str, zone: tzinfo) -> None:
    """Forget the periods of a restaurant whose clock was set; missed webhooks stay, in the hours of the new.

    The events that told of those may be gone.
    """
    rows = PeriodFigures.objects.filter(organization_id=organization_id)
    missed: Counter[datetime] = Counter()
    for starts_at, number in rows.filter(unit=Unit.HOUR).values_list("starts_at", "missed_webhooks"):
        missed[beginning(Unit.HOUR, starts_at, zone)] += number
    rows.delete()
    OrderHour.objects.filter(organization_id=organization_id).delete()
    kept = {hour: number for hour, number in missed.items() if number}
    write_missed(organization_id, kept, zone)
    add_up(organization_id, kept, zone)
