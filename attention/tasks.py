"""What attention needs by the clock, and as soon as something changed."""

import contextlib
import threading
import time

from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from attention.notifications import plan, send
from attention.watch import watch
from core.database import db_clock
from core.jobs.scheduling import enqueue, scheduled

NUDGED_AT_MOST_EVERY_S = 2.0
_watching = threading.Lock()
"""So that passes that take long take one place of a process."""
SENDERS_AT_ONCE = 4
"""In one process: slow receivers do not take the places of other tasks."""
_senders = threading.BoundedSemaphore(SENDERS_AT_ONCE)


# Without a lock of its job: one whose worker died would keep it for a minute. Passes wait for each other.
@scheduled("* * * * * */5", at_start=True, lock=None, is_quiet=True)
def watch_rules() -> None:
    if _watching.acquire(blocking=False):
        try:
            watch()
        finally:
            _watching.release()


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


@app.task(name="attention.send_notifications", queue="notifications")
def send_notifications(channel_id: int) -> None:
    """Send what is due in one channel, for a while.

    Whoever dies at it, or finds no place here, is followed by the next look.
    """
    if not _senders.acquire(blocking=False):
        return
    try:
        is_left = send.send_due(channel_id, clock=db_clock.exactly_now)
    finally:
        _senders.release()
    if is_left:
        enqueue_sending(channel_id)


def enqueue_sending(channel_id: int) -> None:
    """Call a sender for a channel, unless one is called already; within the present transaction, if any."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        send_notifications.configure(queueing_lock=f"notify/{channel_id}").defer(channel_id=channel_id)


# Without a lock: a job whose worker died would keep it. Of two looks at once one waits for a channel's row.
@scheduled("* * * * * */4", at_start=True, lock=None, is_quiet=True)
def plan_notifications() -> None:
    for channel_id in plan.plan_all(now=db_clock.now()):
        enqueue_sending(channel_id)
