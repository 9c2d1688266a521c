"""Answers that many open pages ask for within a moment: one of them reads and writes, the others wait for it.

A hundred boards ask every two seconds. Those who may see the same ask for the same changes, if their moments
are the same: so all who ask within a tick (``BOARD_TICK_S``) get the changes from one moment to another,
and what was answered once in this process is answered to all.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Generic, TypeVar, cast

from django.conf import settings

from core.mirror.change_feed import settled_before

T = TypeVar("T")

_KEPT_FOR_TICKS = 6
_TICKS_READ = 5
"""A page asks every two seconds, which is four ticks."""
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
    """Return a moment before which every change is committed: the same to all who ask within a tick."""
    return shared(("settled", tick_number()), settled_before)


def shared_start(since: datetime, until: datetime) -> datetime:
    """Return from when changes up to ``until`` are read for who asks for those from ``since`` on.

    One poll takes a little longer than the other. So spans are made longer, to a few that many ask for: some
    get again what they have.
    """
    span = timedelta(seconds=settings.BOARD_TICK_S * _TICKS_READ)
    return until - -(-(until - since) // span) * span if span else since


def tick_number(of: int = 1) -> int:
    """Return the number of this tick, or of this span of so many: for keys of answers that serve for it."""
    return int(time.monotonic() / (settings.BOARD_TICK_S * of)) if settings.BOARD_TICK_S else 0
