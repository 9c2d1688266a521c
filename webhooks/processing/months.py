"""The months of the inbox: partitions of ``webhook_events`` by the time of receipt (docs/adr/0015).

They are made ahead, and one that lies wholly behind the retention is dropped. What no month takes (a clock
that jumped, rows that outlive their month) lies in ``webhook_events_other``. Not to be taken for the 16
partitions that workers lock (``webhooks.processing.claims``): those are a column.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import structlog
from django.db import OperationalError, connection, transaction
from psycopg import errors

logger = structlog.stdlib.get_logger(__name__)

AHEAD = 2
"""So many months are there beyond the present one."""
KEPT_AT_MOST = 10_000
"""Rows that may outlive a dropped month. Of a month with more the others are deleted row by row."""

_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
"""Receipts wait behind us while we wait for the lock."""
_KEY_BLOCKS = 512
_BLOCK_BYTES = 8192

_MONTHS = r"""
SELECT quote_ident(child.relname),
       (regexp_match(bounds, 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
       (regexp_match(bounds, 'TO \(''([^'']+)''\)'))[1]::timestamptz
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
CROSS JOIN LATERAL pg_get_expr(child.relpartbound, child.oid) AS bounds
WHERE inhparent = 'webhook_events'::regclass AND bounds <> 'DEFAULT'
ORDER BY 3
"""
_LIKE = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS"
_MOVE = """
WITH moved AS (
    DELETE FROM webhook_events_other WHERE received_at >= %s AND received_at < %s RETURNING *
) INSERT INTO {month} SELECT * FROM moved
"""
# What ``retention`` would spare, found from the few rows that are the reason; some more may be among them.
_STAYING = """
SELECT id FROM {month} WHERE status IN ('pending', 'failed', 'dead')
UNION
SELECT old.id FROM webhook_events replay JOIN {month} old ON old.id = replay.replay_of_id
UNION
SELECT old.id FROM webhook_events dead JOIN {month} old ON old.replay_of_id = dead.id
WHERE dead.status = 'dead'
UNION
SELECT old.id FROM webhook_events dead JOIN {month} old USING (replay_of_id) WHERE dead.status = 'dead'
UNION
SELECT old.id FROM webhook_events unsettled JOIN {month} old USING (organization_id, entity_key)
WHERE unsettled.status IN ('pending', 'failed', 'dead') AND old.format = 'soi' AND entity_key <> ''
UNION
SELECT old.id FROM webhook_events unsettled JOIN {month} old USING (organization_id, order_external_id)
WHERE unsettled.status IN ('pending', 'failed', 'dead') AND old.format = 'soi' AND order_external_id <> ''
"""
_LOST_KEYS = """
DELETE FROM webhook_event_keys WHERE ctid = ANY(ARRAY(
    SELECT lost.ctid FROM webhook_event_keys lost
    WHERE lost.ctid >= %s::tid AND lost.ctid < %s::tid
      AND NOT EXISTS (SELECT FROM webhook_events held WHERE held.id = lost.event_id)
    FOR UPDATE OF lost SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A partition and what it takes: from ``since``, or from ever, to before ``until``."""

    name: str
    since: datetime | None
    until: datetime


def make_months(*, now: datetime) -> list[str]:
    """Make the partitions of this month and the next ones where they are missing; returns their names.

    What lies in ``webhook_events_other`` and belongs there moves along.
    """
    there = months()
    made = []
    for since, until in pairwise(_beginnings(now)):
        if any(_overlap(month, since, until) for month in there):
            continue
        name = f"webhook_events_{since:%Y_%m}"
        try:
            _make(name, since, until)
        except OperationalError as error:
            _pass_if_locked(error, name)
            continue
        logger.info("inbox.month_made", month=name)
        made.append(name)
    return made


def drop_months(*, before: datetime) -> int:
    """Drop the months that lie wholly before; returns how many rows went. What has to stay, stays.

    A month whose table is in use, or of which too much has to stay, is left to the deletion of rows.
    """
    gone = 0
    for month in months():
        if month.until > before or len(_staying(month.name)) > KEPT_AT_MOST:
            continue
        try:
            count, kept = _drop(month.name)
        except OperationalError as error:
            _pass_if_locked(error, month.name)
            break
        logger.info("inbox.month_dropped", month=month.name, rows=count, kept=kept)
        gone += count
    if gone:
        forget_lost_keys()
    return gone


def months() -> list[Month]:
    """List the months there are, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        return [Month(*row) for row in cursor.fetchall()]


def analyse_months() -> None:
    """Tell the planner of all months together: autovacuum looks at each alone."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhook_events")


def forget_lost_keys() -> None:
    """Delete the keys whose events went with their month, part by part.

    Until then they hurt nobody: a repeat that finds no event takes its key over.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('webhook_event_keys')")
        blocks = cursor.fetchone()[0] // _BLOCK_BYTES
        for block in range(0, blocks, _KEY_BLOCKS):
            cursor.execute(_LOST_KEYS, [f"({block},0)", f"({block + _KEY_BLOCKS},0)"])


def _beginnings(now: datetime) -> list[datetime]:
    """Return where this month begins, those ahead of it and the one after them."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    numbers = (first.year * 12 + first.month - 1 + ahead for ahead in range(AHEAD + 2))
    return [first.replace(year=number // 12, month=number % 12 + 1) for number in numbers]


def _overlap(month: Month, since: datetime, until: datetime) -> bool:
    return (month.since is None or month.since < until) and since < month.until


@transaction.atomic
def _make(name: str, since: datetime, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_TIMEOUT)
        # Without it a receipt on its way into the other partition would be refused there.
        cursor.execute("LOCK TABLE ONLY webhook_events IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE webhook_events {_LIKE})")
        cursor.execute(_MOVE.format(month=name), [since, until])
        bounds = f"FROM ('{since.isoformat()}') TO ('{until.isoformat()}')"
        cursor.execute(f"ALTER TABLE webhook_events ATTACH PARTITION {name} FOR VALUES {bounds}")


@transaction.atomic
def _drop(name: str) -> tuple[int, int]:
    """Drop a month; returns how many rows went and how many moved to the other partition."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_TIMEOUT)
        cursor.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        staying = _staying(name)
        cursor.execute(f"SELECT count(*) FROM {name}")  # noqa: S608  # quoted by the database
        count = cursor.fetchone()[0] - len(staying)
        cursor.execute(f"ALTER TABLE webhook_events DETACH PARTITION {name}")
        cursor.execute(f"INSERT INTO webhook_events SELECT * FROM {name} WHERE id = ANY(%s)", [staying])  # noqa: S608
        cursor.execute(f"DROP TABLE {name}")
    return count, len(staying)


def _staying(name: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_STAYING.format(month=name))
        return [pk for (pk,) in cursor.fetchall()]


def _pass_if_locked(error: OperationalError, name: str) -> None:
    """Log that a month has to wait for the next time; raises what is no matter of locks."""
    if not isinstance(error.__cause__, errors.LockNotAvailable):
        raise error
    logger.info("inbox.month_is_in_use", month=name)
