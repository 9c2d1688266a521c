"""Clients that send or read a byte now and then hold a place, and no thread."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from iikohub.operations.web_server import SERVERS
from tests.builders import TOKEN, cloud_event
from tests.hub_process import Hub, running_hub, wait_until
from tests.slow_clients import BEGINNINGS, HEAD, LARGE_PAGE, PATH, percentile, send_webhooks, slow_clients

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]

THREADS = 2
WITHIN_S = 3


either_server = pytest.mark.parametrize("hub", SERVERS, indirect=True)
"""Tests without it are about gunicorn's parser and its places."""


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(
        tmp_path_factory.mktemp("hub"),
        SERVER=getattr(request, "param", "gunicorn"),
        WEB_CONCURRENCY="1",
        GUNICORN_THREADS=str(THREADS),
        GUNICORN_READ_TIMEOUT=str(WITHIN_S),
        WEBHOOK_MAX_BODY_BYTES="3000000",
    ) as running:
        running.start_web()
        yield running


@pytest.fixture
def client(hub: Hub) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", hub.port), timeout=15) as client:
        yield client


def answer_to(client: socket.socket) -> bytes:
    """Read until the hub closes the connection."""
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return answer


def request(headers: str, body: bytes = b"") -> bytes:
    return f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: {TOKEN}\r\n{headers}\r\n".encode() + body


# --- nobody waits for them ---------------------------------------------------------------------------


@either_server
@pytest.mark.parametrize("kind", BEGINNINGS)
def test_webhooks_are_taken_while_a_hundred_clients_are_slow(hub: Hub, kind: str) -> None:
    beginning, drip = BEGINNINGS[kind]

    with slow_clients(hub.port, beginning, drip, count=100, every_s=0.5):
        # First the hub makes the answers they asked for, which are large.
        wait_until(lambda: send_webhooks(hub.port, per_second=1, seconds=1)[0][1] < 0.3)
        answers = send_webhooks(hub.port, per_second=20, seconds=4)

    assert [status for status, _ in answers] == [200] * 80
    assert percentile([seconds for _, seconds in answers], 0.9) < 1


@pytest.mark.parametrize(
    ("hub", "begun"),
    [("gunicorn", HEAD), ("gunicorn", HEAD + b"\r\n"), ("granian", HEAD + b"\r\n")],
    ids=["in the head", "in the body", "in the body, granian"],
    indirect=["hub"],
)
def test_a_request_that_does_not_arrive_in_time_is_refused(hub: Hub, begun: bytes) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", hub.port), timeout=15) as client:
        for piece in range(200):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(begun if piece == 0 else b"X")
            client.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                answer = client.recv(1000)
                break
    taken_s = time.monotonic() - began

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    assert WITHIN_S <= taken_s < WITHIN_S + 2


def test_a_client_that_sends_nothing_is_let_go_without_a_word(hub: Hub, client: socket.socket) -> None:
    assert answer_to(client) == b""


