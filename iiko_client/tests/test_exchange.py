"""What happens on a socket, and which error the client raises for it."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from iiko_client.client import IikoClient
from iiko_client.http.auth import V1, InMemoryTokenStore, Token
from iiko_client.http.errors import IikoError, IikoNoAnswer, IikoNotSent, IikoUnreadable
from iiko_client.http.exchange import Timeouts
from iiko_client.http.transport import Retries, Transport
from iiko_client.tests.harness import CORRELATION, LOGIN, ORG, Clock

Behaviour = Callable[[socket.socket], Any]


def answer(body: bytes, length: int | None = None, status: str = "200 OK") -> Behaviour:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n"
    raw = (head + "Set-Cookie: session=1\r\nConnection: close\r\n\r\n").encode() + body

    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(raw)

    return play


def read_and_hang_up(connection: socket.socket) -> None:
    connection.recv(65536)


def read_and_reset(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def say_nothing(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.settimeout(5)
    connection.recv(1)  # until the client closes


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def server(play: Behaviour) -> Iterator[str]:
    """Play one behaviour to every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    play(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def transport_to(url: str, **options: Any) -> Transport:
    clock, tokens = Clock(), InMemoryTokenStore()
    transport = Transport(
        base_url=url,
        credentials=V1(LOGIN),
        key="k",
        tokens=tokens,
        clock=clock,
        sleep=clock.sleep,
        retries=Retries(tries=1),
        **{"timeouts": Timeouts(connect_s=2, read_s=1.1, margin_s=1)} | options,
    )
    tokens.put("k", Token("t0ken", clock.now.replace(year=2030)))
    return transport


def outcome(url: str) -> IikoError:
    with closing(transport_to(url)) as transport, pytest.raises(IikoError) as failed:
        IikoClient(transport).confirm(organization_id=ORG, order_id=ORG)
    return failed.value


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (read_and_reset, IikoNoAnswer),
        (read_and_hang_up, IikoNoAnswer),
        (say_nothing, IikoNoAnswer),
        (answer(b'{"correlationId": "', length=500), IikoNoAnswer),
        (answer(b'{"correlationId": "'), IikoUnreadable),
        (answer(b"Bad Gateway", status="502 Bad Gateway"), IikoNoAnswer),
    ],
    ids=["reset", "closed", "silence", "reset in the middle", "truncated", "bad gateway"],
)
def test_broken_answer(play: Behaviour, kind: type[IikoError]) -> None:
    with server(play) as url:
        error = outcome(url)

    assert type(error) is kind
    assert "t0ken" not in str(error)


def test_closed_port_is_known_not_to_have_been_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    assert type(outcome(f"http://127.0.0.1:{port}")) is IikoNotSent


def test_unknown_host_is_known_not_to_have_been_reached() -> None:
    assert type(outcome("http://iiko.invalid")) is IikoNotSent


def test_no_cookie_and_no_password_of_the_machine_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    heads: list[bytes] = []
    good = answer(f'{{"correlationId": "{CORRELATION}"}}'.encode())

    def listen(connection: socket.socket) -> None:
        heads.append(connection.recv(65536, socket.MSG_PEEK))
        good(connection)

    with server(listen) as url, closing(transport_to(url)) as transport:
        for _ in range(2):
            IikoClient(transport).confirm(organization_id=ORG, order_id=ORG)

    assert len(heads) == 2
    for head in heads:
        assert b"Authorization: Bearer t0ken\r\n" in head
        assert b"Cookie" not in head
        assert b"Timeout: 1\r\n" in head
