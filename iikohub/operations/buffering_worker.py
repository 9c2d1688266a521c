"""A gunicorn worker whose threads never wait for a client.

gunicorn's threaded worker gives a connection to a thread, which then reads the request and writes the
answer at the client's pace: as many clients that send or read a byte now and then as there are threads
keep everybody else out. Here the loop that accepts connections reads requests too. A thread is taken for
a request that has arrived whole, and is free again once its answer is handed over; the loop sends what the
client has not taken yet. A proxy that buffers does the same (docs/adr/0008-threads-wait-for-no-client.md).

What a slow client holds is a place among ``worker_connections`` and memory. Both are bounded: the connection
that has waited longest goes first.

The processes of a master hold equally many connections: who has more than another leaves the next to it.
"""

import contextlib
import errno
import io
import os
import re
import selectors
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum, auto
from functools import lru_cache, partial
from http.client import responses
from typing import IO, TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from gunicorn import config, glogging, http, util
from gunicorn.workers import gthread

from iikohub.operations.connection_shares import shares
from iikohub.operations.request_limits import LINGER_S, LONGEST_HEAD, MOST_RECEIVED, STALLED_S, largest_body

if TYPE_CHECKING:
    # gunicorn imports this module before the application and with it the apps that these need.
    from iikohub.operations.webhook_batches import WebhookBatches
    from webhooks.receiving.batch import Reply

MOST_QUEUED = 128 * 1024 * 1024
"""Bytes of large requests that are whole and wait for a thread, or are with one."""

LARGE = 64 * 1024
"""From here on a request is large; those that are smaller are bounded by the number of connections."""

MOST_UNSENT = 256 * 1024 * 1024
"""Bytes of answers that one process holds for clients that read slowly."""

UNSENT_IN_MEMORY = 64 * 1024
"""What is unsent of one answer past this goes to a temporary file."""

STEADY = 64 * 1024
"""Bytes of its answer that a client has to take within ``STALLED_S``."""

PATIENCE_S = 0.25
"""A new connection waits no longer for a process that has fewer; then whoever saw it takes it."""

UNEVEN = 8
"""Who holds so many connections more than another parts with one after its answer: the client comes again."""

_PART_EVERY_S = 0.02
_PAUSE_S = 0.002
_RECEIVE = 256 * 1024
_SEND = 64 * 1024
_TRY_EVERY_S = 0.05
_LOOK_EVERY_S = 0.5
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+([0-9]++)[ \t]*+\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]++")
_LONGEST_LINE = 8 * 1024
"""Bytes of a chunk's first line; nobody waits for the end of a longer one."""


class State(Enum):
    READING = auto()
    """A request is on its way."""
    IDLE = auto()
    """Kept alive between two requests."""
    WORKING = auto()
    """A thread has it."""
    WRITING = auto()
    """The client takes the rest of its answer."""
    LINGERING = auto()
    """Answered and closed on our side."""
    CLOSED = auto()


