"""How the inbox is doing, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from core.database.counting import COUNT_UP_TO
from webhooks.models.inbox import WebhookEvent

_STATE = """
SELECT count(*) FILTER (WHERE status = 'pending'),
       count(*) FILTER (WHERE status = 'failed'),
       coalesce(extract(epoch FROM
           statement_timestamp() - min(received_at) FILTER (WHERE status = 'pending')), 0)
FROM webhook_events WHERE status IN ('pending', 'failed')
"""
_UNKNOWN_TYPES = """
SELECT count(*) FROM (
    SELECT FROM webhook_events
    WHERE reason = 'unknown_type' AND received_at >= statement_timestamp() - interval '1 day' LIMIT %s
) AS met
"""
_NOT_OURS = """
SELECT count(*) FILTER (WHERE registration_status = 'drifted'),
       count(*) FILTER (WHERE registration_status = 'failed')
FROM webhook_configs JOIN organizations ON organizations.iiko_id = webhook_configs.organization_id
WHERE webhook_configs.is_active AND organizations.is_active
"""


@dataclass(frozen=True, slots=True)
class InboxState:
    waiting: int
    failed: int
    dead: int
    oldest_s: float
    unknown_types: int
    """In the last 24 hours, up to ``COUNT_UP_TO``."""


def inbox_state() -> InboxState:
    """Count what is not ended well; each count is answered by a partial index."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        waiting, failed, oldest_s = cursor.fetchone()
        cursor.execute(_UNKNOWN_TYPES, [COUNT_UP_TO + 1])
        (unknown_types,) = cursor.fetchone()
    dead = WebhookEvent.objects.abandoned().count()
    return InboxState(waiting, failed, dead, float(oldest_s), unknown_types)


def registration_state() -> tuple[int, int]:
    """How many webhooks iiko has otherwise than we told it, and how many could not be registered."""
    with connection.cursor() as cursor:
        cursor.execute(_NOT_OURS)
        drifted, failed = cursor.fetchone()
    return drifted, failed
