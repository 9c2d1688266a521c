"""The process that applies the inbox to the mirror and does what is to be done later."""

import os
import random
import signal
import time
from threading import Event
from types import FrameType

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.template.defaultfilters import pluralize

from core.database import db_clock
from core.database.limits import WORKER, limit_connections
from core.jobs.loops import LoopRunner, drain_loops
from organizations.connection.call_log import call_log
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.claims import end_stalled_claims
from webhooks.processing.job_runner import JobRunner
from webhooks.processing.worker import BATCH, run_batch
from webhooks.receiving.big_bodies import give_memory_back

logger = structlog.stdlib.get_logger(__name__)

IDLE_S = 0.05
LONGEST_PAUSE_S = 4.0
GRACE_S = 25.0
LOOPS_GRACE_S = 5.0
LOOK_FOR_STALLED_S = 5.0
GIVE_MEMORY_BACK_S = 60.0


class _Every:
    """When something is due that is done now and then; the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due_at = float("-inf")

    def is_due(self) -> bool:
        """Return whether it is; then it is due again after its seconds."""
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + self._seconds
        return True


class Command(BaseCommand):
    help = (
        "Apply received events to the orders, as they come, and do what is due by the clock. Run as many as "
        "you like, on any machines; SIGTERM lets the work at hand finish."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drain", action="store_true", help="apply and send all that is due, then exit")
        parser.add_argument("--batch", type=int, default=BATCH, help="events in one transaction")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_S,
            metavar="SECONDS",
            help=f"how long tasks may take to finish after SIGTERM (default {GRACE_S:.0f})",
        )

    def handle(self, *_: object, drain: bool, batch: int, grace: float, **__: object) -> None:
        self.stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        limit_connections(WORKER)
        logger.info("worker.started", drain=drain)
        if drain:
            applied = self._drain(batch)
            self.stdout.write(f"Applied {applied} event{pluralize(applied)}.")
        else:
            self._run_beside_jobs(batch, grace)
        logger.info("worker.stopped")

    def _stop(self, number: int, _: FrameType | None) -> None:
        logger.info("worker.stopping", signal=signal.Signals(number).name)
        self.stopping.set()

    def _run_beside_jobs(self, batch: int, grace: float) -> None:
        stop_reading = db_clock.clock.keep("worker")
        jobs, loops = JobRunner(), LoopRunner()
        jobs.start()
        loops.start()
        try:
            self._run(batch)
        finally:
            self.stopping.set()
            stop_reading()
            are_done = loops.stop(within_s=min(grace, LOOPS_GRACE_S))
            if not jobs.stop(within_s=grace) or not are_done:
                # Its threads cannot be ended but with the process; what they began is resumed by another.
                logger.warning("worker.tasks_abandoned", grace_s=grace)
                call_log.stop()
                os._exit(1)

    def _run(self, batch: int) -> None:
        failures = 0
        stalled, memory = _Every(LOOK_FOR_STALLED_S), _Every(GIVE_MEMORY_BACK_S)
        while not self.stopping.is_set():
            try:
                if stalled.is_due():
                    end_stalled_claims()
                if memory.is_due():
                    give_memory_back()
                count = run_batch(limit=batch)
                failures = 0
            except (DatabaseError, InterfaceError):
                failures += 1
                logger.exception("worker.database_failed", failures=failures)
                self._pause(failures)
                continue
            except Exception:  # the outermost loop: nothing was applied, and it is tried again
                failures += 1
                logger.exception("worker.failed", failures=failures)
                self._pause(failures)
                continue
            if count == 0:
                self.stopping.wait(IDLE_S)

    def _pause(self, failures: int) -> None:
        """Let go of the broken connection and wait, longer after each failure."""
        pause = min(LONGEST_PAUSE_S, 0.2 * 2 ** min(failures, 10)) * random.uniform(0.5, 1)  # noqa: S311  # jitter
        connection.close()
        self.stopping.wait(pause)

    def _drain(self, batch: int) -> int:
        """Apply until nothing is due, waiting for partitions that another worker holds."""
        applied = 0
        while not self.stopping.is_set():
            count = run_batch(limit=batch)
            applied += count
            if count == 0:
                if not WebhookEvent.objects.due().exists():
                    break
                self.stopping.wait(IDLE_S)
        drain_loops(self.stopping.is_set)
        return applied
