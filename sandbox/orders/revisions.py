"""The cloud's own count of changes: what ``by_revision`` starts from, apart from any ``timestamp``."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

REACHES_BACK = timedelta(hours=3)

_COUNTED_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


class TooOld(Exception):
    """The revision lies further back than the vendor looks."""


class Revisions:
    """Numbers all changes of all restaurants in one row.

    A later run starts higher than an earlier one ended, so that a client that outlived the sandbox
    gets ``TooOld`` and does not wait for numbers that never come.
    """

    def __init__(self, opened_at: datetime) -> None:
        self.last = int((opened_at - _COUNTED_SINCE).total_seconds()) * 1000
        self._oldest = self.last
        self._given: deque[tuple[datetime, int]] = deque()

    def next(self, at: datetime) -> int:
        self.last += 1
        self._given.append((at, self.last))
        return self.last

    def check(self, start: int, now: datetime) -> None:
        """Refuse to look back too far.

        Raises:
            TooOld: ``start`` was overtaken more than three hours ago.
        """
        while self._given and self._given[0][0] <= now - REACHES_BACK:
            self._oldest = self._given.popleft()[1]
        if start < self._oldest:
            raise TooOld
