"""Which states of orders no webhook brought: rows of reconciliation that stayed alone.

Only changes of status count: the filter of a webhook names statuses, and a new courier or comment alone
is not promised to be told (docs/iiko.md#changes-without-a-webhook).

A webhook that comes late repeats the row (it counts as a repeat there) or, where it carries more than an
answer does, stands beside it with the same revision. So a row is judged some time after it was stored.
SOI has no revisions: an order that an SOI message named counts as brought.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F

from core.mirror.precedence import milliseconds
from webhooks.models.reconciliation import OrderSync

GRACE = timedelta(minutes=2)
"""A webhook that takes longer counts as missed."""
_TIMELY_MS = 5 * 60 * 1000
"""What was found longer after it happened tells of a pause of the hub, not of its webhooks."""

_ALONE = """
r.source = 'reconcile' AND r.duplicates = 0 AND NOT EXISTS (
    SELECT 1 FROM webhook_events w
    WHERE w.entity_key = r.entity_key AND w.organization_id = r.organization_id AND w.source = 'webhook'
      AND (w.revision = r.revision OR w.format = 'soi') AND NOT starts_with(w.dedup_key, 'foreign:')
) AND EXISTS (
    SELECT 1 FROM order_timeline t
    WHERE t.order_id = r.order_id AND t.source_event_id = r.id AND t.what IN ('status', 'creation_status')
)
"""
_NOT_APPLIED = """
SELECT count(*) FROM webhook_events r
WHERE r.received_at > %s AND r.received_at <= %s AND r.organization_id = %s
  AND r.source = 'reconcile' AND r.status = 'pending'
"""
# What had happened before the hub first read the orders was nobody's to bring.
_MISSED = f"""
SELECT count(*) FROM webhook_events r
WHERE r.received_at > %s AND r.received_at <= %s AND r.organization_id = %s AND r.revision >= %s AND {_ALONE}
"""  # noqa: S608  # constants
_MOMENTS = f"""
SELECT r.received_at
FROM webhook_events r JOIN order_sync s ON s.organization_id = r.organization_id
WHERE r.received_at >= %s AND r.received_at <= %s AND r.organization_id = %s
  AND r.revision >= extract(epoch FROM s.created_at) * 1000 AND {_ALONE}
"""  # noqa: S608  # constants
_TIMELY = f"""
SELECT count(*) FROM webhook_events r
WHERE r.received_at > %s AND r.received_at <= %s AND r.organization_id = %s
  AND r.revision >= extract(epoch FROM r.received_at) * 1000 - {_TIMELY_MS} AND {_ALONE}
"""  # noqa: S608  # constants
_ORDERS = f"""
SELECT r.organization_id, count(DISTINCT r.entity_key)
FROM webhook_events r JOIN order_sync s ON s.organization_id = r.organization_id
WHERE r.received_at > %s AND r.received_at <= %s AND r.organization_id = ANY(%s)
  AND r.revision >= extract(epoch FROM s.created_at) * 1000 AND {_ALONE}
GROUP BY r.organization_id
"""  # noqa: S608  # constants


def count_missed(*, now: datetime) -> None:
    """Add to each organization's total what can be judged by now; each row is counted once."""
    until = now - GRACE
    for row in OrderSync.objects.filter(judged_until__lt=until):
        if _count(_NOT_APPLIED, row.judged_until, until, row.organization_id):
            continue  # what it changed is not known yet
        missed = _count(_MISSED, row.judged_until, until, row.organization_id, milliseconds(row.created_at))
        # Another process that counted the same span was first, or this one is.
        OrderSync.objects.filter(pk=row.pk, judged_until=row.judged_until).update(
            missed_total=F("missed_total") + missed, judged_until=until
        )


def missed_since(organization_id: str, since: datetime, *, now: datetime) -> int:
    """Count the states that happened after ``since`` and that only reconciliation brought, in time."""
    return _count(_TIMELY, since, now - GRACE, organization_id)


def missed_at(organization_id: str, since: datetime, until: datetime) -> list[datetime]:
    """Return when each state was found that no webhook had brought, as far as it can be judged by now.

    A webhook that comes after all takes its state back; ``until`` should lie ``GRACE`` ago.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MOMENTS, [since, until, organization_id])
        return [moment for (moment,) in cursor.fetchall()]


def missed_orders(organization_ids: Iterable[str], *, since: datetime, now: datetime) -> dict[str, int]:
    """Count the orders of which webhooks missed something, by organization."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS, [since, now - GRACE, list(organization_ids)])
        return dict(cursor.fetchall())


def _count(statement: str, *parameters: str | int | datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.fetchone()[0])
