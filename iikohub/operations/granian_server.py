"""The second web server: ``python -m iikohub.operations.granian_server``, configured as gunicorn is.

granian's own way of serving WSGI takes a thread for a request whose body is still on its way, so that a few
slow senders keep everybody out, and it has no limit for how long that may last (granian 2.8, tried). So
the hub comes in through its RSGI: a loop reads the body, whole and in time, and only then a thread of a fixed
pool has the request (docs/adr/0008-threads-wait-for-no-client.md).
"""

import asyncio
import errno
import io
import os
import runpy
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from iikohub.operations.request_limits import LINGER_S, LONGEST_HEAD, MOST_RECEIVED, STALLED_S, largest_body

if TYPE_CHECKING:
    from iikohub.operations.webhook_batches import WebhookBatches
    from webhooks.receiving.batch import Reply

logger = structlog.stdlib.get_logger(__name__)

CONFIGURATION = Path(__file__).resolve().parents[2] / "gunicorn.conf.py"

MOST_CONNECTIONS = 4000
"""Of one process, idle ones too: past them a client waits in the backlog until another leaves."""

_LOOK_EVERY_S = 1.0
_PORT_FREE_WITHIN_S = 5.0
"""As long as gunicorn tries."""

Environ = dict[str, object]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., object]], Iterable[bytes]]


class Scope(Protocol):
    """What granian tells of a request (RSGI 1.5): the path is decoded, names of headers are in lower case."""

    http_version: str
    method: str
    scheme: str
    path: str
    query_string: str
    client: str
    server: str
    headers: "RequestHeaders"


class RequestHeaders(Protocol):
    def items(self) -> Sequence[tuple[str, str]]: ...


class Stream(Protocol):
    async def send_bytes(self, data: bytes) -> None: ...


class Exchange(Protocol):
    """granian's side of a request: iterated it gives the body."""

    def __aiter__(self) -> "Exchange": ...
    async def __anext__(self) -> bytes: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_stream(self, status: int, headers: Headers) -> Stream: ...


class Refused(Exception):
    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = [("Connection", "close"), *headers]


class Stalled(Exception):
    """A client did not take its answer; granian ends the connection."""


