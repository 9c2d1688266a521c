"""The clocks of the sandbox, and what is scheduled by them."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

Action = Callable[[datetime], None]


class Clock(Protocol):
    """Gives the instant, aware and in UTC."""

    def now(self) -> datetime: ...


class WallClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ForwardClock:
    """A clock that can be put forward, never back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def advance(self, gap: timedelta) -> None:
        self._ahead += gap


@dataclass(frozen=True, slots=True)
class Pace:
    """How many simulated minutes pass in one minute of the wall clock."""

    speed: float = 1.0

    def wall(self, minutes: float) -> timedelta:
        """Give the time of the wall clock for so many simulated minutes."""
        return timedelta(minutes=minutes / self.speed)


class Scheduler:
    """A queue of actions; each is run with the instant it was due at, not the one it was run at.

    So the outcome does not depend on how often ``run_due`` is called.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Action]] = []
        self._added = 0

    def add(self, due: datetime, action: Action) -> None:
        """Schedule an action; of two due at one instant the first added goes first."""
        self._added += 1
        heapq.heappush(self._entries, (due, self._added, action))

    def run_due(self, now: datetime) -> None:
        """Run all that is due, also what these actions add on their way."""
        while self._entries and self._entries[0][0] <= now:
            due, _, action = heapq.heappop(self._entries)
            action(due)

    def stretch(self, factor: float, *, now: datetime) -> None:
        """Let everything to come take ``factor`` times as long from ``now`` on; what is overdue stays so."""
        entries = [
            (now + (due - now) * factor if due > now else due, number, action)
            for due, number, action in self._entries
        ]
        heapq.heapify(entries)
        self._entries = entries

    def postpone(self, gap: timedelta) -> None:
        """Move everything to come by ``gap``: after a pause nothing is caught up with."""
        self._entries = [(due + gap, number, action) for due, number, action in self._entries]