class Arriving:
    """The bytes of a request until it is whole.

    Its idea of where a request ends need not be exact: the parser decides, and finds the end of its input
    where this one was mistaken.
    """

    def __init__(self, largest_body: int) -> None:
        self.data = bytearray()
        self.is_too_large = False
        self._largest_body = largest_body
        self._head = 0
        self._looked = 0
        self._whole: int | None = None
        self._content = 0

    def add(self, piece: bytes) -> None:
        self.data += piece

    @property
    def has_head(self) -> bool:
        return self._head > 0

    @property
    def expects_continue(self) -> bool:
        return _EXPECTS.search(self.data, 0, self._head) is not None

    @property
    def head_and_body(self) -> tuple[bytes, bytes] | None:
        """The two parts of a whole request of a known length that nothing follows; None of any other."""
        if self.is_too_large or self._whole != len(self.data):
            return None
        return bytes(self.data[: self._head]), bytes(self.data[self._head :])

    def is_whole(self) -> bool:
        """Whether there is nothing to wait for, also because the rest will not be taken."""
        if not self._head and not self._find_head():
            return False
        if self._whole is None:
            return self._chunks_end()
        return self.is_too_large or len(self.data) >= self._whole

    def _find_head(self) -> bool:
        end = self.data.find(b"\r\n\r\n", max(0, self._looked - 3))
        self._looked = len(self.data)
        if end < 0:
            return False
        self._head = self._looked = end + 4
        if not _CHUNKED.search(self.data, 0, self._head):
            found = _LENGTH.search(self.data, 0, self._head)
            # No more digits than Python reads; so many are too large in any case.
            length = int(found[1].lstrip(b"0")[:18] or b"0") if found else 0
            self._whole = self._head + length
            self.is_too_large = length > self._largest_body
        return True

    def _chunks_end(self) -> bool:
        while (line_end := self.data.find(b"\r\n", self._looked, self._looked + _LONGEST_LINE)) >= 0:
            found = _CHUNK_SIZE.match(self.data, self._looked, line_end)
            if found is None:
                return True  # not for us to refuse
            size = int(found[0], 16)
            if size == 0:
                return self.data.find(b"\r\n\r\n", line_end) >= 0 or len(self.data) - line_end > LONGEST_HEAD
            # The chunk under way counts by what is here of it: its size is only announced.
            here = min(size, len(self.data) - self._looked)
            self.is_too_large = self._content + here > self._largest_body
            if self.is_too_large or line_end + size + 4 > len(self.data):
                break
            self._content += size
            self._looked = line_end + size + 4
        else:
            if len(self.data) - self._looked >= _LONGEST_LINE:
                return True
        self.is_too_large |= len(self.data) - self._head > 2 * self._largest_body + LONGEST_HEAD
        return self.is_too_large


