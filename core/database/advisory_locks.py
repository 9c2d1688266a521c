"""The advisory locks of PostgreSQL: every number the hub uses, and waiting for a lock by name.

A lock ends with the transaction that holds it, also where its process dies. That works behind pgbouncer
too, where locks of a session do not.
"""

from enum import IntEnum, unique

from django.db import connection


@unique
class AdvisoryLock(IntEnum):
    """What is locked: the first half of a key, which keeps these locks apart from all others."""

    PARTITION = 0x11C0
    """The second half is the partition of the inbox (``webhooks.processing.claims``)."""
    EXTERNAL_ID = 0x11C1
    """The second half is a bucket of external order ids (``orders.mirror.apply``)."""
    CHANGE_FEED = 0x11C2
    """The upper 16 bits of a key of 64; the others are a time (``core.mirror.change_feed``)."""
    WALLET = 0x11C3
    STALLED_JOBS = 0x11C4
    IDEMPOTENCY_KEY = 0x11C5
    ATTENTION = 0x11C6
    """One pass over the rules at a time (``attention.watch``)."""
    OUTBOUND = 0x11C7
    """One worker at a time puts outbound events in order (``outbound.feed.fan_out``), and none while a guest
    is erased (``core.privacy.removal``)."""


def acquire(lock: AdvisoryLock, name: str) -> None:
    """Wait for the others that hold the lock of this name, and hold it until the transaction ends.

    Two names may share a lock (the digest has 32 bits): then one waits in vain, and no more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [lock.value, name])


def try_acquire(lock: AdvisoryLock, name: str) -> bool:
    """Hold the lock of this name until the transaction ends; False, without waiting, where another does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [lock.value, name])
        return bool(cursor.fetchone()[0])
