"""A receiver of notifications on this machine, and rows to tell it of."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attention.models.channels import Channel, Kind, Notification
from attention.models.items import AttentionItem, Severity
from attention.notifications import plan, send
from organizations.models.organization import Organization

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
PATH = "/hook/qzxsecretpath"


@dataclass
class Receiver:
    """What it got, in order; ``answers`` are the statuses of its next answers, then 200."""

    port: int = 0
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    """Called before it answers."""

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}{PATH}"

    @property
    def bodies(self) -> list[Any]:
        return [body for _path, _headers, body in self.got]

    @property
    def texts(self) -> list[str]:
        return [f"{body['title']}\n{body['message']}" for body in self.bodies]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = self.headers.get("Content-Type") == "application/json"
            body = json.loads(raw) if is_json else raw.decode()
            receiver.got.append((self.path, dict(self.headers), body))
            receiver.before()
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    receiver.port = server.server_port
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_channel(receiver: Receiver | None = None, *restaurants: Organization, **changes: Any) -> Channel:
    usual: dict[str, Any] = {
        "name": f"channel {Channel.objects.count() + 1}",
        "address": receiver.address if receiver else "json://127.0.0.1:9/hook",
        "service": "JSON",
        "shown_address": "json://127.0.0.1/…",
        "language": "en",
        "least_severity": Severity.INFO,
        "active_since": NOON - timedelta(days=300),
    }
    channel = Channel.objects.create(**(usual | changes))
    channel.restaurants.add(*restaurants)
    return channel


def make_item(
    place: Organization | None = None, at: datetime = NOON, subject: str = "", **changes: Any
) -> AttentionItem:
    usual: dict[str, Any] = {
        "rule": "problem",
        "subject": subject or f"order:{AttentionItem.objects.count() + 1}",
        "facts": {"order": "55"},
        "severity": Severity.WARNING,
        "organization_id": place.iiko_id if place else None,
        "since": at,
        "opened_at": at,
        "updated_at": at,
    }
    return AttentionItem.objects.create(**(usual | changes))


def look(now: datetime) -> None:
    """Plan and send what is due at this moment, as a worker does."""
    for channel_id in plan.plan_all(now=now):
        while send.send_due(channel_id, clock=lambda: now):
            pass


def told(channel: Channel, *kinds: Kind) -> list[tuple[str, str, str]]:
    """Return kind, state and error of the channel's notifications, in order."""
    rows = Notification.objects.filter(channel=channel).order_by("id")
    if kinds:
        rows = rows.filter(kind__in=kinds)
    return [(one.kind, one.state, one.error) for one in rows]


def wait_for(happened: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
