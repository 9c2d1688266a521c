"""Turns: transactions that name the same thing pass one after the other."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection


class AdvisoryLock(IntEnum):
    """What is named; keeps these advisory locks apart from all others in the database."""

    REPEAT = 0x11C2
    WALLET = 0x11C3
    STALLED = 0x11C4


def acquire(turn: AdvisoryLock, name: str) -> None:
    """Wait for the others that named it, and keep the turn until the transaction ends.

    Two names may share a turn (the digest has 32 bits): then one waits in vain, and no more.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [turn.value, name])