class BufferedSocket:
    """What a thread takes for the client's socket: reads what has arrived, keeps what cannot be sent yet."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._arrived: IO[bytes] = io.BytesIO()
        self._unsent: IO[bytes] | None = None
        self._sent = 0
        self._next_try = 0.0
        self._holds_next = False
        self._held = b""
        """The beginning of an answer, its head, which goes out together with what follows."""
        self.left = 0
        """Bytes that are not sent yet."""
        self.is_continued = False
        self.is_exhausted = False
        """Whether the parser wanted more than had arrived: where the next request begins is not known."""

    def give(self, request: bytes) -> None:
        self._arrived = io.BytesIO(request)
        self.is_exhausted = False

    def rest(self) -> bytes:
        """Return what came behind the request."""
        return self._arrived.read()

    # --- what gunicorn calls --------------------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        piece = self._arrived.read(size)
        if not piece:
            self.is_exhausted = True
        return piece

    def sendall(self, data: bytes) -> None:
        if self._holds_next:
            self._holds_next = False
            self._held = data
            return
        if self._held:
            data, self._held = self._held + data, b""
        view = memoryview(data)
        # Not with each piece of an answer: the client that did not take the last one is slow.
        if self.left and (now := time.monotonic()) >= self._next_try:
            self._next_try = now + _TRY_EVERY_S
            self.flush()
        if not self.left:
            view = view[self._send(view) :]
        if view:
            self._keep(view)

    def send(self, data: bytes) -> int:
        if not (self.is_continued and data == _CONTINUE):
            self.sendall(data)
        return len(data)

    def setblocking(self, _flag: bool) -> None:
        """Leave the socket as it is: it never blocks."""

    def gettimeout(self) -> float:
        return 0.0

    def settimeout(self, _seconds: float | None) -> None:
        """Leave the socket as it is: it never blocks."""

    def shutdown(self, _how: int) -> None:
        """Leave the end to the loop, which knows what is still unsent."""

    def close(self) -> None:
        """Leave the end to the loop, which knows what is still unsent."""

    # --- what the worker calls ------------------------------------------------------------------------

    def begin_answer(self) -> None:
        """Keep the first piece of what is sent from now on, which is the head, until the next comes."""
        self._holds_next = True

    def end_answer(self) -> None:
        """Send a head that nothing followed."""
        self._holds_next = False
        if self._held:
            self.sendall(b"")

    def flush(self) -> int:
        """Send what the client takes now; returns how much it was."""
        before = self.left
        while self.left and self._unsent is not None:
            self._unsent.seek(self._sent)
            sent = self._send(memoryview(self._unsent.read(_SEND)))
            if not sent:
                break
            self._sent += sent
            self.left -= sent
        if not self.left:
            self._forget()
        return before - self.left

    def discard(self) -> None:
        self.left = 0
        self._forget()

    def _send(self, view: memoryview) -> int:
        try:
            return self._sock.send(view)
        except BlockingIOError:
            return 0

    def _keep(self, view: memoryview) -> None:
        if self._unsent is None:
            self._unsent = tempfile.SpooledTemporaryFile(max_size=UNSENT_IN_MEMORY)  # noqa: SIM115  # closed by _forget
        self._unsent.seek(0, io.SEEK_END)
        self._unsent.write(view)
        self.left += len(view)

    def _forget(self) -> None:
        unsent, self._unsent, self._sent = self._unsent, None, 0
        if unsent is not None:
            with contextlib.suppress(OSError):  # on a full disk: what is not written is not needed
                unsent.close()


class Connection:
    """One client's connection, in the form that gunicorn's threaded worker knows (``TConn``)."""

    initialized = data_ready = True
    is_http2 = False

    def __init__(self, cfg: config.Config, sock: socket.socket, client: object, server: object) -> None:
        sock.setblocking(False)
        self.cfg = cfg
        self.client = client
        self.server = server
        self.raw = sock
        self.sock = BufferedSocket(sock)
        self.parser: http.RequestParser | None = None
        self.arriving = Arriving(0)
        self.state = State.READING
        self.deadline = 0.0
        self.keeps_alive = False
        self.is_cut_short = False
        """The request goes on, but the rest of it will not be read."""
        self.watched = 0
        """For which events the poller has it."""
        self.is_parting = False
        """Others hold fewer connections: this one ends with its answer."""
        self.queued = 0
        """Bytes of a large request that waits for a thread or is with one."""
        self.behind = b""
        """What the client sent behind the request that is answered."""
        self.taken = 0
        """Bytes that the client took since it was last found to be steady."""

    def init(self) -> None:
        """Do nothing: the loop prepares the connection for each request."""

    def hand_over(self) -> None:
        """Make the request that has arrived ready for a thread."""
        self.is_cut_short = self.arriving.is_too_large
        # Who asks before sending such a body is not told to go on.
        self.sock.is_continued |= self.is_cut_short
        self.sock.give(bytes(self.arriving.data))
        self.sock.begin_answer()
        self.arriving = Arriving(0)
        self.parser = http.get_parser(self.cfg, self.sock, self.client)

    def let_request_go(self) -> None:
        """Keep of the request that is answered only what came behind it: a client may stay for long."""
        if self.keeps_alive and self.parser is not None:
            self.behind = self.parser.unreader.take_buffered() + self.sock.rest()
        self.parser = None
        self.sock.give(b"")

    def close(self) -> None:
        self.sock.discard()
        self.raw.close()


class Wakeups(gthread.PollableMethodQueue):  # type: ignore[misc]  # gunicorn declares no types
    """What threads leave for the loop; one byte in the pipe for all that are left before it looks.

    A write lets other threads run, and the one that wrote queues for its turn.
    """

    _is_awake = False

    def defer(self, callback: Callable[..., object], *args: object) -> None:
        self._queue.put(partial(callback, *args))
        if not self._is_awake:
            self._is_awake = True
            with contextlib.suppress(OSError):  # the pipe is full: the loop is awake in any case
                os.write(self._write_fd, b"\0")

    def run_callbacks(self, _fileobj: object, max_callbacks: int = 50) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_fd, max_callbacks)
        # Before taking them: who leaves one from here on wakes the loop again.
        self._is_awake = False
        for _ in range(self._queue.qsize()):
            self._queue.get_nowait()()


class BufferingWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn declares no types
    """gunicorn's threaded worker, whose loop reads the requests and finishes the answers."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.cfg.set("sendfile", False)  # it would write to the socket past us
        self.method_queue = Wakeups()
        self._waiting: dict[Connection, None] = {}
        """Connections that wait for their client, the one that has waited longest first."""
        self._received = 0
        """Bytes of unfinished requests."""
        self._queued = 0
        """Bytes of large requests that are whole and not answered."""
        self._next_look = 0.0
        self._let_go = 0
        self._turned_away = 0
        self._is_stopping = False
        # Here and not in ``run``: the master makes the worker, and all of its processes see the memory.
        self._share = shares.take(self)
        self._parting = 0
        """Connections that end with their answer, so that others have as many."""
        self._next_parting = 0.0
        self._left_to: tuple[int, float, float] | None = None
        """How many connections the other one has to whom this process leaves the next, since when, and
        when that was last so."""
        self._accepts_at = 0.0
        # The settings are there once the application is loaded (``run``).
        self._largest_body = 0
        self._most_received = MOST_RECEIVED
        self._read_within_s = STALLED_S
        self._batches: WebhookBatches | None = None

    @classmethod
    def check_config(cls, cfg: config.Config, log: glogging.Logger) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError(
                "The hub speaks plain HTTP: a proxy in front of it ends TLS (docs/install.md)."
            )

    def run(self) -> None:
        self._largest_body = largest_body()
        # One request that is allowed fits in any case; in chunks it may be twice its content.
        self._most_received = max(MOST_RECEIVED, 2 * self._largest_body + 2 * LONGEST_HEAD)
        self._read_within_s = settings.REQUEST_ARRIVES_WITHIN_S
        if apps.ready:  # else another application is served than the hub's
            from iikohub.operations.webhook_batches import WebhookBatches

            self._batches = WebhookBatches(self.tpool, self.method_queue.defer)
        super().run()

    # --- all processes hold equally many ----------------------------------------------------------------

    def notify(self) -> None:
        super().notify()
        self._tell()

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled and time.monotonic() >= self._accepts_at)
        self._tell()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        pause = self._accepts_at - time.monotonic()
        timeout = min(timeout, pause) if pause > 0 else timeout
        if self._batches is None:
            super().wait_for_and_dispatch_events(timeout)
            return
        super().wait_for_and_dispatch_events(min(timeout, self._batches.look_again_s or timeout))
        self._batches.send()

    def _tell(self) -> None:
        if self.alive:
            self._share.tell(self.nr_conns - self._parting)
        else:
            self._share.leave()

    def _count(self, change: int) -> None:
        self.nr_conns += change
        self._tell()

    def _leaves_it_to_another(self) -> bool:
        """Whether another process has fewer connections: it is awake as well, and takes this one."""
        least = self._share.least_of_others()
        if least is None or self.nr_conns - self._parting <= least or self.cfg.reuse_port:
            return False
        now = time.monotonic()
        fewest, since, last = self._left_to or (least, now, now)
        if fewest != least or now - last > 25 * _PAUSE_S:
            since = now  # the other one took some meanwhile, or there was nothing to take
        self._left_to = (least, since, now)
        if now - since > PATIENCE_S:
            return False
        self._accepts_at = now + _PAUSE_S
        self.set_accept_enabled(False)
        return True

    def _parts_with_one(self) -> bool:
        """Whether the connection whose request is here is one too many, as after the start of a process."""
        now = time.monotonic()
        if now < self._next_parting:
            return False
        self._next_parting = now + _PART_EVERY_S
        least = self._share.least_of_others()
        if least is None or self.nr_conns - self._parting - least <= UNEVEN:
            return False
        self._parting += 1
        self._tell()
        return True

    # --- a request comes in -----------------------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        if self._leaves_it_to_another():
            return
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._let_go_of_oldest()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self._count(1)
        if self.nr_conns >= self.worker_connections:
            self._let_go_of_oldest()
        conn = Connection(self.cfg, sock, client, listener.getsockname())
        conn.arriving = Arriving(self._largest_body)
        self._wait(conn, State.READING, self._read_within_s)

    def _on_ready(self, conn: Connection, _sock: socket.socket) -> None:
        if conn not in self._waiting:
            # Let go of since the poller spoke; or a thread has it, and who sends meanwhile is heard later.
            self._watch_no_more(conn)
            return
        try:
            if conn.state is State.WRITING:
                self._write(conn)
            else:
                self._read(conn)
        except BlockingIOError:
            pass  # not ready after all
        except OSError:
            self._drop(conn)

    def _read(self, conn: Connection) -> None:
        piece = conn.raw.recv(_RECEIVE)
        if not piece:
            self._drop(conn)
        elif conn.state is not State.LINGERING:
            self._take(conn, piece)

    def _take(self, conn: Connection, piece: bytes) -> None:
        if conn.state is State.IDLE:
            self._wait(conn, State.READING, self._read_within_s)
        conn.arriving.add(piece)
        self._received += len(piece)
        if conn.arriving.is_whole():
            self._dispatch(conn)
        elif not conn.arriving.has_head:
            if len(conn.arriving.data) > LONGEST_HEAD:
                self._refuse(conn, "431 Request Header Fields Too Large")
        elif not conn.sock.is_continued and conn.arriving.expects_continue:
            conn.sock.is_continued = True
            conn.sock.sendall(_CONTINUE)
        while self._received > self._most_received and self._let_go_of_oldest(State.READING):
            pass

    def _dispatch(self, conn: Connection) -> None:
        size = len(conn.arriving.data)
        conn.queued = size if size >= LARGE else 0
        if conn.queued and self._queued and self._queued + conn.queued > MOST_QUEUED:
            self._turned_away += 1
            self._refuse(conn, "503 Service Unavailable\r\nRetry-After: 5")
            return
        self._queued += conn.queued
        self._stop_waiting(conn)
        conn.state = State.WORKING
        conn.is_parting = self._parts_with_one()
        if not self._goes_with_others(conn):
            self._give_to_thread(conn)

    def _goes_with_others(self, conn: Connection) -> bool:
        """Whether the request is a usual webhook, whose connection this process does not end by itself."""
        if self._batches is None or conn.is_parting or conn.queued or not self.alive:
            return False
        parts = conn.arriving.head_and_body
        if parts is None or not self._batches.take_bytes(*parts, partial(self._answer_webhook, conn)):
            return False
        conn.keeps_alive = _CLOSES.search(parts[0]) is None
        return True

    def _answer_webhook(self, conn: Connection, reply: "Reply | None") -> None:
        if reply is None:
            self._give_to_thread(conn)
            return
        conn.keeps_alive &= self.alive
        try:
            conn.sock.sendall(_http_answer(reply, keeps_alive=conn.keeps_alive))
        except OSError:
            self._drop(conn)
            return
        self._after_thread(conn)

    def _give_to_thread(self, conn: Connection) -> None:
        conn.hand_over()
        self.enqueue_req(conn)

    def handle(self, conn: Connection) -> bool:
        try:
            stays_open: bool = super().handle(conn)
            return stays_open
        finally:
            conn.sock.end_answer()

    def handle_request(self, req: http.Request, conn: Connection) -> bool:
        if conn.is_cut_short or conn.is_parting:
            req.force_close()
        stays_open: bool = super().handle_request(req, conn)
        return stays_open

    # --- an answer goes out -----------------------------------------------------------------------------

    def finish_request(self, conn: Connection, fs: Future[bool]) -> None:
        """Take over from the thread; called in the loop."""
        self._queued -= conn.queued
        try:
            conn.keeps_alive = bool(fs.result()) and not conn.sock.is_exhausted
        except Exception:  # noqa: BLE001  # the thread has logged it
            self._drop(conn)
            return
        conn.let_request_go()
        self._after_thread(conn)

    def _after_thread(self, conn: Connection) -> None:
        if conn.sock.left:
            conn.taken = 0
            self._wait(conn, State.WRITING, STALLED_S)
        else:
            try:
                self._after_answer(conn)
            except OSError:  # the client is gone; ``_on_ready`` is not around us
                self._drop(conn)

    def _write(self, conn: Connection) -> None:
        conn.taken += conn.sock.flush()
        if not conn.sock.left:
            self._after_answer(conn)
        elif conn.taken >= STEADY:
            conn.taken = 0
            self._wait(conn, State.WRITING, STALLED_S)

    def _after_answer(self, conn: Connection) -> None:
        if not conn.keeps_alive:
            self._linger(conn)
            return
        conn.sock.is_continued = False
        conn.arriving = Arriving(self._largest_body)
        self._wait(conn, State.IDLE, LINGER_S if self._is_stopping else self.cfg.keepalive)
        if behind := conn.behind:
            conn.behind = b""
            self._take(conn, behind)

    def _refuse(self, conn: Connection, status: str) -> None:
        try:
            conn.sock.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        except OSError:
            self._drop(conn)
        else:
            self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        """Close our side, and read on for a moment: what is unread makes the kernel take the answer back."""
        try:
            conn.raw.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._wait(conn, State.LINGERING, LINGER_S)
            conn.arriving = Arriving(0)

    # --- those who wait ---------------------------------------------------------------------------------

    def _wait(self, conn: Connection, state: State, seconds: float) -> None:
        """Wait for the client in ``state``, from now on for ``seconds`` at most."""
        self._forget_received(conn)
        conn.state = state
        conn.deadline = time.monotonic() + seconds
        self._waiting.pop(conn, None)
        self._waiting[conn] = None
        self._watch(conn, selectors.EVENT_WRITE if state is State.WRITING else selectors.EVENT_READ)

    def _watch(self, conn: Connection, events: int) -> None:
        """Have the poller tell of these; it keeps a connection that a thread has, which costs nothing."""
        if not conn.watched:
            self.poller.register(conn.raw, events, partial(self._on_ready, conn))
        elif conn.watched != events:
            self.poller.modify(conn.raw, events, partial(self._on_ready, conn))
        conn.watched = events

    def _watch_no_more(self, conn: Connection) -> None:
        if conn.watched:
            self.poller.unregister(conn.raw)
            conn.watched = 0

    def _stop_waiting(self, conn: Connection) -> None:
        self._waiting.pop(conn, None)
        self._forget_received(conn)

    def _forget_received(self, conn: Connection) -> None:
        if conn.state is State.READING:
            self._received -= len(conn.arriving.data)

    def _drop(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self._watch_no_more(conn)
        conn.state = State.CLOSED
        self._parting -= conn.is_parting
        self._count(-1)
        conn.close()

    def _let_go_of_oldest(self, *states: State) -> bool:
        """Drop the connection that has waited longest; False where none does."""
        for conn in self._waiting:
            if not states or conn.state in states:
                self._let_go += 1
                self._drop(conn)
                return True
        return False

    def murder_keepalived(self, force: bool = False) -> None:
        """Let go of connections whose time is over, or of all."""
        now = time.monotonic()
        if now < self._next_look and not force:
            return
        self._next_look = now + _LOOK_EVERY_S
        for conn in [conn for conn in self._waiting if force or conn.deadline <= now]:
            if conn.state is State.READING and conn.arriving.data and not force:
                self._refuse(conn, "408 Request Timeout")
            else:
                self._drop(conn)
        writing = [conn for conn in self._waiting if conn.state is State.WRITING]
        unsent = sum(conn.sock.left for conn in writing)
        for conn in writing:
            if unsent <= MOST_UNSENT:
                break
            unsent -= conn.sock.left
            self._let_go_of_oldest(State.WRITING)
        self._log_and_reset_counts()

    def murder_pending(self) -> None:
        """Do nothing: there is one list of those who wait."""

    def _log_and_reset_counts(self) -> None:
        if self._let_go:
            self.log.warning(
                "Let go of %d connections that had waited longest: too many clients are slow.", self._let_go
            )
            self._let_go = 0
        if self._turned_away:
            self.log.warning(
                "Turned %d large requests away: others wait for a thread already.", self._turned_away
            )
            self._turned_away = 0

    def _cap_keepalive(self, deadline: float) -> None:
        """Let nobody begin or go on with a request past ``deadline``: the worker stops."""
        self._is_stopping = True
        self._read_within_s = min(self._read_within_s, LINGER_S)
        for conn in self._waiting:
            if conn.state is not State.WRITING:
                conn.deadline = min(conn.deadline, deadline)


def _http_answer(reply: "Reply", *, keeps_alive: bool) -> bytes:
    """Write an answer as gunicorn does."""
    answer = reply.answer
    head = (
        f"HTTP/1.1 {answer.status} {responses[answer.status]}",
        "Server: gunicorn",
        f"Date: {_date(int(time.time()))}",  # noqa: TID251  # of the machine, as gunicorn's
        f"Connection: {'keep-alive' if keeps_alive else 'close'}",
        *(f"{name}: {value}" for name, value in reply.headers),
    )
    return "\r\n".join((*head, "", "")).encode() + answer.body


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))
