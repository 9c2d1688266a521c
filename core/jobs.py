"""Work that is done later, by the clock or after a request, as the hub asks procrastinate for it.

Tasks stand in ``tasks.py`` of each app, take primary keys only and call one service. Any task may run
twice: what a dying worker leaves half done, another begins again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicRegistry
from procrastinate.tasks import Task

logger = structlog.stdlib.get_logger(__name__)

BACKGROUND = "background"

TIMETABLE = PeriodicRegistry()  # type: ignore[no-untyped-call]  # the library declares no types here
"""What runs by the clock. Not procrastinate's own list: its worker goes by the clock of its machine."""

ScheduledTask = Task[Any, Any, Any]
_at_start: list[ScheduledTask] = []


def scheduled(
    cron: str = "", *, at_start: bool = False, lock: str | None = ""
) -> Callable[[Callable[[], object]], ScheduledTask]:
    """Have a function run by the clock (a cron line, in UTC), whenever a worker starts, or both.

    One of all workers runs it, and never two at once; while a run waits its turn no other is queued.
    Tasks with the same ``lock`` do not run beside each other either; None: it may run beside itself.
    Choose an odd minute: every hub in the country would call iiko at the full hour.
    """

    def decorate(function: Callable[[], object]) -> ScheduledTask:
        name = f"{function.__module__}.{function.__name__}"

        def run(timestamp: int | None = None) -> None:  # noqa: ARG001  # periodic tasks are given it
            began = time.monotonic()
            function()
            logger.info("task.done", task=name, duration_ms=round((time.monotonic() - began) * 1000))

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


def enqueue(task: ScheduledTask, **arguments: Any) -> bool:
    """Have a task run soon; inside a transaction only once that commits. False: one waits already."""
    try:
        task.defer(**arguments)
    except exceptions.AlreadyEnqueued:
        return False
    return True
