"""What the sandbox did wrong, by itself or because somebody had it do so: what a client is judged by."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from sandbox.http.vendor_json import Json

_KEPT = 10_000


class FaultLog:
    """The last faults, numbered, with what each was about. Thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._rows: deque[tuple[int, Json]] = deque(maxlen=_KEPT)
        self._number = 0

    def note(self, fault: str, **about: object) -> None:
        """Write down a fault at the present moment, and what it is about: ids and names."""
        with self._lock:
            self._number += 1
            row = {"number": self._number, "at": self._now().isoformat(), "fault": fault, **about}
            self._rows.append((self._number, row))

    def since(self, number: int) -> list[Json]:
        """Give the faults after that number, the oldest first."""
        with self._lock:
            return [row for noted, row in self._rows if noted > number]
