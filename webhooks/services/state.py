"""How the inbox is doing, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

_STATE = """
SELECT count(*) FILTER (WHERE status = 'pending'),
       count(*) FILTER (WHERE status = 'failed'),
       coalesce(extract(epoch FROM
           statement_timestamp() - min(received_at) FILTER (WHERE status = 'pending')), 0)
FROM webhook_events WHERE status IN ('pending', 'failed')
"""
_DEAD = "SELECT count(*) FROM webhook_events WHERE status = 'dead'"


@dataclass(frozen=True, slots=True)
class InboxState:
    waiting: int
    failed: int
    dead: int
    oldest_s: float


def inbox_state() -> InboxState:
    """Count what is not ended well; each count is answered by a partial index."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        waiting, failed, oldest_s = cursor.fetchone()
        cursor.execute(_DEAD)
        (dead,) = cursor.fetchone()
    return InboxState(waiting, failed, dead, float(oldest_s))
