"""Taking due events out of the inbox, so that one entity is never in two hands.

Every event lies in a lane chosen by its entity. A worker locks a lane for the length of its
transaction (advisory lock) and only then reads what is due in it: whatever another worker did with
the lane is committed and seen. Lanes are tried in random order; one that is taken is left to its
holder. A worker that dies lets go with its connection, and its events are due as before.

The rows are locked as well, so that the worker never waits for one later: a repeat being counted on
a row at this moment leaves it to the next batch instead of meeting us in a deadlock.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from django.db import connection

from iiko_client.reading import loads
from webhooks.handlers.base import Claimed
from webhooks.models import LANES

_NAMESPACE = 0x11C0  # keeps the lanes' advisory locks apart from anybody else's in the database

_BUSY_LANES = """
SELECT lane FROM generate_series(0, %s) AS lane
WHERE EXISTS (
    SELECT 1 FROM webhook_events e
    WHERE e.lane = lane.lane AND e.status IN ('pending', 'failed') AND e.due_at <= statement_timestamp()
)
"""
_DUE = """
SELECT id, coalesce(replay_of_id, id), event_type, format, organization_id, revision, event_time, digest,
       attempts, payload::text
FROM webhook_events
WHERE lane = %s AND status IN ('pending', 'failed') AND due_at <= statement_timestamp()
ORDER BY due_at, id
LIMIT %s
FOR NO KEY UPDATE SKIP LOCKED
"""


class Unreadable(Exception):
    """A stored payload that cannot be read back."""


def busy_lanes() -> list[int]:
    """The lanes that have something due, in random order."""
    with connection.cursor() as cursor:
        cursor.execute(_BUSY_LANES, [LANES - 1])
        lanes = [lane for (lane,) in cursor.fetchall()]
    random.shuffle(lanes)
    return lanes


def claim(lanes: list[int], *, limit: int) -> tuple[list[Claimed], dict[int, str]]:
    """Lock lanes and read up to ``limit`` due events; call it inside a transaction.

    Returns the events in order of arrival, and the error by id of those that could not be read back.
    """
    rows: list[tuple[Any, ...]] = []
    for lane in lanes:
        if len(rows) >= limit:
            break
        if _lock(lane):
            rows += _due(lane, limit - len(rows))
    claimed: list[Claimed] = []
    unreadable: dict[int, str] = {}
    for row in sorted(rows):
        try:
            claimed.append(_claimed(row))
        except (ValueError, RecursionError, Unreadable) as error:
            unreadable[row[0]] = f"The stored payload cannot be read: {error}"
    return claimed, unreadable


def _lock(lane: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_NAMESPACE, lane])
        return bool(cursor.fetchone()[0])


def _due(lane: int, limit: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [lane, limit])
        return list(cursor.fetchall())


def _claimed(row: tuple[Any, ...]) -> Claimed:
    (pk, arrival_id, event_type, kind, organization_id, revision, event_time, digest, attempts, text) = row
    payload = loads(text or "null")
    if not isinstance(payload, dict):
        raise Unreadable("it is not an object")
    moment: datetime | None = event_time
    return Claimed(
        pk, arrival_id, event_type, kind, organization_id, revision, moment, digest, attempts, payload
    )
