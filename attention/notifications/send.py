"""Sending: one message of a channel at a time, in order, written down before and after.

Why not ``core.outbox``: that sends once and then asks iiko what came of it. A receiver of notifications
cannot be asked, so what a dead worker may have sent is sent again, marked as a repeat and with the same
number. And the order is the channel's, so it is the channel that a worker leases, not the message.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection, transaction

from attention.models.channels import Channel, Kind, Notification, SendState
from attention.notifications import errors
from attention.notifications.text import Message, message_of
from attention.notifications.wanted import Wanted

logger = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], datetime]

LEASE = timedelta(seconds=6)
"""Then a worker that holds a channel counts as dead; one that lives renews it every ``RENEW_S``."""
RENEW_S = 2.0
RENEWED_FOR_S = 30.0
"""A sending that takes so long hangs, and another worker may have the channel."""
TURN = timedelta(seconds=8)
"""After so long other channels have their turn."""
PAUSES = tuple(timedelta(seconds=s) for s in (5, 15, 60, 180, 600, 1200))
TRY_FOR = timedelta(hours=1)
"""Then a message is given up."""


@dataclass(slots=True)
class Claim:
    """A message in hand. ``leased_until`` names the claim: no other ends at the same moment."""

    channel_id: int
    notification_id: int
    address: str
    message: Message
    leased_until: datetime


def send_due(channel_id: int, *, clock: Clock) -> bool:
    """Send what is due in a channel; return whether something is left for another turn.

    Safe to call at any time and from several workers: one of them sends.
    """
    from attention.notifications.services import deliver  # heavy: see there

    until = clock() + TURN
    while (claim := claim_next(channel_id, now=clock())) is not None:
        with _kept(claim, clock):
            error = deliver(claim.address, claim.message)
        record(claim, error, now=clock())
        if clock() >= until:
            return True
    return False


@transaction.atomic
def claim_next(channel_id: int, *, now: datetime) -> Claim | None:
    """Take the next message into hand, and write down that it may be sent from now on."""
    channel = Channel.objects.select_for_update().filter(pk=channel_id).first()
    if channel is None or (channel.leased_until is not None and channel.leased_until > now):
        return None
    _take_over(channel, now)
    wanted = Wanted.by(channel)
    due = channel.notifications.due(now).select_related("item__organization", "item__order").order_by("id")
    # One at a time: there may be many, and what is not needed leaves the queue.
    while (row := due.first()) is not None:
        row.channel = channel
        parts = _parts(row, wanted, now)
        if reason := _not_needed(row, parts, wanted, now):
            row.end(SendState.DROPPED, now=now, error=reason)
            continue
        row.state, row.attempts, row.next_attempt_at = SendState.SENDING, row.attempts + 1, None
        row.save(update_fields=["state", "attempts", "next_attempt_at"])
        channel.leased_until = now + LEASE
        channel.save(update_fields=["leased_until"])
        return Claim(
            channel.pk, row.pk, channel.address, message_of(row, parts, now=now), channel.leased_until
        )
    return None


@contextmanager
def _kept(claim: Claim, clock: Clock) -> Iterator[None]:
    """Renew the lease of a claim for as long as this process lives."""
    is_done = threading.Event()
    thread = threading.Thread(target=_renew, args=(claim, clock, is_done), name="notifications-lease")
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


def _renew(claim: Claim, clock: Clock, is_done: threading.Event) -> None:
    last = time.monotonic() + RENEWED_FOR_S
    try:
        while not is_done.wait(RENEW_S) and time.monotonic() < last:
            until = clock() + LEASE
            held = Channel.objects.filter(pk=claim.channel_id, leased_until=claim.leased_until)
            if not held.update(leased_until=until):
                return
            claim.leased_until = until
    except DatabaseError as error:  # the lease runs out, and another sends it again, marked
        logger.warning("notifications.lease_not_renewed", channel_id=claim.channel_id, error=str(error))
    finally:
        connection.close()


def _take_over(channel: Channel, now: datetime) -> None:
    """Put back what a dead worker had in hand: whether it was sent, nobody knows."""
    died = channel.notifications.filter(state=SendState.SENDING)
    if died.update(state=SendState.PENDING, next_attempt_at=now, may_be_repeat=True):
        logger.warning("notifications.taken_over", channel_id=channel.pk)


def _parts(row: Notification, wanted: Wanted, now: datetime) -> list[Notification]:
    """Return the parts of a digest that are still to be told, and end the others."""
    if row.kind != Kind.DIGEST:
        return []
    left = []
    for part in row.parts.unfinished().select_related("item__organization", "item__order").order_by("id"):
        if part.item is not None and (reason := wanted.not_needed(part.item, now)):
            part.end(SendState.DROPPED, now=now, error=reason)
        else:
            left.append(part)
    return left


def _not_needed(row: Notification, parts: Sequence[Notification], wanted: Wanted, now: datetime) -> str:
    if row.kind == Kind.TEST:
        return ""
    if not wanted.channel.is_active:
        return errors.SWITCHED_OFF
    if row.item is not None:
        return wanted.not_needed(row.item, now)
    return "" if parts else errors.ENDED


@transaction.atomic
def record(claim: Claim, error: str, *, now: datetime) -> None:
    """Write down what came of a sending. Of one that outlived its lease only that it arrived counts."""
    channel = Channel.objects.select_for_update().filter(pk=claim.channel_id).first()
    row = Notification.objects.filter(pk=claim.notification_id).unfinished().first()
    if channel is None or row is None:
        return
    is_ours = channel.leased_until == claim.leased_until
    if is_ours:
        channel.leased_until = None
    if not error:
        _arrived(channel, row, now)
    elif is_ours:
        _failed(channel, row, error, now)
    channel.save(update_fields=["leased_until", "last_sent_at", "last_error", "failing_since", "tried_at"])
    logger.info(
        "notifications.not_sent" if error else "notifications.sent",
        channel_id=channel.pk,
        notification_id=row.pk,
        kind=row.kind,
        attempt=row.attempts,
        waited_ms=round((now - row.planned_at).total_seconds() * 1000),
        **({"reason": error} if error else {}),
    )


def _arrived(channel: Channel, row: Notification, now: datetime) -> None:
    row.end(SendState.SENT, now=now)
    channel.last_sent_at, channel.last_error, channel.failing_since = now, "", None
    if row.kind == Kind.TEST:
        channel.tried_at = now


def _failed(channel: Channel, row: Notification, error: str, now: datetime) -> None:
    """Try again later, or give up: a test at once, others after an hour."""
    channel.last_error, channel.failing_since = error, channel.failing_since or now
    next_at = now + PAUSES[min(row.attempts, len(PAUSES)) - 1]
    if row.kind == Kind.TEST or next_at > (row.queued_at or row.planned_at) + TRY_FOR:
        row.end(SendState.FAILED, now=now, error=error)
        logger.warning("notifications.given_up", channel_id=channel.pk, notification_id=row.pk, reason=error)
        return
    row.state, row.error, row.next_attempt_at = SendState.PENDING, error, next_at
    row.save(update_fields=["state", "error", "next_attempt_at"])
    if not errors.is_of_this_message(error):
        # The receiver is away: the others wait behind this one, in order.
        later = channel.notifications.filter(state=SendState.PENDING, next_attempt_at__lt=next_at)
        later.exclude(kind=Kind.TEST).update(next_attempt_at=next_at)
