"""Counts the calls of the API: how many of each operation, how many at once, how they were answered.

The vendor limits its restriction groups but publishes no numbers (REFERENCE 1.3). The two used here
are guesses: clients in the field ask by revision every 20 s, and by date one window after another.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Lock

from sandbox.http.vendor_json import Json

_MINUTE_S = 60.0
_GROUPS = {
    "deliveries/by_revision": "Orders: receiving by revision",
    "deliveries/by_id": "Orders: receiving",
    "deliveries/by_delivery_date_and_status": "Orders: receiving",
}
_MOST_A_MINUTE = {"Orders: receiving by revision": 12, "Orders: receiving": 120}


class CallMeter:
    """Thread-safe. Minutes are the wall's, whatever the speed."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._lock = Lock()
        self._answers: dict[str, Counter[str]] = {}
        self._lately: dict[str, deque[float]] = {}
        self._busiest: Counter[str] = Counter()

    def is_too_much(self, operation: str) -> bool:
        """Whether the restriction group of an operation is used up for this minute."""
        group = _GROUPS.get(operation)
        if group is None:
            return False
        since = self._timer() - _MINUTE_S
        with self._lock:
            lately = [self._lately.get(name, ()) for name in _GROUPS if _GROUPS[name] == group]
            return sum(at > since for calls in lately for at in calls) >= _MOST_A_MINUTE[group]

    def count(self, operation: str, outcome: str) -> None:
        """Count a call by its answer: the status, or the injected fault."""
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
