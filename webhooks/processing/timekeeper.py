"""Queueing what runs by the clock, by the database's.

procrastinate goes by the clock of the worker's machine. One that is an hour ahead would queue the runs of
the coming hour under their own times, and once it is stopped or set right, nothing would run for an hour:
each of those runs was made already.
"""

from __future__ import annotations

import asyncio

import structlog
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry

from core.database import db_clock

logger = structlog.stdlib.get_logger(__name__)

_TRY_AGAIN_S = 4.0
_AHEAD_S = 60
"""Whoever queued a run so far ahead went by another clock than the database's now."""

_FORGET = "DELETE FROM procrastinate_periodic_defers WHERE defer_timestamp > %(latest)s"


class Timekeeper(PeriodicDeferrer):
    """Queues each run once, whichever worker comes first; whatever fails is tried again."""

    def __init__(self, timetable: PeriodicRegistry) -> None:
        super().__init__(timetable)
        self._last: float | None = None

    async def worker(self) -> None:
        if not self.registry.periodic_tasks:
            return
        while True:
            await self.wait(await self._queue_what_is_due())

    async def _queue_what_is_due(self) -> float:
        """Return after how many seconds to come again."""
        try:
            # On a thread: it may have to ask the database.
            at = (await asyncio.to_thread(db_clock.now)).timestamp()
            if self._last is None or at < self._last - _AHEAD_S:
                await self._start_over(at)
            self._last = at
            await self.defer_jobs(self.get_previous_tasks(at=at))
        except Exception:  # a loop of its own: told, and tried again
            logger.exception("jobs.timekeeper_failed")
            self.last_defers.clear()
            return _TRY_AGAIN_S
        pause: float = self.get_next_tick(at=at)
        return pause

    async def _start_over(self, at: float) -> None:
        """Forget runs of a time that has not come: the database's clock, or a worker's, was ahead."""
        self.last_defers.clear()
        await app.connector.execute_query_async(_FORGET, latest=int(at) + _AHEAD_S)
