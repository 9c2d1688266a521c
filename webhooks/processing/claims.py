"""Taking due events out of the inbox, so that one entity is never in two hands.

Every event lies in a partition chosen by its entity. A worker locks a partition for the length of its
transaction (advisory lock) and only then reads what is due in it: whatever another worker did with
the partition is committed and seen. Partitions are tried in random order; one that is taken is left to its
holder. A worker that dies lets go with its connection, and its events are due as before.

A batch is bounded by its text as well as by its count, measured where the text is: in the database. A
large event is named only. One that needs more memory than there is gets its process killed, which
no transaction can record; so the worker charges a large event with an attempt first and then takes
it alone. (A small one cannot take much: in memory it is at most some forty times as long as its text.)

The rows are locked as well, so that the worker never waits for one later: a repeat being counted on
a row at this moment leaves it to the next batch instead of meeting us in a deadlock.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import connection

from core.database.advisory_locks import AdvisoryLock
from iiko_client.json_reader import loads
from webhooks.models.inbox import PARTITIONS
from webhooks.processing.handlers.base import Claimed

logger = structlog.stdlib.get_logger(__name__)

_NAMESPACE = AdvisoryLock.PARTITION.value

_BUSY_PARTITIONS = """
SELECT partition FROM generate_series(0, %s) AS partition
WHERE EXISTS (
    SELECT 1 FROM webhook_events e
    WHERE e.partition = partition.partition AND e.status IN ('pending', 'failed') AND e.due_at <=
    statement_timestamp()
)
"""
BATCH_BYTES = 8 * 1024 * 1024
"""Of payload text; a batch ends with the event that reaches it. Python may take forty times as much."""

LARGE_BYTES = 1024 * 1024
"""Of payload text, from which an event is taken alone; the vendor's are a hundredth of it."""

STALLED_S = 15.0
"""A worker that says nothing to the database for so long in the middle of a batch is taken for stopped."""

_STORED_BYTES = 2 * 1024 * 1024
"""Of payloads as they are stored, compressed: how much of a partition is written out to be measured."""