class Gateway:
    """Give a WSGI application requests that have arrived whole, in ``threads`` threads and no more.

    ``largest_body`` is in bytes. Of a body that is larger, or says so, no more is read: the application is
    given its length, refuses it by that, and the connection ends.
    """

    def __init__(
        self, application: Application, *, threads: int, largest_body: int, arrives_within_s: float
    ) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._batches: WebhookBatches | None = None
        self._sends_soon = self._looks_later = False
        self._largest_body = largest_body
        self._arrives_within_s = arrives_within_s
        # One request that is allowed fits in any case.
        self._most_received = max(MOST_RECEIVED, largest_body + 1)
        self._received = 0
        self._reading: set[asyncio.Timeout] = set()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear of the end beside granian, whose own handler the loop calls all the same."""
        signal.signal(signal.SIGTERM, lambda _number, _frame: loop.call_soon_threadsafe(self._hurry))
        # Here and not at the top: by now the application has loaded the apps that it needs.
        from iikohub.operations.webhook_batches import WebhookBatches

        self._batches = WebhookBatches(self._pool, loop.call_soon_threadsafe)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        body = bytearray()
        try:
            headers = scope.headers.items()
            is_taken = _declared_length(headers) <= self._largest_body
            if is_taken:
                await self._receive(exchange, body)
                if (reply := await self._reply_of_batch(scope, headers, body)) is not None:
                    exchange.response_bytes(reply.answer.status, list(reply.headers), reply.answer.body)
                    return
            environ = environ_of(scope)
            if is_taken:
                environ["CONTENT_LENGTH"] = str(len(body))
            environ["wsgi.input"] = io.BytesIO(body)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, self._answer, environ, exchange, loop)
        except Refused as refused:
            exchange.response_bytes(refused.status, refused.headers, b"")
        finally:
            self._received -= len(body)

    async def _reply_of_batch(
        self, scope: Scope, headers: Sequence[tuple[str, str]], body: bytearray
    ) -> "Reply | None":
        """Wait for the reply to a usual webhook; None for any other request, which takes the usual way."""
        if self._batches is None or scope.method != "POST" or scope.query_string:
            return None
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply | None] = loop.create_future()
        if not self._batches.take(scope.path, headers, body, partial(_give, reply)):
            return None
        if not self._sends_soon:
            self._sends_soon = True
            loop.call_soon(self._send_batches, loop, self._batches)
        return await reply

    def _send_batches(self, loop: asyncio.AbstractEventLoop, batches: "WebhookBatches") -> None:
        """Send what came in this turn of the loop."""
        self._sends_soon = False
        batches.send()
        self._look_later(loop, batches)

    def _look_later(self, loop: asyncio.AbstractEventLoop, batches: "WebhookBatches") -> None:
        """Let those who wait for a batch that hangs take the usual way."""
        again_s = batches.look_again_s
        if again_s is not None and not self._looks_later:
            self._looks_later = True
            loop.call_later(again_s, self._look, loop, batches)

    def _look(self, loop: asyncio.AbstractEventLoop, batches: "WebhookBatches") -> None:
        self._looks_later = False
        batches.send()
        self._look_later(loop, batches)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        self._pool.shutdown()

    async def _receive(self, exchange: Exchange, body: bytearray) -> None:
        try:
            async with asyncio.timeout(self._arrives_within_s) as limit:
                self._reading.add(limit)
                try:
                    await self._read(exchange, body)
                finally:
                    self._reading.remove(limit)
        except TimeoutError:
            raise Refused(408) from None

    async def _read(self, exchange: Exchange, body: bytearray) -> None:
        async for piece in exchange:
            piece = piece[: self._largest_body + 1 - len(body)]
            body += piece
            self._received += len(piece)
            if self._received > self._most_received:
                raise Refused(503, ("Retry-After", "5"))
            if len(body) > self._largest_body:
                return

    def _hurry(self) -> None:
        """Wait for no slow sender any more: the process ends."""
        self._arrives_within_s = min(self._arrives_within_s, LINGER_S)
        latest = asyncio.get_running_loop().time() + LINGER_S
        for limit in self._reading:
            limit.reschedule(min(limit.when() or latest, latest))

    def _answer(self, environ: Environ, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        start = Start()
        result = self._application(environ, start)
        if length_of(environ) > self._largest_body:
            start.headers = [*start.headers, ("Connection", "close")]
        try:
            if not getattr(result, "streaming", False):
                exchange.response_bytes(start.status, start.headers, b"".join(result))
                return
            stream = exchange.response_stream(start.status, start.headers)
            for piece in result:
                asyncio.run_coroutine_threadsafe(_send(stream, piece), loop).result()
        except TimeoutError:
            logger.info("web.stalled", path=environ["PATH_INFO"])
            raise Stalled from None
        finally:
            if (close := getattr(result, "close", None)) is not None:
                close()


def _give(reply: "asyncio.Future[Reply | None]", given: "Reply | None") -> None:
    if not reply.done():  # else the client is gone
        reply.set_result(given)


async def _send(stream: Stream, piece: bytes) -> None:
    async with asyncio.timeout(STALLED_S):
        await stream.send_bytes(piece)


def length_of(environ: Environ) -> int:
    """Return the length that a request declares; 0 for none. It has no more digits than Python reads."""
    return int(str(environ.get("CONTENT_LENGTH") or 0))


def _declared_length(headers: Iterable[tuple[str, str]]) -> int:
    return int(next((value for name, value in headers if name == "content-length"), "") or 0)


@dataclass(slots=True)
class Start:
    """WSGI's ``start_response``."""

    status: int = 500
    headers: Headers = field(default_factory=list)

    def __call__(self, status: str, headers: Headers, exc_info: object = None) -> None:
        self.status = int(status[:3])
        self.headers = headers


