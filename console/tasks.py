"""What the console does by the clock."""

from console.board import stage_times
from core.database import db_clock
from core.jobs.scheduling import scheduled


@scheduled("23 * * * *", at_start=True)
def measure_stage_times() -> None:
    stage_times.measure_stage_times(now=db_clock.now())