# A holder that waits for nothing of ours: its backend is idle in the transaction, or busy writing an
# answer that nobody reads. Each statement of a batch is over within seconds (``lock_timeout``).
_END_STALLED = """
SELECT activity.pid, extract(epoch FROM clock_timestamp() - activity.state_change)::float8,
       pg_terminate_backend(activity.pid)
FROM pg_stat_activity AS activity
WHERE activity.pid <> pg_backend_pid()
  AND activity.state_change < clock_timestamp() - make_interval(secs => %s)
  AND activity.pid IN (
    SELECT lock.pid FROM pg_locks AS lock
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.classid = %s
      AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""

_FIELDS = """id, coalesce(replay_of_id, id) AS arrival_id, event_type, format, organization_id, revision,
           event_time, digest, attempts,
           CASE WHEN replay_of_id IS NULL THEN received_at ELSE coalesce(
               (SELECT original.received_at FROM webhook_events original
                WHERE original.id = webhook_events.replay_of_id), received_at) END AS received_at, trace_id"""
_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT {_FIELDS}, due_at, payload
    FROM webhook_events
    WHERE partition = %s AND status IN ('pending', 'failed') AND due_at <= statement_timestamp()
    ORDER BY due_at, id
    LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
), near AS (
    SELECT *, sum(pg_column_size(payload)) OVER upto - pg_column_size(payload) AS stored_before FROM due
    WINDOW upto AS (ORDER BY due_at, id ROWS UNBOUNDED PRECEDING)
), written AS MATERIALIZED (
    SELECT *, payload::text AS text FROM near WHERE coalesce(stored_before, 0) < {_STORED_BYTES}
), counted AS (
    SELECT *, octet_length(text) AS size, sum(octet_length(text)) OVER upto - octet_length(text) AS before
    FROM written
    WINDOW upto AS (ORDER BY due_at, id ROWS UNBOUNDED PRECEDING)
)
SELECT id, arrival_id, event_type, format, organization_id, revision, event_time, digest, attempts,
       received_at, trace_id, CASE WHEN size <= {LARGE_BYTES} THEN text END, coalesce(size, 0)
FROM counted
WHERE coalesce(before, 0) < %s
ORDER BY due_at, id
"""  # noqa: S608  # constants
_ONE = f"""
SELECT {_FIELDS}, payload::text
FROM webhook_events
WHERE id = %s AND attempts = %s AND status IN ('failed', 'dead')
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608  # constants

# Events by their ids, whatever became of them, as far as they fit in a batch: for a dry run.
_THESE = f"""
WITH written AS MATERIALIZED (
    SELECT {_FIELDS}, payload::text AS text FROM webhook_events WHERE id = ANY(%s)
), counted AS (
    SELECT *, octet_length(text) AS size,
           sum(octet_length(text)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - octet_length(text) AS before
    FROM written
)
SELECT id, id, event_type, format, organization_id, revision, event_time, digest, attempts,
       received_at, trace_id, CASE WHEN size <= {LARGE_BYTES} THEN text END, coalesce(size, 0)
FROM counted
WHERE coalesce(before, 0) < {BATCH_BYTES}
ORDER BY id
"""  # noqa: S608  # constants


Row = tuple[Any, ...]
"""The columns of ``Claimed`` in their order; the last is the payload as text."""


@dataclass(frozen=True, slots=True)
class Large:
    """An event too large to be read beside others."""

    id: int
    partition: int
    attempts: int
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker holds: the events in order of arrival, and those it has not read."""

    events: list[Claimed] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    """The error by id of what could not be read back."""
    large: list[Large] = field(default_factory=list)


def end_stalled_claims(*, silent_s: float = STALLED_S) -> int:
    """End the transactions of workers that hold partitions and have been silent; returns how many.

    A process that is stopped or frozen in the middle of a batch keeps its partitions for as long as its
    connection lives. When it goes on it finds the connection closed and nothing of its batch applied.
    """
    with connection.cursor() as cursor:
        cursor.execute(_END_STALLED, [silent_s, _NAMESPACE])
        ended = cursor.fetchall()
    for pid, idle_s, _ in ended:
        logger.warning("inbox.stalled_worker_ended", backend_pid=pid, silent_s=round(idle_s))
    return len(ended)


def busy_partitions() -> list[int]:
    """List the partitions that have something due, in random order."""
    with connection.cursor() as cursor:
        cursor.execute(_BUSY_PARTITIONS, [PARTITIONS - 1])
        partitions = [partition for (partition,) in cursor.fetchall()]
    random.shuffle(partitions)
    return partitions


def claim(partitions: list[int], *, limit: int) -> Batch:
    """Lock partitions and read up to ``limit`` due events; call it inside a transaction."""
    rows: list[Row] = []
    large: list[Large] = []
    count, room = limit, BATCH_BYTES
    with connection.cursor() as cursor:
        for partition in partitions:
            if count <= 0 or room <= 0:
                break
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, partition])
            if not cursor.fetchone()[0]:
                continue
            cursor.execute(_DUE, [partition, count, room])
            for *row, size in cursor.fetchall():
                count, room = count - 1, room - size
                if size > LARGE_BYTES:
                    large.append(Large(row[0], partition, row[8], size))
                else:
                    rows.append(tuple(row))
    return _read(rows, large)


def claim_large(large: Large) -> Batch:
    """Lock the partition of a large event that has been charged, waiting for it, and read the event.

    Empty where somebody else has taken it up meanwhile. Call it inside a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_NAMESPACE, large.partition])
        cursor.execute(_ONE, [large.id, large.attempts + 1])
        return _read(cursor.fetchall(), [])


def read_events(ids: Sequence[int]) -> Batch:
    """Read stored events without claiming them: the first of ``ids`` that fit in a batch, one at least."""
    with connection.cursor() as cursor:
        cursor.execute(_THESE, [list(ids)])
        found = cursor.fetchall()
    large = [Large(row[0], -1, row[8], row[-1]) for row in found if row[-1] > LARGE_BYTES]
    return _read([row[:-1] for row in found if row[-1] <= LARGE_BYTES], large)


def _read(rows: Iterable[Row], large: list[Large]) -> Batch:
    batch = Batch(large=large)
    for row in sorted(rows):
        pk, *_, text = row
        try:
            payload = loads(text or "null")
            if isinstance(payload, dict):
                batch.events.append(Claimed(*(*row[:-1], payload)))
            else:
                batch.unreadable[pk] = "The stored payload cannot be read: it is not an object"
        except (ValueError, RecursionError) as error:
            batch.unreadable[pk] = f"The stored payload cannot be read: {error}"
    return batch
