"""Keeping the figures fresh by the clock."""

from analytics.counting.progress import count_missed_webhooks, take_step
from core.database import db_clock
from core.jobs.scheduling import scheduled
from organizations.models.organization import Organization


def _restaurants() -> list[str]:
    return list(Organization.objects.order_by("pk").values_list("iiko_id", flat=True))


@scheduled("* * * * * 11-59/20", at_start=True)
def follow_changes() -> None:
    """Count what changed since the last time; a rebuilding goes on here, too, whoever began it."""
    for organization_id in _restaurants():
        while not take_step(organization_id).is_last:
            pass


@scheduled("9-59/10 * * * *", at_start=True)
def count_missed() -> None:
    for organization_id in _restaurants():
        count_missed_webhooks(organization_id, now=db_clock.now())
