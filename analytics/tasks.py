"""Keeping the figures fresh by the clock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from analytics.counting.progress import count_missed_webhooks, take_step
from core.database import db_clock
from core.jobs.scheduling import scheduled
from organizations.models.organization import Organization

logger = structlog.stdlib.get_logger(__name__)

_PATIENCE_S = 15.0
"""After so long the next run goes on: other tasks must not wait for a rebuilding."""


def _restaurants() -> list[str]:
    return list(Organization.objects.order_by("pk").values_list("iiko_id", flat=True))


@contextmanager
def _apart(organization_id: str, errors: list[Exception]) -> Iterator[None]:
    """Keep what one restaurant raises, so that those behind it are counted all the same."""
    try:
        yield
    except Exception as error:
        logger.exception("analytics.restaurant_failed", organization_id=organization_id)
        errors.append(error)


@scheduled("* * * * * 11-59/20", at_start=True)
def follow_changes() -> None:
    """Count what changed since the last time; a rebuilding goes on here, too, whoever began it."""
    until = time.monotonic() + _PATIENCE_S
    waiting = _restaurants()
    errors: list[Exception] = []
    # In turn, so that none waits until another is counted from its first order.
    while waiting and time.monotonic() < until:
        in_turn, waiting = waiting, []
        for organization_id in in_turn:
            with _apart(organization_id, errors):
                if not take_step(organization_id).is_last:
                    waiting.append(organization_id)
    if errors:
        raise errors[0]


@scheduled("9-59/10 * * * *", at_start=True)
def count_missed() -> None:
    errors: list[Exception] = []
    for organization_id in _restaurants():
        with _apart(organization_id, errors):
            count_missed_webhooks(organization_id, now=db_clock.now())
    if errors:
        raise errors[0]
