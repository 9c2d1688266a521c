"""The sender of the ingest benchmark: keep-alive connections, each with one request under way.

For machines without ``wrk`` (``bench.wrk``).

A process of its own (``python -m bench.load``, JSON on stdout) and as light as Python allows, since
it takes its time from the same cores as what it measures: no HTTP library, no event loop but a
selector, bodies made by filling in numbers.
"""

import argparse
import json
import selectors
import socket
import time
from collections import Counter
from dataclasses import asdict, dataclass

from bench.bodies import unique_bodies

PATH = "/api/v1/webhooks/iiko"
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_LAST_CHUNK = b"0\r\n\r\n"
_PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """``answered`` counts every 200, warm-up included; the rest is of the measured time alone."""

    answered: int
    errors: dict[str, int]
    per_s: float
    p50_ms: float
    p99_ms: float


class _Caller:
    """One connection: sends, and puts the answer together from the pieces in which it comes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> bytes | None:
        """Return the status once the answer is whole, None before.

        Raises:
            OSError: the connection was closed.
        """
        piece = self.socket.recv(8192)
        if not piece:
            raise ConnectionResetError("closed by the server")
        self._received += piece
        head, mark, rest = self._received.partition(_HEAD_END)
        if not mark or not _is_whole(head.lower(), rest):
            return None
        self._received = b""
        return head[9:12]


class Load:
    def __init__(self, *, port: int, token: str, run: int, step: int) -> None:
        self._address = ("127.0.0.1", port)
        self._bodies = unique_bodies(run=run, step=step)
        size = len(next(self._bodies))
        self._head = head(token, size)
        self._selector = selectors.DefaultSelector()
        self._answered = 0
        self._errors: Counter[str] = Counter()
        self._waits: list[float] = []

    def run(self, *, connections: int, warm_up_s: float, seconds: float) -> LoadResult:
        for _ in range(connections):
            self._open()
        self._turn(until=time.perf_counter() + warm_up_s)
        self._waits.clear()
        started = time.perf_counter()
        self._turn(until=started + seconds)
        took, waits = time.perf_counter() - started, sorted(self._waits)
        self._drain()
        return LoadResult(
            answered=self._answered,
            errors=dict(self._errors),
            per_s=len(waits) / took,
            p50_ms=_percentile_ms(waits, 0.50),
            p99_ms=_percentile_ms(waits, 0.99),
        )

    def _open(self) -> None:
        caller = _Caller(self._address)
        self._selector.register(caller.socket, selectors.EVENT_READ, caller)
        caller.send(self._head + next(self._bodies))

    def _turn(self, *, until: float) -> None:
        while time.perf_counter() < until:
            for key, _ in self._selector.select(timeout=0.5):
                if self._take(key.data):
                    key.data.send(self._head + next(self._bodies))

    def _drain(self) -> None:
        """Take the answers that are still under way, so that each stored row has its 200."""
        deadline = time.perf_counter() + _PATIENCE_S
        while self._selector.get_map() and time.perf_counter() < deadline:
            for key, _ in self._selector.select(timeout=0.5):
                if self._take(key.data):
                    self._selector.unregister(key.fileobj)
                    key.data.socket.close()
        if left := len(self._selector.get_map()):
            self._errors["no answer"] += left

    def _take(self, caller: _Caller) -> bool:
        """Return whether an answer is complete."""
        try:
            status = caller.status()
        except OSError as error:
            self._errors[type(error).__name__] += 1
            self._selector.unregister(caller.socket)
            caller.socket.close()
            self._open()
            return False
        if status is None:
            return False
        if status == b"200":
            self._waits.append(time.perf_counter() - caller.sent_at)
            self._answered += 1
        else:
            self._errors[status.decode("ascii", "replace")] += 1
        return True


def head(token: str, size: int) -> bytes:
    """Return what stands before a body of ``size`` bytes."""
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    ).encode()


def _is_whole(head: bytes, rest: bytes) -> bool:
    _, length, number = head.partition(_LENGTH)
    return len(rest) >= int(number.split(b"\r", 1)[0]) if length else rest.endswith(_LAST_CHUNK)


def _percentile_ms(ascending: list[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] * 1000 if ascending else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--port", "--run", "--step", "--connections"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--warm-up-s", "--seconds"):
        parser.add_argument(name, type=float, required=True)
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    load = Load(port=options.port, token=options.token, run=options.run, step=options.step)
    result = load.run(connections=options.connections, warm_up_s=options.warm_up_s, seconds=options.seconds)
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
