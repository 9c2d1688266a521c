"""The sandbox's own log: one short line per event, for a person to watch."""

from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import TextIO


class Journal:
    """Writes lines from any thread; a closed output does not stop the simulation."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = Lock()

    def line(self, text: str) -> None:
        """Write one line with the time of the wall before it."""
        now = datetime.now().astimezone()
        with self._lock, suppress(OSError, ValueError):
            self._out.write(f"{now:%H:%M:%S} {text}\n")
            self._out.flush()
