"""Background jobs, scheduled or queued by a request; procrastinate runs them.

Tasks stand in ``tasks.py`` of each app, take primary keys only and call one use case. Any task may run
twice: another worker starts again what a dying one left half done.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicRegistry
from procrastinate.tasks import Task
from procrastinate.types import JSONValue

logger = structlog.stdlib.get_logger(__name__)

BACKGROUND = "background"

TIMETABLE = PeriodicRegistry()  # type: ignore[no-untyped-call]  # the library declares no types here
"""Scheduled tasks. Not procrastinate's own registry: its worker uses the clock of its machine."""

ScheduledTask = Task[Any, Any, Any]
_at_start: list[ScheduledTask] = []


def scheduled(
    cron: str = "", *, at_start: bool = False, lock: str | None = "", is_quiet: bool = False
) -> Callable[[Callable[[], object]], ScheduledTask]:
    """Schedule a function by a cron expression (in UTC), at the start of a worker, or both.

    One worker runs it, never two at once; while a run is queued no other is. Tasks with the same ``lock``
    do not run at the same time either; None: a task may run beside itself. ``is_quiet``: its runs are told
    at level debug alone, for what runs every few seconds. Choose an odd minute: else every hub in the country
    calls iiko at the full hour.
    """

    def decorate(function: Callable[[], object]) -> ScheduledTask:
        name = f"{function.__module__}.{function.__name__}"

        def run(timestamp: int | None = None) -> None:  # noqa: ARG001  # periodic tasks are given it
            began = time.monotonic()
            function()
            log = logger.debug if is_quiet else logger.info
            log("task.done", task=name, duration_ms=round((time.monotonic() - began) * 1000))

        own_lock = name if lock == "" else lock
        task: ScheduledTask = app.task(name=name, queue=BACKGROUND, lock=own_lock, queueing_lock=name)(run)
        if cron:
            TIMETABLE.periodic_decorator(cron, periodic_id="")(task)
        if at_start:
            _at_start.append(task)
        return task

    return decorate


def tasks_at_start() -> tuple[ScheduledTask, ...]:
    return tuple(_at_start)


def enqueue(task: ScheduledTask, **arguments: JSONValue) -> bool:
    """Queue a task; inside a transaction it is queued by the commit. Return False where one waits already."""
    try:
        task.defer(**arguments)
    except exceptions.AlreadyEnqueued:
        return False
    return True
