"""What attention needs by the clock, and as soon as something changed."""

import threading
import time

from django.conf import settings

from attention.watch import forget_old_items, watch
from core.database import db_clock
from core.jobs.scheduling import enqueue, scheduled

NUDGED_AT_MOST_EVERY_S = 2.0


@scheduled("* * * * * */5", at_start=True, is_quiet=True)
def watch_rules() -> None:
    watch(db_clock.now())


@scheduled("29 * * * *")
def forget_items() -> None:
    forget_old_items(days=settings.ATTENTION_RETENTION_DAYS, now=db_clock.now())


class Nudge:
    """Has the rules looked at soon; cheap enough to be called after each batch of events.

    Whatever it leaves out the next pass by the clock finds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0

    def give(self) -> bool:
        """Queue a pass unless one waits, or this process queued one a moment ago."""
        with self._lock:
            if time.monotonic() < self._not_before:
                return False
            self._not_before = time.monotonic() + NUDGED_AT_MOST_EVERY_S
        return enqueue(watch_rules)


nudge = Nudge()