def environ_of(scope: Scope) -> Environ:
    """Return the environment of PEP 3333, without headers whose underscore lets them pose as others."""
    host, _colon, port = scope.server.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope.headers.items():
        if "_" not in name:
            _add_header(environ, name.upper().replace("-", "_"), value)
    return environ


def _add_header(environ: Environ, name: str, value: str) -> None:
    if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        name = f"HTTP_{name}"
    if name in environ:
        value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{value}"
    environ[name] = value


def main() -> None:
    """Serve until a signal ends it. Raises ``SystemExit`` for an address that granian cannot listen on."""
    conf = runpy.run_path(str(CONFIGURATION))
    address = _address(conf["bind"])
    if "port" in address:
        wait_for_port(**address)
    server = Granian(
        "iikohub.wsgi",
        **address,
        interface=Interfaces.RSGI,
        workers=conf["workers"],
        websockets=False,
        http=HTTPModes.http1,
        # It counts from the end of the answer before, so it is also how long a connection may be idle.
        http1_settings=HTTP1Settings(
            header_read_timeout=conf["keepalive"] * 1000, max_buffer_size=LONGEST_HEAD
        ),
        backlog=conf["backlog"],
        backpressure=MOST_CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=conf["graceful_timeout"],
    )
    conf["on_starting"](server)
    master = os.getpid()
    try:
        # Typed for functions; an application of RSGI is an object.
        server.serve(target_loader=lambda _target: cast("Callable[..., None]", _load(conf, master=master)))
    finally:
        conf["on_exit"](server)


def _address(bind: str) -> dict[str, Any]:
    if bind.startswith("fd://"):
        raise SystemExit("granian takes no socket from systemd (fd://): give GUNICORN_BIND an address.")
    if bind.startswith("unix:"):
        return {"uds": Path(bind.removeprefix("unix:"))}
    host, _colon, port = bind.rpartition(":")
    return {"address": host.strip("[]"), "port": int(port)}


def wait_for_port(address: str, port: int, *, within_s: float = _PORT_FREE_WITHIN_S) -> None:
    """Wait until nobody listens there: granian would share the port, and each of the two get some requests.

    Raises:
        SystemExit: somebody still does.
    """
    end = time.monotonic() + within_s
    while not _is_free(address, port):
        if time.monotonic() > end:
            raise SystemExit(
                f"Connection in use: another program listens at {address}, port {port}. "
                "Stop it, or set PORT to another."
            )
        time.sleep(0.2)


def _is_free(address: str, port: int) -> bool:
    """Return whether nobody listens there; what else may be wrong with an address, granian says."""
    family, kind, protocol, _name, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # A port whose last connections are still fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _load(conf: Mapping[str, Any], *, master: int) -> Gateway:
    """Make the application of one process."""
    from django.conf import settings

    from iikohub.wsgi import application

    conf["post_worker_init"](None)
    threading.Thread(
        target=_end_with_master,
        args=(master,),
        kwargs={"within_s": conf["graceful_timeout"]},
        name="master-watch",
        daemon=True,
    ).start()
    return Gateway(
        cast("Application", application),
        threads=conf["threads"],
        largest_body=largest_body(),
        arrives_within_s=settings.REQUEST_ARRIVES_WITHIN_S,
    )


def _end_with_master(master: int, *, within_s: float) -> None:
    """End this process in good order once its master is gone: granian's would serve on, beside the next.

    The signal is repeated: granian does not see one that comes while the process still starts.
    """
    while os.getppid() == master:
        time.sleep(_LOOK_EVERY_S)
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_LOOK_EVERY_S)
    logger.warning("web.requests_abandoned", within_s=within_s)
    os._exit(1)


if __name__ == "__main__":
    main()
