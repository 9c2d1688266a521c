"""Wrong tokens are counted per address: beyond a number in a minute they cost next to nothing.

A right token from the same address is always taken: iiko may come through the same proxy as a guesser.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock

from django.conf import settings

WINDOW_S = 60.0
MOST_NETWORKS = 10_000
"""Remembered at once; the one that was quiet longest gives way. A few megabytes."""
MOST_LINES = 60
"""In the log, in a minute, for all networks together."""


@dataclass(slots=True)
class _Window:
    """A minute that begins with the first wrong token in it."""

    began_at: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """``retry_after_s`` is 0 within the limit; the first of a minute and the first beyond it are logged."""

    count: int
    retry_after_s: int
    is_logged: bool


class WrongTokens:
    """Counts of this process, by network (``client_network``), in bounded memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.forget()

    def __len__(self) -> int:
        return len(self._windows)

    def forget(self) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lines = _Window(float("-inf"))

    def is_limited(self, network: str) -> bool:
        """Tell whether one more wrong token of the network is beyond the limit."""
        limit = settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE
        with self._lock:
            window = self._windows.get(network)
            return bool(limit) and window is not None and self._is_open(window) and window.count >= limit

    def count(self, network: str) -> Refusal:
        """Count a wrong token and return how to refuse it."""
        limit = settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE
        with self._lock:
            window = self._window_of(network)
            window.count += 1
            is_beyond = bool(limit) and window.count > limit
            is_news = window.count == 1 or (is_beyond and window.count == limit + 1)
            left_s = window.began_at + WINDOW_S - self._clock()
            return Refusal(
                window.count, max(1, ceil(left_s)) if is_beyond else 0, is_news and self._has_line_left()
            )

    def _is_open(self, window: _Window) -> bool:
        return self._clock() - window.began_at < WINDOW_S

    def _window_of(self, network: str) -> _Window:
        window = self._windows.get(network)
        if window is None or not self._is_open(window):
            window = self._windows[network] = _Window(self._clock())
        self._windows.move_to_end(network)
        if len(self._windows) > MOST_NETWORKS:
            self._windows.popitem(last=False)
        return window

    def _has_line_left(self) -> bool:
        if not self._is_open(self._lines):
            self._lines = _Window(self._clock())
        self._lines.count += 1
        return self._lines.count <= MOST_LINES


wrong_tokens = WrongTokens()
