"""procrastinate's worker on a thread of its own, beside the loop that applies the inbox."""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.db import connections, reset_queries
from procrastinate import exceptions
from procrastinate.connector import BaseConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.job_context import JobContext
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry
from procrastinate.psycopg_connector import PsycopgConnector
from structlog.contextvars import bound_contextvars

from core import spans, trace
from core.database import db_clock
from core.jobs.maintenance import SILENT_S
from core.jobs.scheduling import TIMETABLE, tasks_at_start

logger = structlog.stdlib.get_logger(__name__)

AT_ONCE = 10
"""Tasks at once in one process: they wait for iiko most of the time, or for receivers of notifications.

Of these ``attention.tasks.SENDERS_AT_ONCE`` at most: the others' places stay free of them.
"""
_SPARE_THREADS = 2
"""For what the loop itself asks the database."""

_POLL_S = 1.0  # behind pgbouncer nothing tells of a new job
_LONGEST_PAUSE_S = 4.0
_STEADY_S = 60.0
_ASK_AGAIN_S = 1.0


class WorkerConnector(PsycopgConnector):
    """The worker's own queries take its pool; what Django code enqueues stays in Django's transaction."""

    def __init__(self, *, django: BaseConnector, **pool: Any) -> None:
        super().__init__(**pool)
        self._django = django

    def get_sync_connector(self) -> BaseConnector:
        return self._django


class JobRunner:
    """Runs tasks until it is stopped. Whatever ends the worker is logged, and the worker starts again."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._is_serving = False
        self._is_told = False
        # Not to be waited for at exit: a task that does not end within the limit is left to another worker.
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, within_s: float) -> bool:
        """Take no new tasks and let the present ones end; False if they did not ``within_s``."""
        self._stopping.set()
        until = time.monotonic() + within_s
        while self._thread.is_alive() and (left_s := until - time.monotonic()) > 0:
            with self._guard:
                if self._running is not None:
                    loop, work = self._running
                    loop.call_soon_threadsafe(self._tell_to_end, work)
            self._thread.join(min(left_s, _ASK_AGAIN_S))
        return not self._thread.is_alive()

    def _tell_to_end(self, work: asyncio.Task[None]) -> None:
        """Cancel the work; in its loop. A worker told twice would not wait for its tasks.

        Before it serves it may have to be told again: a pool that is connecting keeps a cancellation
        to itself.
        """
        if not self._is_told:
            self._is_told = self._is_serving
            work.cancel()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._work())
                logger.error("jobs.ended_by_itself")
            except asyncio.CancelledError:
                break
            except Exception:  # the thread's outermost loop: told, and the worker starts again
                logger.exception("jobs.failed")
            finally:
                connections.close_all()
            failures = 1 if time.monotonic() - began > _STEADY_S else failures + 1
            pause = min(_LONGEST_PAUSE_S, 0.5 * 2 ** min(failures, 10)) * random.uniform(0.5, 1)  # noqa: S311  # jitter
            self._stopping.wait(pause)
        logger.info("jobs.stopped")

    async def _work(self) -> None:
        work = asyncio.current_task()
        assert work is not None  # noqa: S101  # inside asyncio.run there is one
        self._is_serving = self._is_told = False
        # The loop's own would have four threads and one for each core.
        threads = ThreadPoolExecutor(self._at_once + _SPARE_THREADS, thread_name_prefix="jobs")
        asyncio.get_running_loop().set_default_executor(threads)
        with self._guard:
            self._running = asyncio.get_running_loop(), work
        try:
            if not self._stopping.is_set():
                await self._serve()
        finally:
            with self._guard:
                self._running = None

    async def _serve(self) -> None:
        connector = WorkerConnector(
            django=app.connector, kwargs=connector_params(), min_size=1, max_size=4, name="jobs"
        )
        with app.replace_connector(connector):
            async with app.open_async():
                await _enqueue_first_tasks()
                self._is_serving = True
                timing = asyncio.create_task(Timekeeper(TIMETABLE).worker(), name="timekeeper")
                try:
                    await app.run_worker_async(
                        concurrency=self._at_once,
                        fetch_job_polling_interval=_POLL_S,
                        stalled_worker_timeout=SILENT_S,
                        task_middleware=[_on_its_own_connection],
                        install_signal_handlers=False,
                    )
                finally:
                    timing.cancel()


def _on_its_own_connection(call_next: Callable[[], object], context: JobContext, _worker: object) -> object:
    """Give Django's connection back after each task: threads that wait for work hold none.

    Whatever is logged meanwhile names the job. It begins a trace, unless it goes on with that of a row.
    """
    try:
        with (
            trace.begun(),
            spans.span(context.job.task_name, kind=spans.CONSUMER, is_root=True),
            bound_contextvars(job=context.job.id),
        ):
            return call_next()
    finally:
        reset_queries()
        connections.close_all()


async def _enqueue_first_tasks() -> None:
    for task in tasks_at_start():
        with contextlib.suppress(exceptions.AlreadyEnqueued):  # by a worker that started a moment ago
            await task.defer_async()


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
