"""Drain: how fast two workers bring a full inbox into the orders, against one job per event.

Both sides get the same events in the same database, two processes each, and the same start: they
are held at a locked table until both are up, so that nobody's start-up counts. The jobs are
deferred beforehand. Both must end with the same orders.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import connection, transaction
from procrastinate.types import JSONDict

from bench import database
from bench.bodies import STEPS, Moment, body, evening
from bench.processes import HUB, Running, manage, running, wait_for
from bench.report import TENTHS, Comparison, JsonObject, Length, Row, Section
from bench.tasks import QUEUE, apply_event
from orders.models.order import Order
from webhooks.models.inbox import EventStatus, WebhookEvent
from webhooks.receiving.inbox import receive_body
from webhooks.receiving.tokens import Scope

PROCESSES = 2
# Of procrastinate's worker. More jobs at once in a process got in each other's way (8: a third fewer).
CONCURRENCY = 4
_IN_ONE_BODY = 100
_START_S = 60.0
_LONGEST_S = 900.0

_BLOCKED = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
# Everything the orders hold but the numbers and times of our own rows, which differ from run to run.
_ORDERS_DIGEST = """
SELECT md5(coalesce(string_agg((to_jsonb(o) - 'id' - 'created_at' - 'updated_at' - 'trace_id')::text, E'\n'
                               ORDER BY iiko_order_id), ''))
FROM orders o
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """One side of one run. ``lost`` events did not end well or left no trace in their order."""

    seconds: float
    per_s: float
    lost: int
    orders_digest: str


@dataclass(frozen=True, slots=True)
class DrainRun:
    hub: Drained
    jobs: Drained

    @property
    def ratio(self) -> float:
        return self.hub.per_s / self.jobs.per_s

    @property
    def lost(self) -> int:
        return self.hub.lost + self.jobs.lost

    @property
    def is_equal(self) -> bool:
        return self.hub.orders_digest == self.jobs.orders_digest


def section(length: Length) -> Section:
    orders = 150 if length.quick else 1500
    moments = evening(run=0, orders=orders)
    runs = [DrainRun(hub=by_hub(moments), jobs=_by_jobs(moments)) for _ in range(length.runs)]
    how = (
        f"{orders * len(STEPS)} events of {orders} orders by {PROCESSES} processes, "
        f"jobs by procrastinate (concurrency {CONCURRENCY})"
    )
    found = Section.of("drain", how, runs, _ROWS, _as_json)
    found.comparisons = [
        Comparison("ratio at least 8", found.medians["ratio"] >= 8),
        Comparison("no event lost", all(run.lost == 0 for run in runs)),
        Comparison("both sides end with equal orders", all(run.is_equal for run in runs)),
    ]
    return found


_ROWS: tuple[Row[DrainRun], ...] = (
    Row("events/s", lambda run: run.hub.per_s),
    Row("one job an event, events/s", lambda run: run.jobs.per_s),
    Row("ratio", lambda run: run.ratio, TENTHS),
    Row("lost", lambda run: run.lost),
)


def _as_json(run: DrainRun) -> JsonObject:
    return {**asdict(run), "ratio": run.ratio, "lost": run.lost, "is_equal": run.is_equal}


def by_hub(moments: Sequence[Moment], *, processes: int = PROCESSES) -> Drained:
    """Drain an inbox of these events by workers of the hub."""
    _fill(moments)
    commands = [manage("worker", "--drain")] * processes
    return _drained(moments, commands, env=HUB, gate="webhook_events")


def beside_others(moments: Sequence[Moment]) -> float:
    """Store these events beside what is there; returns how many a second the workers apply."""
    _store(moments)
    with running([manage("worker", "--drain")] * PROCESSES, env=HUB) as workers:
        return len(moments) / _time(workers, "webhook_events")


def _by_jobs(moments: Sequence[Moment]) -> Drained:
    _fill(moments)
    keys = WebhookEvent.objects.order_by("id").values_list("id", flat=True)
    jobs: list[JSONDict] = [{"event_pk": pk} for pk in keys]
    apply_event.batch_defer(*jobs)
    command = manage(
        "procrastinate", "worker", "--one-shot", f"--queues={QUEUE}", f"--concurrency={CONCURRENCY}"
    )
    return _drained(moments, [command] * PROCESSES, env={}, gate="procrastinate_jobs")


def _fill(moments: Sequence[Moment]) -> None:
    database.empty()
    _store(moments)


def _store(moments: Sequence[Moment]) -> None:
    everyone = Scope(frozenset(), everyone=True)
    for at in range(0, len(moments), _IN_ONE_BODY):
        receive_body(body(list(moments[at : at + _IN_ONE_BODY])), everyone)


def _drained(
    moments: Sequence[Moment], commands: Sequence[Sequence[str]], *, env: dict[str, str], gate: str
) -> Drained:
    database.analyse()
    with running(commands, env=env) as workers:
        seconds = _time(workers, gate)
    ended = WebhookEvent.objects.filter(status__in=(EventStatus.PROCESSED, EventStatus.STALE))
    expected = {(one.order_id, STEPS[-1], one.revision) for one in moments if one.step == len(STEPS) - 1}
    stored = set(Order.objects.values_list("iiko_order_id", "status", "revision"))
    lost = len(moments) - ended.count() + len(expected ^ stored)
    return Drained(seconds, len(moments) / seconds, lost, database.value(_ORDERS_DIGEST))


def _time(workers: Sequence[Running], gate: str) -> float:
    """Let all workers go at one moment; returns how long the last one took to finish and exit."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {gate} IN ACCESS EXCLUSIVE MODE")
        wait_for(
            lambda: database.value(_BLOCKED, gate) >= len(workers),
            f"the workers to come to {gate}",
            seconds=_START_S,
            watched=workers,
        )
    started = time.monotonic()
    for worker in workers:
        worker.wait(_LONGEST_S)
    return time.monotonic() - started
