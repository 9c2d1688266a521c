"""The clocks of the sandbox: the wall's, and the simulated one that may run faster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


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
