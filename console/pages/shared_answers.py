"""Answers that many open pages ask for within a moment: one of them reads and writes, the others wait for it.

A hundred boards ask every two seconds. Those who may see the same ask for the same changes, if their moments
are the same: so moments are rounded down to a tick (``BOARD_TICK_S``), and what was answered once in this
process is answered to all.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar, cast

from django.conf import settings

from core.mirror.change_feed import settled_before

T = TypeVar("T")

_KEPT_FOR_TICKS = 6
_PATIENCE_S = 15


class SharedAnswers(Generic[T]):
    """Keeps each answer for a few ticks. Safe for many threads; an error reaches all who waited for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Future[T]]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer to ``key``; ``make`` is called unless that was done a moment ago."""
        tick = settings.BOARD_TICK_S
        if not tick:
            return make()
        now = time.monotonic()
        with self._lock:
            self._kept = {one: kept for one, kept in self._kept.items() if kept[0] > now}
            found = self._kept.get(key)
            if found is None:
                future: Future[T] = Future()
                self._kept[key] = (now + tick * _KEPT_FOR_TICKS, future)
        if found is not None:
            return found[1].result(_PATIENCE_S)
        try:
            future.set_result(make())
        except BaseException as error:
            with self._lock:
                self._kept.pop(key, None)
            future.set_exception(error)
            raise
        return future.result()

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


answers: SharedAnswers[object] = SharedAnswers()


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """Return what ``make`` makes, or what it made a moment ago for the same ``key``.

    ``key`` has to name all that the answer depends on: whose restaurants, which rights, which language.
    """
    return cast("T", answers.get(key, make))


def settled_tick() -> datetime:
    """Return the last tick before which every change is committed."""
    tick = settings.BOARD_TICK_S
    if not tick:
        return settled_before()
    return shared(("settled", tick_number()), lambda: _rounded_down(settled_before(), tick))


def tick_number() -> int:
    """Return the number of this tick: part of a key whose answer is good for one."""
    return int(time.monotonic() / settings.BOARD_TICK_S) if settings.BOARD_TICK_S else 0


def _rounded_down(moment: datetime, tick_s: float) -> datetime:
    since_epoch = moment - datetime.fromtimestamp(0, UTC)
    return moment - since_epoch % timedelta(seconds=tick_s)
