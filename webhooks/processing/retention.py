"""Forgetting events that ended long ago, so that the inbox does not grow for ever."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from core.database import db_clock
from webhooks.processing.months import drop_months

# An original stays while a replay of it exists: the replay stands in its place (``arrival_id``).
# A replay stays while an attempt before it is dead: without it that one would count as abandoned again.
# SOI messages have neither revision nor time. Of an order with one that is unfinished or dead all stay:
# without those that came after it, the next message like it would be taken for its repeat.
_FORGETTABLE = """
SELECT id FROM webhook_events old
WHERE received_at < %s AND status IN ('processed', 'stale', 'ignored')
  AND NOT EXISTS (SELECT FROM webhook_events replay WHERE replay.replay_of_id = old.id)
  AND (replay_of_id IS NULL OR NOT EXISTS (
      SELECT FROM webhook_events dead
      WHERE dead.status = 'dead' AND (dead.id = old.replay_of_id OR dead.replay_of_id = old.replay_of_id)))
  AND (format <> 'soi' OR NOT EXISTS (
      SELECT FROM webhook_events unsettled
      WHERE unsettled.entity_key = old.entity_key AND old.entity_key <> ''
        AND unsettled.organization_id = old.organization_id
        AND unsettled.status IN ('pending', 'failed', 'dead')))
  AND (format <> 'soi' OR NOT EXISTS (
      SELECT FROM webhook_events unsettled
      WHERE unsettled.order_external_id = old.order_external_id AND unsettled.order_external_id <> ''
        AND unsettled.organization_id = old.organization_id
        AND unsettled.status IN ('pending', 'failed', 'dead')))
ORDER BY received_at, id LIMIT %s
FOR UPDATE OF old SKIP LOCKED
"""
# Asked again under the locks: one may have been replayed between the look and the lock.
_FORGET = """
DELETE FROM webhook_events old
WHERE id = ANY(%s) AND NOT EXISTS (SELECT FROM webhook_events replay WHERE replay.replay_of_id = old.id)
"""


def forget_old_events(*, days: int, now: datetime | None = None, batch: int = 5000) -> int:
    """Delete finished events received more than ``days`` ago; returns how many.

    A month that is wholly so old is dropped, the others go a batch in each transaction.
    What waits, failed or is dead stays. ``days=0`` keeps everything. Safe beside workers, replays and
    another call of itself.
    """
    if days <= 0:
        return 0
    before = (now or db_clock.now()) - timedelta(days=days)
    deleted = drop_months(before=before)
    # Until nothing is found, not until a batch is short: an original can go once its replays are gone.
    while count := _forget_batch(before, batch):
        deleted += count
    return deleted


@transaction.atomic
def _forget_batch(before: datetime, batch: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FORGETTABLE, [before, batch])
        cursor.execute(_FORGET, [[pk for (pk,) in cursor.fetchall()]])
        deleted: int = cursor.rowcount
    return deleted
