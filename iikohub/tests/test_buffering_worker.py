"""What the loop of the web worker does where a client or the disk fails it; see also test_slow_clients."""

import os
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import pytest
from django.conf import LazySettings
from gunicorn import http
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers import gthread

from iikohub.operations import buffering_worker, connection_shares
from iikohub.operations.buffering_worker import UNEVEN, BufferingWorker, Connection, State
from iikohub.operations.request_limits import LINGER_S

LARGE = b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 70000\r\n\r\n" + b" " * 70_000


class Worker(BufferingWorker):
    """A worker whose threads never come: what they were to have stays in ``handed_over``."""

    def __init__(self) -> None:
        cfg = Config()
        super().__init__(1, os.getpid(), [], None, 30, cfg, Logger(cfg))
        self.poller = selectors.DefaultSelector()
        self._largest_body = 1_000_000
        self.handed_over: list[Connection] = []
        self.made: list[socket.socket] = []

    def enqueue_req(self, conn: Connection) -> None:
        self.handed_over.append(conn)

    def meet(self) -> tuple[Connection, socket.socket]:
        """Accept a client."""
        client, ours = socket.socketpair()
        self.made += [client, ours]
        self.nr_conns += 1
        conn = Connection(self.cfg, ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
        conn.arriving = buffering_worker.Arriving(self._largest_body)
        self._wait(conn, State.READING, 30)
        client.settimeout(5)
        return conn, client

    def answer(self, conn: Connection) -> None:
        """Do as if a thread had read the request and answered."""
        conn.sock.rest()
        conn.sock.end_answer()
        done: Future[bool] = Future()
        done.set_result(True)
        self.finish_request(conn, done)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.murder_keepalived(force=True)
    made._share.leave()
    for one in made.made:
        one.close()
    made.poller.close()
    made.tmp.close()


def test_a_client_that_left_before_its_next_request_is_answered_ends_nobody_else(worker: Worker) -> None:
    conn, client = worker.meet()
    worker._take(conn, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    conn.parser = http.get_parser(worker.cfg, conn.sock, conn.client)
    conn.parser.unreader.unread(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    client.close()

    worker.answer(conn)

    assert conn.state is State.CLOSED
    assert worker.nr_conns == 0


def test_an_answer_that_the_disk_has_no_room_for_can_be_let_go(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk:
        def close(self) -> None:
            raise OSError(28, "No space left on device")

    conn, _client = worker.meet()
    monkeypatch.setattr(conn.sock, "_unsent", FullDisk())
    conn.sock.left = 1

    worker.murder_keepalived(force=True)

    assert conn.state is State.CLOSED
    assert conn.sock.left == 0


def test_large_requests_that_wait_for_a_thread_are_bounded(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffering_worker, "MOST_QUEUED", 150_000)
    met = [worker.meet() for _ in range(4)]
    for conn, _client in met[:3]:
        worker._take(conn, LARGE)

    assert worker.handed_over == [conn for conn, _ in met[:2]]
    assert met[2][1].recv(1000).startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n")

    worker.answer(met[0][0])
    worker._take(met[3][0], LARGE)

    assert worker.handed_over == [met[0][0], met[1][0], met[3][0]]


def test_small_requests_are_taken_however_many_large_ones_wait(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffering_worker, "MOST_QUEUED", 70_000)
    (large, _), (small, _) = worker.meet(), worker.meet()

    worker._take(large, LARGE)
    worker._take(small, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")

    assert worker.handed_over == [large, small]


def test_who_begins_a_request_while_the_worker_stops_has_little_time(worker: Worker) -> None:
    conn, _client = worker.meet()
    worker._take(conn, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    worker._cap_keepalive(time.monotonic() + 2)

    worker.answer(conn)
    worker._take(conn, b"GET / ")

    assert conn.deadline - time.monotonic() <= LINGER_S


def test_as_much_is_received_as_any_door_takes(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(gthread.ThreadWorker, "run", lambda _worker: None)
    monkeypatch.setattr(buffering_worker, "MOST_RECEIVED", 1000)
    settings.WEBHOOK_MAX_BODY_BYTES, settings.API_MAX_BODY_BYTES = 1000, 9_000_000
    body = b" " * 9_000_000

    worker.run()
    conn, _client = worker.meet()
    worker._take(conn, b"POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n")
    worker._take(conn, body[:-1])
    worker._take(conn, body[-1:])

    assert worker.handed_over == [conn]
    assert not conn.is_cut_short


# --- connections of several processes ----------------------------------------------------------------


@dataclass
class Door:
    """Two workers at one address, in one process here; ``knock`` has clients connect."""

    listener: socket.socket
    one: Worker
    other: Worker

    def knock(self, clients: int) -> None:
        self.one.made += [socket.create_connection(self.listener.getsockname()) for _ in range(clients)]

    def turn(self, worker: Worker) -> None:
        """Do a turn of the worker's loop."""
        worker.notify()
        worker.set_accept_enabled(worker.alive)
        worker.wait_for_and_dispatch_events(timeout=0)


@pytest.fixture
def door(worker: Worker) -> Iterator[Door]:
    other = Worker()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        worker.sockets = other.sockets = [listener]
        yield Door(listener, worker, other)
        other.murder_keepalived(force=True)
        other._share.leave()
        other.poller.close()
        other.tmp.close()


def test_no_process_has_more_than_its_share_of_the_connections(door: Door) -> None:
    door.turn(door.one)
    door.turn(door.other)
    door.knock(64)

    while door.one.nr_conns + door.other.nr_conns < 64:
        for _ in range(20):
            door.turn(door.one)
        door.turn(door.other)

    assert (door.one.nr_conns, door.other.nr_conns) == (32, 32)


def test_a_client_does_not_wait_for_a_process_that_hangs(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffering_worker, "PATIENCE_S", 0.05)
    door.turn(door.other)  # its last one
    door.knock(1)
    door.turn(door.one)
    assert door.one.nr_conns == 1
    door.knock(1)
    door.turn(door.one)
    assert door.one.nr_conns == 1

    end = time.monotonic() + 10
    while door.one.nr_conns < 2 and time.monotonic() < end:
        door.turn(door.one)

    assert (door.one.nr_conns, door.other.nr_conns) == (2, 0)


@pytest.mark.parametrize("why", ["it stops", "it reported nothing for long"])
def test_nothing_is_left_to_a_process_that_takes_no_more(
    door: Door, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    door.turn(door.other)
    if why == "it stops":
        door.other.alive = False
        door.other.set_accept_enabled(False)
    else:
        monkeypatch.setattr(connection_shares, "STALE_S", 0.0)
    door.knock(3)

    for _ in range(3):
        door.turn(door.one)

    assert door.one.nr_conns == 3


def test_a_process_parts_with_connections_that_another_lacks(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffering_worker, "_PART_EVERY_S", 0.0)
    kept = [door.one.meet() for _ in range(UNEVEN + 2)]
    door.turn(door.other)

    for conn, _client in kept:
        door.one._take(conn, b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")

    # From then on the difference is small enough.
    assert [conn.is_parting for conn, _client in kept] == [True, True] + [False] * UNEVEN
