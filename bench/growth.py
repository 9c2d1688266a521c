"""Growth: what two million events and 300 000 orders change, against tables that hold a thousandth of them.

Both sides are measured in one run by the same means: ingest by the web processes, drain by two workers,
pages of lists, search, board and the log of calls without the network. The small tables are not quite empty,
so that a page is as long on either side. What grew is of a year, so that tables in partitions have several.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

from django.contrib.auth.models import User
from django.test import Client

from bench import database, many_rows, search
from bench.bodies import evening
from bench.drain import beside_others
from bench.ingest import send
from bench.many_rows import say
from bench.processes import ProcessFailed, settle_garbage, web
from bench.report import HUNDREDTHS, MS, WHOLE, Comparison, Length, Row, Section

EVENTS = 2_000_000
ORDERS_AN_EVENT = 0.15
SMALL = 1000
GOAL = 0.9
QUESTIONS, QUICK_QUESTIONS = 60, 20
_HOST = "127.0.0.1"
# Of one order or none, however many there are: else the page would be longer on the grown side.
_KINDS = ("phone", "external id", "POS id", "iiko id, upper case", "nothing found")


@dataclass(frozen=True, slots=True)
class Side:
    """Rates a second (of each run) and milliseconds (of each question) at one size."""

    rates: Mapping[str, Sequence[float]]
    times_ms: Mapping[str, Sequence[float]]
    lost: int
    events_mb: float


@dataclass(frozen=True, slots=True)
class GrowthRun:
    small: Side
    grown: Side

    def ratio(self, name: str) -> float:
        """Return the grown side's pace in that of the small one: 1 where growth changes nothing.

        The quickest of either side are compared: minutes lie between the two, and what else the machine does
        meanwhile only slows.
        """
        if name in self.small.rates:
            return max(self.grown.rates[name]) / max(self.small.rates[name])
        return _quick(self.small.times_ms[name]) / _quick(self.grown.times_ms[name])


def _quick(times_ms: Sequence[float]) -> float:
    """Return what the quickest tenth take at most."""
    return sorted(times_ms)[len(times_ms) // 10]


def section(length: Length) -> Section:
    events = length.events or (EVENTS // 10 if length.quick else EVENTS)
    orders = max(SMALL, round(events * ORDERS_AN_EVENT))
    small = _measured("small", length, events=SMALL, orders=SMALL)
    grown = _measured("grown", length, events=events, orders=orders)
    run = GrowthRun(small, grown)
    how = f"{events} events, {orders} orders and as many calls against {SMALL} of each"
    found = Section.of("growth", how, [run], _rows(run), asdict)
    names = [*small.rates, *small.times_ms]
    found.comparisons = [Comparison(f"{name} at least {GOAL}", run.ratio(name) >= GOAL) for name in names]
    found.comparisons.append(Comparison("every 200 is a row", small.lost + grown.lost == 0))
    return found


def _rows(run: GrowthRun) -> Iterator[Row[GrowthRun]]:
    for name in run.small.rates:
        yield Row(f"{name}: small", partial(_rate, side="small", name=name))
        yield Row(f"{name}: grown", partial(_rate, side="grown", name=name))
        yield Row(f"{name}: ratio", partial(GrowthRun.ratio, name=name), HUNDREDTHS)
    for name in run.small.times_ms:
        for side in ("small", "grown"):
            yield Row(f"{name}: {side}, p50", partial(_time, side=side, name=name, share=0.5), MS)
            yield Row(f"{name}: {side}, p95", partial(_time, side=side, name=name, share=0.95), MS)
        yield Row(f"{name}: ratio", partial(GrowthRun.ratio, name=name), HUNDREDTHS)
    yield Row("webhook_events grown, MB", lambda run: run.grown.events_mb, WHOLE)


def _rate(run: GrowthRun, *, side: str, name: str) -> float:
    of_side: Side = getattr(run, side)
    return median(of_side.rates[name])


def _time(run: GrowthRun, *, side: str, name: str, share: float) -> float:
    of_side: Side = getattr(run, side)
    times = sorted(of_side.times_ms[name])
    return times[min(len(times) - 1, int(len(times) * share))]


# --- one size ------------------------------------------------------------------------------------------


def _measured(name: str, length: Length, *, events: int, orders: int) -> Side:
    many_rows.fill(name, events=events, orders=orders, calls=orders)
    events_mb = many_rows.events_mb()
    doors = _doors(length, orders)
    times_ms = {}
    for door, ask in doors.items():
        ask(0)  # what a process reads once
        times_ms[door] = [
            _timed(partial(ask, n)) for n in range(QUICK_QUESTIONS if length.quick else QUESTIONS)
        ]
    say(f"{name}: pages measured")
    rates: dict[str, list[float]] = {"drain": []}
    for run in range(length.runs):
        moments = evening(run=0x100 + run, orders=150 if length.quick else 1500)
        rates["drain"].append(beside_others(moments))
    say(f"{name}: drain measured")
    lost = 0
    for run in range(length.runs):
        for at, server in enumerate(length.servers):
            per_s, missing = _ingest(server, length, run=0x1000 + run * len(length.servers) + at)
            rates.setdefault(f"ingest, {server}", []).append(per_s)
            lost += missing
    say(f"{name}: ingest measured")
    return Side(rates, times_ms, lost, events_mb)


def _ingest(server: str, length: Length, *, run: int) -> tuple[float, int]:
    before = database.value("SELECT count(*) FROM webhook_events")
    with web(env={"SERVER": server}) as port:
        load = send(port, run=run, seconds=2 if length.quick else 8, token=length.token)
    rows = database.value("SELECT count(*) FROM webhook_events") - before
    return load.per_s, max(0, load.answered - rows)


def _doors(length: Length, orders: int) -> dict[str, Callable[[int], int]]:
    """Return what is asked for the n-th time at each door; each answers with the status."""
    person = Client(SERVER_NAME=_HOST)
    person.force_login(User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)[0])
    program = Client(SERVER_NAME=_HOST, headers={"Authorization": f"Api-Key {length.key}"})
    settle_garbage()
    chance = random.Random(11)
    terms = search.terms()
    texts = [terms[kind](chance.randrange(1, orders)) for _ in range(20) for kind in _KINDS]

    def page(client: Client, path: str) -> Callable[[int], int]:
        return lambda _n: client.get(path).status_code

    def found(n: int) -> int:
        text = texts[n % len(texts)]
        return person.get("/console/search", {"q": text}, headers=search.BELOW_BOX).status_code

    return {
        "orders, admin": page(person, "/admin/orders/order/"),
        "events, admin": page(person, "/admin/webhooks/webhookevent/"),
        "orders, API": page(program, "/api/v1/orders?limit=50"),
        "events, API": page(program, "/api/v1/webhooks/events?limit=50"),
        "logs": page(program, "/api/v1/logs?limit=50"),
        "search, console": found,
        "search, API": lambda n: program.get("/api/v1/orders", {"search": texts[n % len(texts)]}).status_code,
        "board": page(person, "/console/"),
    }


def _timed(ask: Callable[[], int]) -> float:
    began = time.perf_counter()
    if (status := ask()) != 200:
        raise ProcessFailed(f"A page was answered with {status}.")
    return (time.perf_counter() - began) * 1000
