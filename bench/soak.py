"""Soak: whether web and worker grow while 100 000 events go through them, for each web server.

Events come as fast as they are taken, as one burst after the other, with pages of the API in between; a
worker applies them meanwhile. Each is of an order that is over: open ones and what is wrong with them are
held in memory, and no hub has 100 000 of them. Looked at every half second: the memory of all processes,
their threads, and the database connections that are open. Flat is what has in its last fifth no more than
it had in its second.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from django.db import connection

from bench import database
from bench.bodies import OVER
from bench.hub_api import HubApi
from bench.ingest import send
from bench.many_rows import say
from bench.processes import HUB, Running, family, free_port, manage, running, serving, wait_for
from bench.report import (
    HUNDREDTHS,
    MS,
    SECONDS,
    TENTHS,
    Comparison,
    JsonObject,
    Length,
    Row,
    Section,
    rows_of_each,
)
from webhooks.models.inbox import WebhookEvent

EVENTS = 100_000
MOST_GROWTH = 1.05
_BURST_S = 4
_LOOK_EVERY_S = 0.5
_PATIENCE_S = 900.0
_PAGE = 4096
_CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Look:
    """Megabytes, threads and database connections at one moment."""

    web_mb: float
    worker_mb: float
    web_threads: int
    connections: int


@dataclass(slots=True)
class Soaked:
    """What one server went through; ``slowest_ms`` is the slowest page in between."""

    looks: list[Look] = field(default_factory=list)
    answered: int = 0
    lost: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0

    def growth(self, name: str) -> float:
        """Return the end in parts of what it was once warm."""
        values = [getattr(look, name) for look in self.looks]
        fifth = max(1, len(values) // 5)
        return float(median(values[-fifth:]) / median(values[fifth : 2 * fifth]))

    def last(self, name: str) -> float:
        return float(getattr(self.looks[-1], name))

    def most(self, name: str) -> float:
        return float(max(getattr(look, name) for look in self.looks))


Turns = Mapping[str, Soaked]


def section(length: Length) -> Section:
    events = length.events or (5_000 if length.quick else EVENTS)
    run = {server: _soak(server, events, length) for server in length.servers}
    found = Section.of(
        "soak", f"{events} events by each server", [run], rows_of_each(length.servers, _ROWS), _as_json
    )
    for server, soaked in run.items():
        found.comparisons += [
            Comparison(f"{server}: memory of {name} flat", soaked.growth(f"{name}_mb") <= MOST_GROWTH)
            for name in ("web", "worker")
        ]
        found.comparisons.append(Comparison(f"{server}: every 200 is applied", soaked.lost == 0))
    return found


_ROWS: tuple[Row[Soaked], ...] = (
    Row("web at the end, MB", lambda soaked: soaked.last("web_mb"), TENTHS),
    Row("web, end to warm", lambda soaked: soaked.growth("web_mb"), HUNDREDTHS),
    Row("worker at the end, MB", lambda soaked: soaked.last("worker_mb"), TENTHS),
    Row("worker, end to warm", lambda soaked: soaked.growth("worker_mb"), HUNDREDTHS),
    Row("threads of web, most", lambda soaked: soaked.most("web_threads")),
    Row("database connections, most", lambda soaked: soaked.most("connections")),
    Row("database connections, end", lambda soaked: soaked.last("connections")),
    Row("slowest page", lambda soaked: soaked.slowest_ms, MS),
    Row("answered", lambda soaked: soaked.answered),
    Row("lost", lambda soaked: soaked.lost),
    Row("took", lambda soaked: soaked.seconds, SECONDS),
)


def _as_json(turns: Turns) -> JsonObject:
    return {server: asdict(soaked) for server, soaked in turns.items()}


def _soak(server: str, events: int, length: Length) -> Soaked:
    database.empty()
    soaked, port = Soaked(), free_port()
    began = time.monotonic()
    with (
        serving(port, env={"SERVER": server}) as web,
        running([manage("worker")], env=HUB) as (worker,),
        _looking(soaked, web, worker),
    ):
        hub = HubApi()
        hub.port, hub.key = port, length.key
        burst = 0
        while soaked.answered < events:
            load = send(port, run=0x5000 + burst, seconds=_BURST_S, token=length.token, step=OVER)
            soaked.answered += load.answered
            burst += 1
            soaked.slowest_ms = max(soaked.slowest_ms, _read_pages(hub))
            # The inbox does not grow without end: the worker has its turn.
            _wait_for_worker(worker, left=events // 10)
            say(f"{server}: {soaked.answered} events, {soaked.looks[-1]}")
        _wait_for_worker(worker, left=0)
    soaked.seconds = time.monotonic() - began
    ended = WebhookEvent.objects.filter(status__in=("processed", "stale")).count()
    soaked.lost = max(0, soaked.answered - ended)
    return soaked


def _wait_for_worker(worker: Running, *, left: int) -> None:
    wait_for(
        lambda: WebhookEvent.objects.unfinished().count() <= left,
        "the worker to catch up",
        seconds=_PATIENCE_S,
        watched=[worker],
    )


def _read_pages(hub: HubApi) -> float:
    """Read some pages; returns the milliseconds of the slowest."""
    took = []
    for path in ("/api/v1/orders?limit=200", "/api/v1/webhooks/events?limit=50", "/metrics", "/readyz"):
        began = time.perf_counter()
        hub.text(path)
        took.append((time.perf_counter() - began) * 1000)
    return max(took)


# --- what is looked at ---------------------------------------------------------------------------------


@contextmanager
def _looking(soaked: Soaked, web: Running, worker: Running) -> Iterator[None]:
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            soaked.looks.append(_look(web, worker))
        connection.close()  # this thread's

    looker = threading.Thread(target=look, daemon=True)
    soaked.looks.append(_look(web, worker))
    looker.start()
    try:
        yield
    finally:
        ended.set()
        looker.join()


def _look(web: Running, worker: Running) -> Look:
    of_web, of_worker = family(web.process.pid), family(worker.process.pid)
    return Look(
        web_mb=sum(map(_resident_mb, of_web)),
        worker_mb=sum(map(_resident_mb, of_worker)),
        web_threads=sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in of_web),
        connections=database.value(_CONNECTIONS),
    )


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
