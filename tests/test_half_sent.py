"""Requests that stop halfway must not keep the others out."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.builders import TOKEN, cloud_event
from tests.hub_process import Hub, running_hub

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]

HEADERS = b"POST /api/v1/webhooks/iiko HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.mark.parametrize(
    "beginning",
    [HEADERS, HEADERS + b"Authorization: %s\r\n\r\n[{"],
    ids=["in the headers", "in the body"],
)
def test_half_sent_requests_let_go_of_their_threads(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    monkeypatch.setenv("GUNICORN_THREADS", "2")
    monkeypatch.setenv("GUNICORN_READ_TIMEOUT", "1")
    web = hub.start_web()
    stuck = [socket.create_connection(("127.0.0.1", hub.port)) for _ in range(6)]
    for one in stuck:
        one.sendall(beginning.replace(b"%s", TOKEN.encode()))

    assert hub.post([cloud_event()])

    for one in stuck:
        one.close()
    web.terminate()
    web.wait(20)
