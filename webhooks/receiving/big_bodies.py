"""How many bytes of big bodies one process reads apart at a time, and what it gives back after them.

A body of many small values takes forty times its size while it is read apart and stored: sixteen of 5 MiB
at once took 3.6 GB. Usual bodies of a few kilobytes pass without a look at the others.
"""

import contextlib
import ctypes
import os
from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock

from django.conf import settings

BIG_BYTES = 64 * 1024
"""From here on a body is big. All threads of a process with smaller ones take little."""
MOST_WAITING = 3
"""Bodies that wait for their turn; each holds a thread, and the others are for small ones."""
PATIENCE_S = 5.0


class TooBusy(Exception):
    """No turn for a big body now; nothing was read apart."""


class _Place:
    """A place in the queue; ``turn`` is released when it has come."""

    __slots__ = ("turn", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.turn = Lock()
        self.turn.acquire()


class BigBodies:
    """A semaphore of bytes, first come first served, for ``WEBHOOK_PARSING_BYTES``.

    A body larger than all of them has its turn alone. ``give_back`` runs when the last one is done.
    """

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._lock = Lock()
        self._taken = 0
        self._queue: deque[_Place] = deque()

    @contextlib.contextmanager
    def turn(self, size: int) -> Iterator[None]:
        """Hold the bytes of a body while it is read apart and stored.

        Raises:
            TooBusy: others have all of them, and enough wait already or the wait was too long.
        """
        if size < BIG_BYTES:
            yield
            return
        weight = min(size, settings.WEBHOOK_PARSING_BYTES)
        self._take(weight)
        try:
            yield
        finally:
            if self._leave(weight):
                self._give_back()

    def _take(self, weight: int) -> None:
        with self._lock:
            if not self._queue and self._has_room(weight):
                self._taken += weight
                return
            if len(self._queue) >= MOST_WAITING:
                raise TooBusy
            place = _Place(weight)
            self._queue.append(place)
        if not place.turn.acquire(timeout=PATIENCE_S):
            self._leave_queue(place)

    def _leave_queue(self, place: _Place) -> None:
        with self._lock:
            if place not in self._queue:
                return  # its turn came in the last moment
            self._queue.remove(place)
            # Those behind may be smaller.
            self._call_next()
        raise TooBusy

    def _leave(self, weight: int) -> bool:
        """Give the bytes to those who wait; returns whether nobody has any."""
        with self._lock:
            self._taken -= weight
            self._call_next()
            return not self._taken

    def _call_next(self) -> None:
        while self._queue and self._has_room(self._queue[0].weight):
            place = self._queue.popleft()
            self._taken += place.weight
            place.turn.release()

    def _has_room(self, weight: int) -> bool:
        return self._taken + weight <= settings.WEBHOOK_PARSING_BYTES


def _malloc_trim() -> Callable[[int], int] | None:
    """Find glibc's way to give free memory back to the system; other C libraries have none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return trim


_trim = _malloc_trim()


def give_memory_back() -> None:
    """Return to the system what is free: glibc keeps it for each thread, in pieces that few need again."""
    if _trim is not None:
        _trim(0)


big_bodies = BigBodies(give_memory_back)
