"""What the hub is told of a request that comes through granian."""

import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from iikohub.operations import web_server
from iikohub.operations.granian_server import RequestHeaders, environ_of, wait_for_port


class Headers:
    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    def items(self) -> Sequence[tuple[str, str]]:
        return self._pairs


@dataclass
class Request:
    """A request as granian tells it."""

    headers: RequestHeaders = field(default_factory=Headers)
    http_version: str = "1.1"
    method: str = "POST"
    scheme: str = "http"
    path: str = "/api/v1/orders"
    query_string: str = "status=%D0%9F"
    client: str = "10.0.0.7:50123"
    server: str = "127.0.0.1:8000"


def test_request_is_told_as_wsgi_wants_it() -> None:
    headers = Headers(("host", "hub"), ("content-type", "text/plain"), ("content-length", "2"))

    environ = environ_of(Request(headers, path="/куры"))

    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/куры".encode().decode("latin-1"),
        "QUERY_STRING": "status=%D0%9F",
        "REMOTE_ADDR": "10.0.0.7",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "hub",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "2",
    }
    assert {name: environ[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("client", "address"), [("[2001:db8::7]:50123", "2001:db8::7"), ("10.0.0.7:1", "10.0.0.7"), ("", "")]
)
def test_address_of_the_client_stands_without_its_port(client: str, address: str) -> None:
    assert environ_of(Request(client=client))["REMOTE_ADDR"] == address


def test_header_given_twice_is_joined_as_its_kind_wants() -> None:
    forwarded = ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")

    environ = environ_of(Request(Headers(*forwarded, ("cookie", "a=1"), ("cookie", "b=2"))))

    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,192.0.2.2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_header_that_could_pose_as_another_is_dropped() -> None:
    headers = Headers(("x_forwarded_for", "192.0.2.9"), ("x-forwarded-for", "192.0.2.1"))

    environ = environ_of(Request(headers))

    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen as granian does, which shares a port with whoever does the same."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # nobody listens there
def test_port_of_another_program_is_not_shared(listener: socket.socket, address: str) -> None:
    port = listener.getsockname()[1]

    with pytest.raises(SystemExit) as refused:
        wait_for_port(address, port, within_s=0.3)

    assert str(refused.value) == (
        f"Connection in use: another program listens at {address}, port {port}. "
        "Stop it, or set PORT to another."
    )


def test_port_is_waited_for_while_another_program_leaves_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    leaving = threading.Timer(0.3, listener.close)
    leaving.start()

    wait_for_port("127.0.0.1", port)

    leaving.join()
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", port))


def test_unknown_server_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER", "apache")

    with pytest.raises(SystemExit, match="Set it to gunicorn or granian"):
        web_server.main()
