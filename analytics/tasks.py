"""Keeping the figures fresh by the clock."""

import time

from analytics.counting.progress import count_missed_webhooks, take_step
from core.database import db_clock
from core.jobs.scheduling import scheduled
from organizations.models.organization import Organization

_PATIENCE_S = 15.0
"""After so long the next run goes on: other tasks must not wait for a rebuilding."""


def _restaurants() -> list[str]:
    return list(Organization.objects.order_by("pk").values_list("iiko_id", flat=True))


@scheduled("* * * * * 11-59/20", at_start=True)
def follow_changes() -> None:
    """Count what changed since the last time; a rebuilding goes on here, too, whoever began it."""
    until = time.monotonic() + _PATIENCE_S
    waiting = _restaurants()
    # In turn, so that none waits until another is counted from its first order.
    while waiting and time.monotonic() < until:
        waiting = [one for one in waiting if not take_step(one).is_last]


@scheduled("9-59/10 * * * *", at_start=True)
def count_missed() -> None:
    for organization_id in _restaurants():
        count_missed_webhooks(organization_id, now=db_clock.now())
