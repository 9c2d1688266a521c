"""What the counts of a period say: sums, shares, medians."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analytics.counting.figures import STAGES, Figures, added
from analytics.models import PeriodFigures
from orders.models.command import FAILED_STATES, CommandState


@dataclass(frozen=True, slots=True)
class Slice:
    """The orders of one type or channel; an empty key: iiko said none."""

    key: str
    orders: int
    revenue_minor: int


@dataclass(frozen=True, slots=True)
class Cause:
    """How many orders were cancelled for it; an empty one: none was given."""

    cause: str
    orders: int


@dataclass(frozen=True, slots=True)
class StageLengths:
    """How many whole minutes a stage took at most: for half of the orders, and for nine of ten."""

    stage: str
    orders: int
    median_minutes: int | None
    p90_minutes: int | None


@dataclass(frozen=True, slots=True)
class CourierFigures:
    """What a courier carried; ``minutes`` is the average from *sent* to *delivered*."""

    courier: str
    orders: int
    minutes: int | None
    promised: int
    late: int

    @property
    def late_share(self) -> float | None:
        return share(self.late, self.promised)


@dataclass(frozen=True, slots=True)
class CommandFigures:
    """How the commands of one kind ended; the times are seconds from the request to the confirmation."""

    kind: str
    commands: int
    confirmed: int
    failed: int
    needs_attention: int
    median_seconds: int | None
    p90_seconds: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period, as docs/analytics.md defines them; lists have the most frequent first."""

    figures: Figures
    command_figures: Figures
    missed_webhooks: int

    @classmethod
    def of(cls, rows: Iterable[PeriodFigures]) -> "Summary":
        rows = list(rows)
        return cls(
            added(row.orders for row in rows),
            added(row.commands for row in rows),
            sum(row.missed_webhooks for row in rows),
        )

    @property
    def orders(self) -> int:
        return self.figures.get("orders", 0)

    @property
    def closed(self) -> int:
        return self.figures.get("closed", 0)

    @property
    def cancelled(self) -> int:
        return self.figures.get("cancelled", 0)

    @property
    def under_way(self) -> int:
        return self.orders - self.closed - self.cancelled

    @property
    def refused(self) -> int:
        return self.figures.get("refused", 0)

    @property
    def revenue_minor(self) -> int:
        return self.figures.get("revenue", 0)

    @property
    def average_bill_minor(self) -> int | None:
        billed = self.figures.get("billed", 0)
        return (2 * self.revenue_minor + billed) // (2 * billed) if billed else None

    @property
    def promised(self) -> int:
        return self.figures.get("promised", 0)

    @property
    def late(self) -> int:
        return self.figures.get("late", 0)

    @property
    def late_share(self) -> float | None:
        return share(self.late, self.promised)

    @property
    def cancelled_share(self) -> float | None:
        return share(self.cancelled, self.orders)

    @property
    def types(self) -> list[Slice]:
        return _slices(self.figures, "type")

    @property
    def channels(self) -> list[Slice]:
        return _slices(self.figures, "channel")

    @property
    def causes(self) -> list[Cause]:
        return [Cause(cause, orders) for cause, orders in _most_first(_keyed(self.figures, "cause"))]

    @property
    def stages(self) -> list[StageLengths]:
        found = []
        for stage in STAGES:
            lengths = {int(minutes): number for minutes, number in _keyed(self.figures, stage).items()}
            median, p90 = percentile(lengths, 50), percentile(lengths, 90)
            found.append(StageLengths(stage, sum(lengths.values()), median, p90))
        return found

    @property
    def couriers(self) -> list[CourierFigures]:
        carried = _keyed(self.figures, "courier_carried")
        seconds = _keyed(self.figures, "courier_seconds")
        promised, late = _keyed(self.figures, "courier_promised"), _keyed(self.figures, "courier_late")
        return [
            CourierFigures(
                courier,
                orders,
                round(seconds.get(courier, 0) / carried[courier] / 60) if courier in carried else None,
                promised.get(courier, 0),
                late.get(courier, 0),
            )
            for courier, orders in _most_first(_keyed(self.figures, "courier"))
        ]

    @property
    def commands(self) -> list[CommandFigures]:
        states: dict[str, dict[str, int]] = {}
        for name, number in _keyed(self.command_figures, "command").items():
            kind, _slash, state = name.partition("/")
            states.setdefault(kind, {})[state] = number
        return [_of_kind(kind, states[kind], self.command_figures) for kind in sorted(states)]


def _slices(figures: Figures, name: str) -> list[Slice]:
    orders, revenue = _keyed(figures, name), _keyed(figures, f"{name}_revenue")
    return [Slice(key, number, revenue.get(key, 0)) for key, number in _most_first(orders)]


def _of_kind(kind: str, states: Mapping[str, int], figures: Figures) -> CommandFigures:
    prefix = f"confirmed|{kind}/"
    lengths = {
        int(name[len(prefix) :]): number for name, number in figures.items() if name.startswith(prefix)
    }
    return CommandFigures(
        kind,
        sum(states.values()),
        states.get(CommandState.CONFIRMED, 0),
        sum(states.get(state, 0) for state in FAILED_STATES),
        states.get(CommandState.NEEDS_ATTENTION, 0),
        percentile(lengths, 50),
        percentile(lengths, 90),
    )


def _keyed(figures: Figures, name: str) -> dict[str, int]:
    prefix = f"{name}|"
    return {key[len(prefix) :]: number for key, number in figures.items() if key.startswith(prefix)}


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the least value that ``percent`` of them do not exceed (nearest rank); None: there are none."""
    rank = -(-sum(counts.values()) * percent // 100)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return None
