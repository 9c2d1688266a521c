"""Loops that every worker runs on threads of their own, beside the inbox and the jobs.

An app that has one registers it when it is ready; a worker starts them all and knows none by name.
"""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
from django.db import DatabaseError, InterfaceError, connection, connections

logger = structlog.stdlib.get_logger(__name__)

_LONGEST_PAUSE_S = 4.0


class WorkerLoop(ABC):
    """Something that is done again and again; one object for each process, used by one thread."""

    name: str
    idle_s: float = 0.1
    """Pause after a turn that found nothing to do; a turn may set it again."""
    pause_s: float = 0.0
    """Pause after a turn that found something: more has come by the next, which costs no more. As above."""

    @abstractmethod
    def turn(self) -> bool:
        """Do what is to be done now; whether there was something. What it raises is logged."""

    def finish(self, *, within_s: float) -> None:  # noqa: B027  # most have nothing under way
        """Let what is under way end, after the last turn."""


_makers: list[Callable[[], WorkerLoop]] = []


def run_in_workers(maker: Callable[[], WorkerLoop]) -> None:
    """Have every worker run such a loop; once, when the app is ready."""
    _makers.append(maker)


class LoopRunner:
    """Runs the registered loops until it is stopped."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._grace_s = 0.0
        self._loops = [maker() for maker in _makers]
        # Not to be waited for at exit: what a loop leaves, another worker does.
        self._threads = [
            threading.Thread(target=self._run, args=(loop,), name=loop.name, daemon=True)
            for loop in self._loops
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, within_s: float) -> bool:
        """Take no new turns and let the present ones end; False if they did not ``within_s``."""
        self._grace_s = within_s
        self._stopping.set()
        until = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, loop: WorkerLoop) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                is_busy = loop.turn()
                failures = 0
                self._stopping.wait(loop.pause_s if is_busy else loop.idle_s)
            except (DatabaseError, InterfaceError):
                failures += 1
                logger.exception("loop.database_failed", loop=loop.name, failures=failures)
                connection.close()
                self._stopping.wait(_pause_s(failures))
            except Exception:  # the thread's outermost loop: told, and it goes on
                failures += 1
                logger.exception("loop.failed", loop=loop.name, failures=failures)
                self._stopping.wait(_pause_s(failures))
        self._end(loop)

    def _end(self, loop: WorkerLoop) -> None:
        try:
            loop.finish(within_s=self._grace_s / 2)
        except Exception:  # as above: what is lost is done by another worker
            logger.exception("loop.failed", loop=loop.name, failures=1)
        finally:
            connections.close_all()


def _pause_s(failures: int) -> float:
    return min(_LONGEST_PAUSE_S, 0.2 * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1)  # noqa: S311  # jitter


def drain_loops(is_stopping: Callable[[], bool]) -> None:
    """Take turns of all loops, in this thread, until none of them finds anything to do."""
    loops = [maker() for maker in _makers]
    try:
        is_busy = True
        while is_busy and not is_stopping():
            # Of all of them: what one did may be work for the next.
            is_busy = sum(loop.turn() for loop in loops) > 0
    finally:
        for loop in loops:
            loop.finish(within_s=0)
