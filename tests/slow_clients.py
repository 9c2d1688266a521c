"""Clients that send or read a byte now and then, and what a sender of webhooks meets meanwhile."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from uuid import uuid4

from tests.builders import TOKEN, cloud_event

PATH = "/api/v1/webhooks/iiko"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: {TOKEN}\r\nContent-Length: 5000\r\n".encode()
LARGE_PAGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js.map"

BEGINNINGS = {
    "in the head": (HEAD, b"X"),
    "in the body": (HEAD + b"\r\n[{", b" "),
    "in a chunked body": (
        HEAD.replace(b"Content-Length: 5000", b"Transfer-Encoding: chunked") + b"\r\n",
        b"1\r\n \r\n",
    ),
    "reading the answer": (f"GET {LARGE_PAGE} HTTP/1.1\r\nHost: hub\r\n\r\n".encode() * 5, b""),
}
"""What a slow client sends at once, and what it goes on with."""


@contextlib.contextmanager
def slow_clients(port: int, beginning: bytes, drip: bytes, *, count: int, every_s: float) -> Iterator[None]:
    """Keep ``count`` connections busy; one that is closed is replaced."""
    ended = threading.Event()
    clients = [
        threading.Thread(target=_drip, args=(port, beginning, drip, every_s, ended)) for _ in range(count)
    ]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        ended.set()
        for client in clients:
            client.join()


def _drip(port: int, beginning: bytes, drip: bytes, every_s: float, ended: threading.Event) -> None:
    while not ended.is_set():
        with contextlib.suppress(OSError), socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(5)
            client.connect(("127.0.0.1", port))
            client.sendall(beginning)
            while not ended.wait(every_s):
                if drip:
                    client.sendall(drip)
                elif not client.recv(1):
                    break
        ended.wait(0.05)


def send_webhooks(port: int, *, per_second: int, seconds: float) -> list[tuple[int, float]]:
    """Deliver at a steady pace, each on a connection of its own; answers status (0: none) and seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        answers = []
        for number in range(int(per_second * seconds)):
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            answers.append(pool.submit(_send_webhook, port))
        return [answer.result() for answer in answers]


def _send_webhook(port: int) -> tuple[int, float]:
    body = json.dumps([cloud_event(order_id=str(uuid4()))])
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", PATH, body, headers)
        return connection.getresponse().status, time.monotonic() - began
    except (OSError, HTTPException):
        return 0, time.monotonic() - began
    finally:
        connection.close()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
