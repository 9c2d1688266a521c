"""The worker's batch: claim, apply, say how each event ended, all in one transaction.

A batch that fails is rolled back to where it began and its events are applied one at a time, so that
an event that cannot be applied hurts only itself. It is tried again with growing pauses and is dead
in the end, listed for a person. A process that dies in between leaves everything as it was; where an
event may be what it dies of, that is a large one, which has been charged with the attempt before.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from core import spans, trace
from core.database import db_clock
from core.database.sql_bulk import update_rows
from core.privacy.removal import remove_from_rows
from webhooks import event_log
from webhooks.models.inbox import RETRY_PAUSES, EventStatus, Reason, WebhookEvent
from webhooks.processing.claims import Batch, Large, busy_partitions, claim, claim_large
from webhooks.processing.handlers import HANDLERS, KEPT, by_handler
from webhooks.processing.handlers.base import Claimed, EventResult, Handler, ignored

logger = structlog.stdlib.get_logger(__name__)

BATCH = 300
_RESULT_COLUMNS = (
    "status",
    "reason",
    "processing_error",
    "notes",
    "order",
    "attempts",
    "due_at",
    "processed_at",
)


def run_batch(*, limit: int = BATCH) -> int:
    """Apply one batch of due events; returns how many were ended (or put off), 0 when nothing is due.

    Raises:
        DatabaseError, InterfaceError: the connection broke; nothing of the batch was applied.
    """
    try:
        return _run_batch(limit)
    except MemoryError:
        if limit == 1:
            raise
        logger.warning("inbox.batch_out_of_memory", limit=limit)
        return _run_batch(1)


def _run_batch(limit: int) -> int:
    partitions = busy_partitions()
    if not partitions:
        return 0
    with transaction.atomic():
        _limit_waiting()
        batch = claim(partitions, limit=limit)
        began, now = time.monotonic(), db_clock.now()
        results = _end(batch, now)
        results |= {large.id: _charged(large) for large in batch.large}
        attempts = {event.id: event.attempts for event in batch.events}
        attempts |= {large.id: large.attempts for large in batch.large}
        _write_results(results, attempts, now)
    _tell_spans(batch.events, results, now, took_s=time.monotonic() - began)
    _log_applied(batch.events, results)
    for large in batch.large:
        _apply_large(large)
    logger.debug("inbox.batch_applied", events=len(results))
    return len(results)


def _log_applied(events: Sequence[Claimed], results: dict[int, EventResult]) -> None:
    for event in events if event_log.is_enabled() else ():
        result = results.get(event.id)
        if result is not None and result.status == EventStatus.PROCESSED:
            event_log.log_applied(
                result.facts,
                event_pk=event.id,
                event_type=event.event_type,
                event_format=event.format,
                organization_id=event.organization_id,
                trace_id=event.trace_id,
            )


def _tell_spans(
    events: Sequence[Claimed], results: dict[int, EventResult], now: datetime, *, took_s: float
) -> None:
    """Tell of each event in its own trace; those of a batch took as long as all of it."""
    for event in events if spans.are_sent() else ():
        result = results.get(event.id)
        is_failed = result is None or result.status in (EventStatus.FAILED, EventStatus.DEAD)
        spans.record(
            "event.apply",
            event.trace_id,
            began_at=now,
            duration_ms=round(took_s * 1000),
            kind=spans.CONSUMER,
            error=str(Reason.ERROR) if is_failed else "",
            attributes={
                "iikohub.id": event.id,
                "iikohub.type": event.event_type,
                "iikohub.batch": len(events),
            },
        )


def _limit_waiting() -> None:
    with connection.cursor() as cursor:
        # A person editing a row must not hold up a partition for ever.
        cursor.execute("SET LOCAL lock_timeout = '5s'")


def _end(batch: Batch, now: datetime) -> dict[int, EventResult]:
    results = apply_events(batch.events, now)
    return results | {
        pk: EventResult(EventStatus.DEAD, Reason.ERROR, error) for pk, error in batch.unreadable.items()
    }


# --- large events ------------------------------------------------------------------------------------


def _charged(large: Large) -> EventResult:
    """How a large event ends if its worker does not live to say anything else."""
    logger.warning("inbox.event_large", event_pk=large.id, size=large.size)
    return EventResult(
        _status_after_failure(large.attempts),
        Reason.ERROR,
        f"The worker ran out of memory or was stopped while applying this event of {large.size} bytes.",
    )


def _apply_large(large: Large) -> None:
    try:
        with transaction.atomic():
            _limit_waiting()
            batch = claim_large(large)
            # It has been charged with this attempt, and is not charged twice.
            batch = replace(batch, events=[replace(one, attempts=large.attempts) for one in batch.events])
            now = db_clock.now()
            results = _end(batch, now)
            _write_results(results, {large.id: large.attempts}, now)
        _log_applied(batch.events, results)
    except (MemoryError, DatabaseError) as error:  # the driver's memory runs out as a DatabaseError
        _reraise_if_disconnected(error)
        logger.warning("inbox.large_event_failed", event_pk=large.id, error=_first_line(error))


def _status_after_failure(attempts: int) -> EventStatus:
    return EventStatus.DEAD if attempts + 1 > len(RETRY_PAUSES) else EventStatus.FAILED


# --- applying ----------------------------------------------------------------------------------------


def apply_events(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    """Hand events to their handlers and say how each ends; call it inside a transaction."""
    results: dict[int, EventResult] = {}
    parts = by_handler(events)
    for event in parts.get(None, ()):
        words = "" if event.event_type else "The message has neither eventType nor a known type."
        results[event.id] = ignored(KEPT.get(event.event_type, Reason.UNKNOWN_TYPE), words)
    # Always in the same order: two workers must not lock the rows of two handlers crosswise.
    for handler in dict.fromkeys(HANDLERS.values()):
        if batch := parts.get(handler):
            results |= _apply(handler, batch, now)
    return results


def _apply(
    handler: Handler, events: Sequence[Claimed], now: datetime, *, one_by_one: bool = False
) -> dict[int, EventResult]:
    try:
        with transaction.atomic():
            return handler(events, now)
    except Exception as error:  # noqa: BLE001  # whatever it is, the events are tried one by one and keep it
        _reraise_if_disconnected(error)
        if one_by_one:
            (event,) = events
            with trace.following(event.trace_id):
                logger.warning("inbox.event_failed", event_pk=event.id, error_type=type(error).__name__)
            words = f"{type(error).__name__}: {_first_line(error)}"
            return {event.id: EventResult(_status_after_failure(event.attempts), Reason.ERROR, words)}
        logger.warning("inbox.batch_failed", events=len(events), error_type=type(error).__name__)
    results: dict[int, EventResult] = {}
    for event in events:
        results |= _apply(handler, [event], now, one_by_one=True)
    return results


def _reraise_if_disconnected(error: Exception) -> None:
    raw = connection.connection
    if isinstance(error, DatabaseError | InterfaceError) and (raw is None or raw.closed):
        raise error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:500]


def _write_results(results: dict[int, EventResult], attempts: dict[int, int], now: datetime) -> None:
    rows: list[dict[str, object]] = []
    for pk, result in results.items():
        is_put_off = result.status == EventStatus.FAILED
        before = attempts.get(pk, 0)
        rows.append(
            {
                "id": pk,
                "status": str(result.status),
                "reason": str(result.reason),
                "processing_error": result.error.replace("\0", ""),
                "notes": list(result.notes),
                "order_id": result.order_id,
                "attempts": before + 1,
                "due_at": now + RETRY_PAUSES[before] if is_put_off else now,
                "processed_at": None if is_put_off else now,
            }
        )
    update_rows(WebhookEvent, _RESULT_COLUMNS, rows)
    if without_guest := [pk for pk, result in results.items() if result.is_without_guest]:
        remove_from_rows("webhooks.WebhookEvent", without_guest)