@either_server
def test_a_large_answer_reaches_a_slow_reader_whole(hub: Hub) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(15)
        client.connect(("127.0.0.1", hub.port))
        client.sendall(f"GET {LARGE_PAGE} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode())
        time.sleep(1)
        head, _, body = answer_to(client).partition(b"\r\n\r\n")

    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    assert len(body) == int(length.split(b":")[1]) > 1_000_000
    assert body.endswith(b"}")


# --- what is read, and what is not -------------------------------------------------------------------


@either_server
def test_a_body_in_chunks_is_one_request(hub: Hub, client: socket.socket) -> None:
    client.sendall(request("Transfer-Encoding: chunked\r\nConnection: close\r\n"))
    for piece in (b"1\r\n[\r\n", b"2;x=y\r\n \n\r", b"\n1\r\n]\r\n", b"0\r\nX-Sum: 1\r\n", b"\r\n"):
        client.sendall(piece)
        time.sleep(0.05)

    assert answer_to(client).startswith(b"HTTP/1.1 200 ")


@either_server
def test_two_requests_sent_at_once_are_answered_in_turn(hub: Hub, client: socket.socket) -> None:
    one = request("Content-Length: 2\r\n", b"[]")
    last = request("Content-Length: 2\r\nConnection: close\r\n", b"[]")

    client.sendall(one + one + last)

    assert answer_to(client).count(b"HTTP/1.1 200 ") == 3


@either_server
@pytest.mark.parametrize("ends", ["", "Connection: close\r\n"], ids=["goes on", "ends"])
def test_webhooks_that_go_together_are_answered_as_those_that_go_alone(hub: Hub, ends: str) -> None:
    body = json.dumps([cloud_event(order_id=str(uuid4()))]).encode()
    heads = []
    # The first makes the token known, the second has a header that sends it the usual way.
    for unusual in ("", "TE: trailers\r\n", ""):
        with socket.create_connection(("127.0.0.1", hub.port), timeout=15) as client:
            client.sendall(
                request(f"Content-Length: {len(body)}\r\nX-Request-ID: own\r\n{unusual}{ends}", body)
            )
            heads.append(answer_to(client) if ends else client.recv(4096))

    lines = [_without_values(head, b"date", b"x-trace-id") for head in heads]
    assert lines[0][0] == b"HTTP/1.1 200 OK"
    assert lines[0] == lines[1] == lines[2]
    assert b"own" in heads[2]


def _without_values(answer: bytes, *names: bytes) -> list[bytes]:
    lines = [line.lower() if b": " in line else line for line in answer.split(b"\r\n")]
    return [name if name in names else line for line in lines for name in [line.partition(b":")[0]]]


@either_server
def test_a_thousand_webhooks_of_thirty_connections_are_each_stored_once(hub: Hub) -> None:
    events = [json.dumps([cloud_event(order_id=str(uuid4()))]).encode() for _ in range(1000)]

    with ThreadPoolExecutor(30) as pool:
        # Half of them twice, from connections that do not know of each other.
        statuses = list(pool.map(partial(_bring_all, hub.port), [events[at::15] for at in range(15)] * 2))

    assert {status for each in statuses for status in each} == {200}
    ids = [json.loads(event)[0]["eventInfo"]["id"] for event in events]
    stored = {row["entity_key"]: row["duplicates"] for row in hub.rows("/api/v1/webhooks/events")}
    assert {one: stored.get(one) for one in ids} == dict.fromkeys(ids, 1)


def _bring_all(port: int, events: list[bytes]) -> list[int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    statuses = []
    for event in events:
        connection.request("POST", PATH, event, {"Authorization": TOKEN})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses


@either_server
def test_who_asks_before_sending_the_body_is_told_once_to_go_on(hub: Hub, client: socket.socket) -> None:
    client.sendall(request("Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n"))
    assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"

    client.sendall(b"[]")

    assert answer_to(client).startswith(b"HTTP/1.1 200 ")


@either_server
@pytest.mark.parametrize(
    "begun",
    [
        request("Content-Length: 3000001\r\n"),
        request("Content-Length: 3000001\r\nExpect: 100-continue\r\n"),
        request("Transfer-Encoding: chunked\r\n", b"2dc6c1\r\n" + b" " * 3_000_001),
    ],
    ids=["as declared", "as asked", "in chunks"],
)
def test_a_body_that_is_too_large_is_refused_before_it_is_here(
    hub: Hub, client: socket.socket, begun: bytes
) -> None:
    client.sendall(begun)

    answer = answer_to(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


@either_server
def test_a_head_that_does_not_end_is_refused(hub: Hub, client: socket.socket) -> None:
    client.sendall(HEAD + b"X: " + b"x" * 70_000)

    assert answer_to(client).startswith(b"HTTP/1.1 431 ")


@either_server
def test_bytes_that_are_no_request_are_refused(hub: Hub, client: socket.socket) -> None:
    client.sendall(b"\x16\x03\x01 hello\r\n\r\n")

    assert answer_to(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("size", [b"-5", b"x", b"ffffffffff"])
def test_chunks_that_are_none_are_refused(hub: Hub, client: socket.socket, size: bytes) -> None:
    client.sendall(request("Transfer-Encoding: chunked\r\n", size + b"\r\n[]\r\n0\r\n\r\n"))

    assert answer_to(client)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 408 ", b"")
    assert hub.post([cloud_event()])


# --- what both read differently ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun",
    [
        request("Content-Length: 00000000000000000000002\r\n", b"["),
        request("Transfer-Encoding: chunked\r\n", b"00000000000000000004\r\n\r\n\r\n"),
    ],
    ids=["a length of many digits", "a chunk of many digits"],
)
def test_a_length_of_many_digits_is_read_as_it_stands(hub: Hub, client: socket.socket, begun: bytes) -> None:
    client.sendall(begun)
    client.settimeout(1)
    with pytest.raises(TimeoutError):
        client.recv(1000)


@pytest.mark.parametrize(
    ("begun", "status"),
    [
        (request("Content-Length: " + "9" * 30 + "\r\n", b"[]"), b"413"),
        (request("Content-Length: " + "9" * 5000 + "\r\n", b"[]"), b"400"),
        (request("Content-Length: 2\r\nContent-Length: 2\r\n", b"[]"), b"400"),
        (request("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), b"400"),
        (request("Content-Length: -2\r\n", b"[]"), b"400"),
        (request("Transfer-Encoding: chunked\r\n", b"1" * 9000), b"400"),
        (HEAD.replace(b"\r\n", b"\n") + b"\r\n\r\n", b"400"),
    ],
    ids=["huge", "unreadable", "twice", "two framings", "negative", "endless", "bare line feeds"],
)
def test_what_follows_a_request_of_unclear_length_is_not_read(
    hub: Hub, client: socket.socket, begun: bytes, status: bytes
) -> None:
    smuggled = request("Content-Length: 2\r\n", b"[]")

    client.sendall(begun + smuggled)

    answer = answer_to(client)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert answer.count(b"HTTP/1.1 ") == 1


# --- memory ------------------------------------------------------------------------------------------


@either_server
def test_who_stays_after_a_large_body_holds_no_memory(hub: Hub) -> None:
    body = b"[" + b" " * 2_900_000 + b"]"
    with contextlib.ExitStack() as stack:
        before = memory_of(hub)
        for _ in range(40):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", hub.port), timeout=15))
            one.sendall(request(f"Content-Length: {len(body)}\r\n", body))
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")

        assert memory_of(hub) - before < 60_000_000


def memory_of(hub: Hub) -> int:
    """Return the bytes that the web server and its workers have in memory."""
    started = (one for one in hub.processes if "iikohub.operations.web_server" in cast("list[str]", one.args))
    master = next(started).pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in (master, *workers))


# --- more than there are places ----------------------------------------------------------------------


def test_who_has_waited_longest_makes_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hub.settings, "GUNICORN_CMD_ARGS", "--worker-connections 20")
    monkeypatch.setitem(hub.settings, "GUNICORN_READ_TIMEOUT", "60")
    other = Hub(hub.folder, settings=hub.settings)
    web = other.start_web()
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(50):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", other.port), timeout=5))
            one.sendall(HEAD)
            slow.append(one)

        assert other.post([cloud_event()])
        wait_until(lambda: is_closed(slow[0]), seconds=5)
        assert not is_closed(slow[-1])
    os.killpg(web.pid, signal.SIGTERM)
    assert web.wait(20) == 0


def is_closed(client: socket.socket) -> bool:
    client.settimeout(0.05)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@either_server
def test_a_stop_waits_for_no_slow_client(hub: Hub) -> None:
    other = Hub(hub.folder, settings=hub.settings | {"GUNICORN_READ_TIMEOUT": "60"})
    web = other.start_web()
    with slow_clients(other.port, *BEGINNINGS["in the body"], count=5, every_s=0.2):
        time.sleep(0.5)
        began = time.monotonic()
        os.killpg(web.pid, signal.SIGTERM)

        assert web.wait(20) == 0
        assert time.monotonic() - began < 8


# --- what granian was known for (its issues 306 and 568); gunicorn is asked the same -----------------


@either_server
def test_a_stop_waits_for_no_client_that_stays(hub: Hub) -> None:
    other = Hub(hub.folder, settings=hub.settings)
    web = other.start_web()
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", other.port), timeout=5))
            one.sendall(request("Content-Length: 2\r\n", b"[]"))
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        os.killpg(web.pid, signal.SIGTERM)

        assert web.wait(20) == 0
        assert time.monotonic() - began < 8


@either_server
def test_as_many_database_connections_are_open_as_there_are_threads(hub: Hub) -> None:
    assert [status for status, _ in send_webhooks(hub.port, per_second=20, seconds=0.5)] == [200] * 10
    before = database_connections(hub)

    send_webhooks(hub.port, per_second=100, seconds=3)

    assert database_connections(hub) - before < THREADS


def database_connections(hub: Hub) -> int:
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    ask = f"from django.db import connection\nwith connection.cursor() as cursor: cursor.execute({count!r})"
    ask += "; print(*cursor.fetchone())"
    return int(hub.manage("shell", "-v0", "-c", ask))
