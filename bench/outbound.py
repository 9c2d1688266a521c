"""Outbound webhooks: from the moment a webhook of iiko is sent to the moment an integrator has ours.

Webhooks come at a steady rate to the hub's door; a receiver in this process notes when the message of
each arrives.
Then the same with a second subscription whose endpoint takes connections and never answers.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench import database
from bench.bodies import STEPS, Moment, evening
from bench.latency import Caller
from bench.processes import HUB, manage, running, wait_for, web
from bench.report import HUNDREDTHS, MS, Comparison, JsonObject, Length, Row, Section
from orders.models.order import Order
from outbound.models.deliveries import Delivery
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import Subscription
from outbound.sending.signing import new_secret
from webhooks.models.inbox import WebhookEvent

RATE = 100
_THREADS = 8
_PATIENCE_S = 60.0
_ENV = HUB | {"OUTBOUND_ALLOW_PRIVATE_ADDRESSES": "1"}

Key = tuple[int, str]
"""The row of an order, and the status in the message."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """``waits_ms`` is sorted: of each webhook until the receiver had the message of it."""

    waits_ms: list[float]
    per_s: float
    """Webhooks whose message arrived."""
    lost: int
    messages: int

    def percentile(self, share: float) -> float:
        return self.waits_ms[min(len(self.waits_ms) - 1, int(len(self.waits_ms) * share))]


@dataclass(frozen=True, slots=True)
class OutboundRun:
    alone: Delivered
    beside_a_dead_one: Delivered

    @property
    def ratio(self) -> float:
        return self.beside_a_dead_one.per_s / self.alone.per_s


def section(length: Length) -> Section:
    seconds = 5 if length.quick else 20
    runs = [
        OutboundRun(
            _measure(seconds, length, is_dead_beside=False), _measure(seconds, length, is_dead_beside=True)
        )
        for _ in range(length.runs)
    ]
    how = f"{RATE} webhooks/s for {seconds} s, one worker; from sending to the receiver of a subscription"
    found = Section.of("outbound", how, runs, _ROWS, _as_json)
    found.comparisons = [
        Comparison("p95 at most 2 s", found.medians["delivered in, p95"] <= 2000),
        Comparison("a dead one slows no other: 0.95", found.medians["delivered/s beside: ratio"] >= 0.95),
        Comparison("none lost", all(run.alone.lost + run.beside_a_dead_one.lost == 0 for run in runs)),
    ]
    return found


_ROWS: tuple[Row[OutboundRun], ...] = (
    Row("delivered/s", lambda run: run.alone.per_s),
    Row("delivered in, p50", lambda run: run.alone.percentile(0.50), MS),
    Row("delivered in, p95", lambda run: run.alone.percentile(0.95), MS),
    Row("delivered in, p99", lambda run: run.alone.percentile(0.99), MS),
    Row("beside a dead one, p95", lambda run: run.beside_a_dead_one.percentile(0.95), MS),
    Row("delivered/s beside: ratio", lambda run: run.ratio, HUNDREDTHS),
    Row("messages", lambda run: run.alone.messages),
    Row("lost", lambda run: run.alone.lost + run.beside_a_dead_one.lost),
)


def _as_json(run: OutboundRun) -> JsonObject:
    return asdict(run)


def _measure(seconds: float, length: Length, *, is_dead_beside: bool) -> Delivered:
    database.empty()
    Subscription.objects.all().delete()
    OutboundEvent.objects.all().delete()
    with _receiving() as receiver, _never_answering() as dead_url:
        _subscribe(receiver.url)
        if is_dead_beside:
            _subscribe(dead_url)
        with web(env=_ENV) as port, running([manage("worker")], env=_ENV):
            caller = Caller(port, token=length.token, key=length.key)
            _warm_up(caller, receiver)
            sent = _send(caller, seconds)
            _wait_until_delivered(receiver.url)
        return _compare(sent, receiver.came)


def _subscribe(url: str) -> None:
    Subscription.objects.create(
        name=url, url=url, shown_host="http://127.0.0.1", secret=new_secret(), event_types=_TYPES
    )


_TYPES = ["order.created", "order.status_changed"]


@dataclass(slots=True)
class _Receiver:
    url: str = ""
    came: dict[Key, float] = field(default_factory=dict)

    def note(self, content: bytes) -> None:
        data = json.loads(content)["data"]
        if change := data["changes"].get("status"):
            self.came.setdefault((int(data["id"]), str(change["to"])), time.perf_counter())


def _warm_up(caller: Caller, receiver: _Receiver) -> None:
    """Wait until the worker is there: it tells of an order that is not measured."""
    caller.post(Moment(run=1, order=0, step=0))
    wait_for(lambda: bool(receiver.came), "worker", seconds=_PATIENCE_S)
    receiver.came.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def _receiving() -> Iterator[_Receiver]:
    receiver = _Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            receiver.note(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _never_answering() -> Iterator[str]:
    """Listen and take nothing: the system makes the connections, nobody reads from them."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=512)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def _send(caller: Caller, seconds: float) -> dict[Moment, float]:
    moments = evening(run=0, orders=round(seconds * RATE / len(STEPS)))
    sent: dict[Moment, float] = {}
    with ThreadPoolExecutor(_THREADS) as senders:
        started = time.perf_counter()
        futures = []
        for index, moment in enumerate(moments):
            time.sleep(max(0.0, started + index / RATE - time.perf_counter()))
            sent[moment] = time.perf_counter()
            futures.append(senders.submit(caller.post, moment))
        for future in futures:
            future.result()
    return sent


def _wait_until_delivered(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and (
        WebhookEvent.objects.unfinished().exists()
        or OutboundEvent.objects.filter(position__isnull=True).exists()
        or Delivery.objects.pending().filter(subscription__name=url).exists()
    ):
        time.sleep(0.05)


def _compare(sent: dict[Moment, float], came: dict[Key, float]) -> Delivered:
    """Take of each webhook the first message that tells of its step or a later one.

    Webhooks of one order that a worker applies together are one change, and one message.
    """
    rows = dict(Order.objects.values_list("iiko_order_id", "pk"))
    waits: list[float] = []
    for moment, sent_at in sent.items():
        row = rows.get(moment.order_id, 0)
        delivered_at = [at for step in STEPS[moment.step :] if (at := came.get((row, step))) is not None]
        if delivered_at:
            waits.append((min(delivered_at) - sent_at) * 1000)
    took = max(came.values(), default=0.0) - min(sent.values())
    return Delivered(sorted(waits), len(waits) / took, lost=len(sent) - len(waits), messages=len(came))
