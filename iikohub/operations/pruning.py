"""Taking what is over its age, table by table (``core.privacy.retention``)."""

import time
from datetime import datetime

import structlog
from django.db import DatabaseError

from core.privacy.retention import prune, rules

logger = structlog.stdlib.get_logger(__name__)


def prune_all(*, now: datetime) -> None:
    """Apply every rule. One that fails is logged and keeps none of the others from their work.

    Raises:
        DatabaseError: the last failure, once all rules had their turn.
    """
    failure: DatabaseError | None = None
    for rule in rules():
        began = time.monotonic()
        try:
            done = max(prune(rule, now=now), default=0)
        except DatabaseError as error:
            logger.exception("prune.failed", table=rule.table)
            failure = error
            continue
        if done:
            took_ms = round((time.monotonic() - began) * 1000)
            logger.info("prune.done", table=rule.table, rows=done, duration_ms=took_ms)
    if failure is not None:
        raise failure
