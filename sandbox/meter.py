"""Counts the calls of the API: how many of each operation, how many at once, how they were answered.

The vendor limits its restriction groups but publishes no numbers; what a client asks in its busiest
minute is what there is to compare.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Lock

from sandbox.wire import Json

_MINUTE_S = 60.0


class Meter:
    """May be asked and told from any thread. Minutes are the wall's, whatever clock the kitchens have."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = Lock()
        self._answers: dict[str, Counter[str]] = {}
        self._lately: dict[str, deque[float]] = {}
        self._busiest: Counter[str] = Counter()

    def count(self, operation: str, outcome: str) -> None:
        """Note a call and its answer: the status, or what befell it."""
        now = self._timer()
        with self._lock:
            self._answers.setdefault(operation, Counter())[outcome] += 1
            lately = self._lately.setdefault(operation, deque())
            lately.append(now)
            while lately[0] <= now - _MINUTE_S:
                lately.popleft()
            self._busiest[operation] = max(self._busiest[operation], len(lately))

    def state(self) -> Json:
        with self._lock:
            return {
                operation: {
                    "calls": answers.total(),
                    "busiest_minute": self._busiest[operation],
                    "answers": dict(answers),
                }
                for operation, answers in sorted(self._answers.items())
            }
