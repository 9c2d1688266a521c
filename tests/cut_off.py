"""A way to the database that can be cut off or slow: what is sent meets silence, or comes late."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self


class Way:
    """Forwards TCP on a port of its own to a Unix socket; while it is cut nothing moves in it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._ended = threading.Event()
        self._delay_s: Callable[[], float] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def slow_down(self, delay_s: Callable[[], float]) -> None:
        """Let what clients send wait for so many seconds each time: once in each round trip."""
        self._delay_s = delay_s

    def mend(self) -> None:
        self._delay_s = None
        self._open.set()

    def close(self) -> None:
        self._ended.set()
        self._open.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far:
            self._open.wait()
            with contextlib.suppress(OSError):  # the server is down: the client is hung up on
                far.connect(str(self._target))
                self._carry(near, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._forward, args=(far, near), daemon=True)
        back.start()
        self._forward(near, far, is_request=True)
        back.join()

    def _forward(self, source: socket.socket, sink: socket.socket, *, is_request: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                if is_request and (delay_s := self._delay_s):
                    self._ended.wait(delay_s())
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
