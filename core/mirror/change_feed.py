"""Up to which change the mirror may be read by ``updated_at`` without missing one.

A change carries the time at which it was written and is seen when its transaction commits: one written
earlier may be seen later, and a reader who goes on from the latest change it saw would never meet it.
So every transaction that changes orders announces itself first, by a lock that says when it began;
what is as young as the oldest of those is not settled yet. Advisory locks, because every role may see
them, they hold behind pgbouncer, and they end with the transaction however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

# The key is a mark in 16 bits, which keeps it apart from others' locks, and milliseconds since 1970 in 48.
_MARK = 0x11C2

# Materialized, so that the time is read when the lock is held: it is then never before the horizon that
# somebody who has not seen the lock has taken.
_ANNOUNCE = f"""
WITH held AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(
        ({_MARK}::bigint << 48) | floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
)
SELECT clock_timestamp() FROM held
"""  # noqa: S608  # constants
# The statement's time is from before the locks are looked at, as it has to be. A transaction sees its own.
_HORIZON = f"""
SELECT least(statement_timestamp(), min(to_timestamp(
    (((classid::bigint << 32) | objid::bigint) & ((1::bigint << 48) - 1)) / 1000.0)))
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {_MARK}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid <> pg_backend_pid()
"""  # noqa: S608  # constants


def change_times() -> Iterator[datetime]:
    """Yield a time for each change, by the database's clock; the first announces this transaction.

    They are a microsecond apart, so that (nearly) no two orders share one and a reader can go on from
    any of them. Take them inside the transaction that writes them.
    """
    moment: datetime = _fetch(_ANNOUNCE)
    while True:
        yield moment
        moment += timedelta(microseconds=1)


def settled_before() -> datetime:
    """Every change from before this moment is committed; read it before what is to be read up to it."""
    return _fetch(_HORIZON)


def _fetch(statement: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        moment: datetime = cursor.fetchone()[0]
        return moment
