"""Endpoints of integrators on this machine, and subscriptions for them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.contrib.auth.models import User

from outbound.feed.fan_out import fan_out
from outbound.models.subscriptions import Subscription
from outbound.sending.sender import Sender
from outbound.sending.signing import new_secret


@dataclass
class Got:
    """One message as it came."""

    path: str
    headers: dict[str, str]
    raw: str

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Endpoint:
    """What it got, in order; ``answers`` are the statuses of its next answers, then ``usual``."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    usual: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes = b""
    before: Callable[[Got], object] = lambda _got: None
    """Called before it answers."""
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    """Answers in its place."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=qzxsecret"

    @property
    def types(self) -> list[str]:
        return [one.body["type"] for one in self.got]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def listening(**changes: Any) -> Iterator[Endpoint]:
    endpoint = Endpoint(**changes)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, raw)
            with lock:
                endpoint.got.append(got)
                status = endpoint.answers.pop(0) if endpoint.answers else endpoint.usual
            endpoint.before(got)
            if endpoint.answer is not None:
                endpoint.answer(self)
                return
            self.send_response(status)
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(endpoint.text)))
            self.end_headers()
            self.wfile.write(endpoint.text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    endpoint.port = server.server_port
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def subscribe(endpoint: Endpoint | None = None, *restaurants: Any, **changes: Any) -> Subscription:
    """Make a subscription; without an endpoint of one where nobody listens.

    Of one that names guests the maker may see them.
    """
    usual: dict[str, Any] = {
        "name": f"shop {Subscription.objects.count() + 1}",
        "url": endpoint.url if endpoint else "http://127.0.0.1:9/hook",
        "shown_host": "http://127.0.0.1",
        "secret": new_secret(),
    }
    if changes.get("includes_personal_data") and "api_key" not in changes:
        usual["created_by"], _ = User.objects.get_or_create(username="owner", is_superuser=True)
    made = Subscription.objects.create(**(usual | changes))
    made.organizations.add(*restaurants)
    return made


def send_all() -> None:
    """Do what the loops of a worker do, until nothing is due."""
    sender = Sender()
    try:
        while fan_out() or sender.turn():
            pass
    finally:
        sender.finish(within_s=0)
