"""Reconciliation by the clock: every login on its own, so that a slow one holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from core.database import db_clock
from core.errors import HubError
from webhooks.reconciliation.lease import SyncRunning
from webhooks.reconciliation.sync import LoginWork, NothingToSync, SyncOptions, sync_login, work_by_login

logger = logging.getLogger(__name__)

OPTIONS = SyncOptions(wait_s=10.0, requested_by="sync_orders (by the clock)")


def logins_to_sync() -> Iterator[int]:
    """Give the key of every login that an active organization is asked with."""
    try:
        yield from (work.login.pk for work in work_by_login())
    except NothingToSync:
        return


def sync_login_by_clock(login_id: int) -> None:
    """Read the orders of one login; what goes wrong is logged, on the rows, and tried again next time."""
    work = _work_of(login_id)
    if work is None:
        return
    try:
        done = sync_login(work, now=db_clock.now, report=lambda line: logger.debug(line), options=OPTIONS)
    except SyncRunning:
        logger.info("sync.under_way_elsewhere", extra={"api_login": login_id})
        return
    for failure in done.failures:
        logger.warning("sync.failed", extra={"api_login": login_id, "reason": failure})
    if done.news.total():
        logger.info(
            "sync.done", extra={"api_login": login_id, "read": done.read.total(), "news": dict(done.news)}
        )


def _work_of(login_id: int) -> LoginWork | None:
    try:
        return next((work for work in work_by_login() if work.login.pk == login_id), None)
    except HubError:
        return None
