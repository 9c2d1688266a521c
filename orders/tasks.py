"""What a worker does for commands later; each task calls one use case."""

from datetime import datetime, timedelta

from procrastinate.contrib.django import app

from core.database import db_clock
from core.jobs.scheduling import scheduled
from orders import stage_times
from orders.commands import dispatch
from orders.commands.idempotency import COMMANDS
from orders.models.command import OrderCommand

OVERDUE = timedelta(seconds=5)
"""A step that nobody has taken for so long was lost with a worker."""


@app.task(name="orders.advance_command", queue="commands")
def advance_command(command_id: int) -> None:
    """Take a step of a command; the one after it is announced with what this one finds."""
    dispatch.advance(command_id, clock=db_clock.exactly_now)


def enqueue(command_id: int, at: datetime | None = None) -> None:
    """Let a worker take the next step of a command, now or later; within the present transaction."""
    advance_command.configure(schedule_at=at).defer(command_id=command_id)


@scheduled("* * * * *", at_start=True)
def sweep_commands() -> None:
    """Call commands whose worker died, and forget old idempotency keys."""
    now = db_clock.now()
    stuck = OrderCommand.objects.overdue(now - OVERDUE)
    for command_id in stuck.order_by("id").values_list("pk", flat=True)[:500]:
        enqueue(command_id)
    COMMANDS.forget_old(now=now)


@scheduled("23 * * * *", at_start=True)
def measure_stage_times() -> None:
    stage_times.measure_stage_times(now=db_clock.now())
