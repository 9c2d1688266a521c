"""The change feed: up to which moment the mirror may be read by ``updated_at`` without missing a change.

A change carries the time at which it was written and becomes visible when its transaction commits. One
written earlier may become visible later, and a reader who goes on from the latest change it saw would never
meet it. So every transaction that changes orders first takes a lock that says when it began. Changes from
before the oldest such lock are complete; later ones are not. Advisory locks, because every role may see
them, they work behind pgbouncer, and they end with the transaction however it ends.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from core.database.advisory_locks import AdvisoryLock

# A key is the number of the lock in 16 bits and milliseconds since 1970 in 48.
_NUMBER = int(AdvisoryLock.CHANGE_FEED)

# Materialized, so that the time is read when the lock is held: it is then never before the moment that a
# reader who has not seen the lock was given.
_ANNOUNCE = f"""
WITH held AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(
        ({_NUMBER}::bigint << 48) | floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
)
SELECT clock_timestamp() FROM held
"""  # noqa: S608  # constants
# The statement's time is from before the locks are looked at, as it has to be. A transaction sees its own.
_SETTLED = f"""
SELECT least(statement_timestamp(), min(to_timestamp(
    (((classid::bigint << 32) | objid::bigint) & ((1::bigint << 48) - 1)) / 1000.0)))
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {_NUMBER}
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
    """Return a moment before which every change is committed. Call it before reading up to that moment."""
    return _fetch(_SETTLED)


def _fetch(statement: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        moment: datetime = cursor.fetchone()[0]
        return moment
