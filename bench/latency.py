"""Latency: from the moment a webhook is sent to the moment the API shows what it says.

Webhooks come at a steady rate, whether or not earlier ones are done. One in ten changes of an order
that is known already is watched: its sender asks ``GET /api/v1/orders/{id}`` again and again until
the order has the webhook's revision. So each value holds the request itself, the wait for the worker,
the applying, and up to one interval between two questions (a pause of 5 ms and the answer's time);
the questions load the same web processes.
"""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from typing import Any

from bench import database
from bench.bodies import STEPS, Moment, body, evening
from bench.load import PATH
from bench.processes import HUB, ProcessFailed, manage, running, web
from bench.report import MS, Comparison, JsonObject, Length, Row, Section
from webhooks.models.inbox import EventStatus, WebhookEvent

RATE = 100
_WATCH_EACH = 10
_THREADS = 8
_PAUSE_S = 0.005
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """``visible_ms`` is sorted; ``sent_per_s`` is the rate that was reached."""

    visible_ms: list[float]
    sent_per_s: float
    lost: int

    def percentile(self, share: float) -> float:
        return self.visible_ms[min(len(self.visible_ms) - 1, int(len(self.visible_ms) * share))]


def section(length: Length) -> Section:
    seconds = 5 if length.quick else 20
    runs = [_measure(seconds, length) for _ in range(length.runs)]
    how = f"{RATE} webhooks/s for {seconds} s, one worker; from sending to GET orders/{{id}}"
    found = Section.of("latency", how, runs, _ROWS, _as_json)
    found.comparisons = [
        Comparison("p99 at most 300 ms", found.medians["visible in, p99"] <= 300, is_goal=False),
        Comparison("no event lost", all(run.lost == 0 for run in runs)),
    ]
    return found


_ROWS: tuple[Row[LatencyRun], ...] = (
    Row("sent/s", lambda run: run.sent_per_s),
    Row("watched", lambda run: len(run.visible_ms)),
    Row("visible in, p50", lambda run: run.percentile(0.50), MS),
    Row("visible in, p99", lambda run: run.percentile(0.99), MS),
    Row("lost", lambda run: run.lost),
)


def _as_json(run: LatencyRun) -> JsonObject:
    return {**asdict(run), "p50_ms": run.percentile(0.50), "p99_ms": run.percentile(0.99)}


def _measure(seconds: float, length: Length) -> LatencyRun:
    database.empty()
    with web() as port, running([manage("worker")], env=HUB):
        return _run(Caller(port, token=length.token, key=length.key), seconds)


class Caller:
    """iiko and an integrator in one: posts webhooks, reads orders; a connection for each thread."""

    def __init__(self, port: int, *, token: str, key: str) -> None:
        self._port = port
        self._token = token
        self._key = key
        self._local = threading.local()

    def post(self, moment: Moment) -> None:
        self._ask("POST", PATH, self._token, body([moment]))

    def order_id(self, moment: Moment) -> int | None:
        found = self._get(f"/api/v1/orders?iiko_order_id={moment.order_id}")["results"]
        return int(found[0]["id"]) if found else None

    def revision(self, order_id: int) -> int:
        return int(self._get(f"/api/v1/orders/{order_id}")["revision"] or 0)

    def _get(self, path: str) -> Any:  # noqa: ANN401  # any JSON value
        return json.loads(self._ask("GET", path, f"Api-Key {self._key}", None))

    def _ask(self, method: str, path: str, authorization: str, content: bytes | None) -> bytes:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        connection: HTTPConnection = self._local.connection
        connection.request(method, path, content, {"Authorization": authorization})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise ProcessFailed(f"{method} {path} answered {response.status}: {answer[:300]!r}")
        return answer


def _run(caller: Caller, seconds: float) -> LatencyRun:
    moments = evening(run=0, orders=round(seconds * RATE / len(STEPS)))
    with ThreadPoolExecutor(_THREADS) as senders, ThreadPoolExecutor(_THREADS) as watchers:
        sent: list[Future[None]] = []
        watched: list[Future[float | None]] = []
        started = time.perf_counter()
        for index, moment in enumerate(moments):
            time.sleep(max(0.0, started + index / RATE - time.perf_counter()))
            if moment.step and index % _WATCH_EACH == 0:
                watched.append(watchers.submit(_watch, caller, moment))
            else:
                sent.append(senders.submit(caller.post, moment))
        for future in sent:
            future.result()
        took = time.perf_counter() - started
        visible = [ms for future in watched if (ms := future.result()) is not None]
    return LatencyRun(sorted(visible), len(moments) / took, lost=_not_applied(moments))


def _watch(caller: Caller, moment: Moment) -> float | None:
    """Post and wait until it shows, in milliseconds; None if its order was not there beforehand."""
    order_id = caller.order_id(moment)
    sent_at = time.perf_counter()
    caller.post(moment)
    if order_id is None:
        return None
    while caller.revision(order_id) < moment.revision:
        if time.perf_counter() - sent_at > _PATIENCE_S:
            raise ProcessFailed(f"Order {order_id} did not show its change within {_PATIENCE_S:.0f} s.")
        time.sleep(_PAUSE_S)
    return (time.perf_counter() - sent_at) * 1000


def _not_applied(moments: Sequence[Moment]) -> int:
    """Wait until the worker has caught up, then count what is missing."""
    deadline = time.monotonic() + _PATIENCE_S
    while WebhookEvent.objects.unfinished().exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    ended = WebhookEvent.objects.filter(status__in=(EventStatus.PROCESSED, EventStatus.STALE))
    return len(moments) - ended.count()
