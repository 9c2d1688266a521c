"""What attention needs by the clock, and as soon as something changed."""

import contextlib
import threading
import time

from django.conf import settings
from procrastinate import exceptions
from procrastinate.contrib.django import app

from attention.notifications import plan, send
from attention.notifications.retention import forget_old_notifications
from attention.watch import forget_old_items, watch
from core.database import db_clock
from core.jobs.scheduling import APART, enqueue, scheduled

NUDGED_AT_MOST_EVERY_S = 2.0


@scheduled("* * * * * */5", at_start=True)
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


@app.task(name="attention.send_notifications", queue=APART)
def send_notifications(channel_id: int) -> None:
    """Send what is due in one channel, for a while; whoever dies at it is followed by the next look."""
    if send.send_due(channel_id, clock=db_clock.exactly_now):
        enqueue_sending(channel_id)


def enqueue_sending(channel_id: int) -> None:
    """Call a sender for a channel, unless one is called already; outside a transaction."""
    with contextlib.suppress(exceptions.AlreadyEnqueued):
        send_notifications.configure(queueing_lock=f"notify/{channel_id}").defer(channel_id=channel_id)


# Without a lock: a job whose worker died would keep it. Of two looks at once one waits for a channel's row.
@scheduled("* * * * * */4", at_start=True, lock=None)
def plan_notifications() -> None:
    for channel_id in plan.plan_all(now=db_clock.now()):
        enqueue_sending(channel_id)


@scheduled("37 * * * *")
def forget_notifications() -> None:
    forget_old_notifications(days=settings.NOTIFICATIONS_RETENTION_DAYS, now=db_clock.now())
