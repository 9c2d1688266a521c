"""Scaling: how fast one, two and four workers of the hub drain the same inbox of one PostgreSQL.

Each count of workers gets the same events and the same start, in turns within one run, so that what else
the machine does meets them alike. All must end with the same orders.
"""

from dataclasses import asdict, dataclass

from bench.bodies import STEPS, evening
from bench.drain import Drained, by_hub
from bench.report import HUNDREDTHS, Comparison, JsonObject, Length, Row, Section

WORKERS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class ScalingRun:
    drained: dict[int, Drained]
    """By the number of workers."""

    def times(self, workers: int) -> float:
        """Say how many times the rate of one worker these reach."""
        return self.drained[workers].per_s / self.drained[1].per_s

    @property
    def lost(self) -> int:
        return sum(one.lost for one in self.drained.values())

    @property
    def is_equal(self) -> bool:
        return len({one.orders_digest for one in self.drained.values()}) == 1


def section(length: Length) -> Section:
    orders = 300 if length.quick else 5000
    moments = evening(run=0, orders=orders)
    runs = [
        ScalingRun({workers: by_hub(moments, processes=workers) for workers in WORKERS})
        for _ in range(length.runs)
    ]
    how = f"{orders * len(STEPS)} events of {orders} orders by 1, 2 and 4 worker processes of one PostgreSQL"
    found = Section.of("scaling", how, runs, _ROWS, _as_json)
    found.comparisons = [
        Comparison("two workers at least 1.5 times one", found.medians[_times(2)] >= 1.5, is_goal=False),
        Comparison("no event lost", all(run.lost == 0 for run in runs)),
        Comparison("all end with equal orders", all(run.is_equal for run in runs)),
    ]
    return found


def _times(workers: int) -> str:
    return f"{workers} workers, times one"


_ROWS: tuple[Row[ScalingRun], ...] = (
    Row("1 worker, events/s", lambda run: run.drained[1].per_s),
    Row("2 workers, events/s", lambda run: run.drained[2].per_s),
    Row("4 workers, events/s", lambda run: run.drained[4].per_s),
    Row(_times(2), lambda run: run.times(2), HUNDREDTHS),
    Row(_times(4), lambda run: run.times(4), HUNDREDTHS),
    Row("lost", lambda run: run.lost),
)


def _as_json(run: ScalingRun) -> JsonObject:
    return {"workers": {str(count): asdict(one) for count, one in run.drained.items()}, "lost": run.lost}
