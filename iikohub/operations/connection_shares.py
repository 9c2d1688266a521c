"""How many connections each web process holds, in memory that all of them see.

Processes that accept from one socket race for each connection, and the one that is awake wins the next
one, too: of 64 connections that a proxy keeps one process may get nearly all, while the other idles.
"""

import mmap
import time
from weakref import WeakValueDictionary

MOST_WORKERS = 128

STALE_S = 2.0
"""A process that has not reported for so long is taken for one that accepts nothing: it hangs, or is gone."""

_BYTES = 8


class Share:
    """What one process tells the others of itself."""

    def __init__(self, shares: "Shares", place: int) -> None:
        self._shares = shares
        self._place = place

    def tell(self, held: int) -> None:
        """Say how many connections this process holds, and that it accepts more."""
        self._shares.held[self._place] = held + 1
        self._shares.reported_at[self._place] = time.monotonic_ns()

    def leave(self) -> None:
        """Say that this process accepts no more."""
        self._shares.held[self._place] = 0

    def least_of_others(self) -> int | None:
        """Return the connections of the one that has fewest; None where no other accepts."""
        stale = time.monotonic_ns() - int(STALE_S * 1e9)
        reported = zip(self._shares.held.tolist(), self._shares.reported_at.tolist(), strict=True)
        others = [
            held - 1
            for place, (held, reported_at) in enumerate(reported)
            if held and reported_at > stale and place != self._place
        ]
        return min(others, default=None)


class Shares:
    """Places for the processes of one master; it hands them out before it forks."""

    def __init__(self) -> None:
        memory = memoryview(mmap.mmap(-1, 2 * MOST_WORKERS * _BYTES)).cast("q")
        # 0: nobody, or nobody who accepts. Written in one piece, so that it is never half of a number.
        self.held = memory[:MOST_WORKERS]
        self.reported_at = memory[MOST_WORKERS:]
        self._taken: WeakValueDictionary[int, object] = WeakValueDictionary()

    def take(self, worker: object) -> Share:
        """Give a place, until the master forgets the worker."""
        place = next(place for place in range(MOST_WORKERS) if place not in self._taken)
        self._taken[place] = worker
        share = Share(self, place)
        share.leave()  # what its last owner reported before it was killed
        return share


shares = Shares()
