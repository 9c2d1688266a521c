"""What webhooks need by the clock."""

import contextlib
import logging
import random
from datetime import timedelta

from procrastinate import exceptions
from procrastinate.contrib.django import app

from core.database import db_clock
from core.jobs.scheduling import scheduled
from webhooks.monitoring.link_monitor import watch_links
from webhooks.monitoring.pos_watch import ask_login, logins_to_ask
from webhooks.processing.months import analyse_months, make_months
from webhooks.reconciliation.missed_webhooks import count_missed
from webhooks.reconciliation.run import SyncOptions, SyncRunning
from webhooks.reconciliation.sync import active_organizations, by_login, sync_login
from webhooks.registration.watch import register_all, register_new, watch_webhooks

logger = logging.getLogger(__name__)

REGISTRATION = "webhook registration"
_BY_LOGIN = "sync"
# Not every hub in the country at the first second of the minute.
_SPREAD_S = 5
_OPTIONS = SyncOptions(wait_s=10.0, requested_by="sync_orders (by the clock)")


@scheduled(at_start=True, lock=REGISTRATION)
def register_at_start() -> None:
    register_all(now=db_clock.now())


@scheduled("3-59/5 * * * *", lock=REGISTRATION)
def register_new_webhooks() -> None:
    register_new()


@scheduled("11-59/15 * * * *", lock=REGISTRATION)
def watch_registered_webhooks() -> None:
    watch_webhooks(now=db_clock.now())


# Every minute: by_revision was asked every 20 s in the field (docs/iiko.md#by-revision).
@scheduled("* * * * *", at_start=True)
def sync_orders() -> None:
    """Queue a reading for every login, each on its own, so that a slow one holds up no other."""
    for work in by_login(active_organizations()):
        name = f"sync_orders/{work.login.pk}"
        pause = timedelta(seconds=random.randint(0, _SPREAD_S))  # noqa: S311  # jitter
        task = sync_login_orders.configure(queueing_lock=name, schedule_at=db_clock.now() + pause)
        with contextlib.suppress(exceptions.AlreadyEnqueued):
            task.defer(login_id=work.login.pk)


@app.task(name="webhooks.tasks.sync_login_orders", queue=_BY_LOGIN)
def sync_login_orders(login_id: int) -> None:
    """Read the orders of one login; what goes wrong is logged, on the rows, and tried again next time."""
    work = next((work for work in by_login(active_organizations()) if work.login.pk == login_id), None)
    if work is None:
        return
    try:
        done = sync_login(work, now=db_clock.now, report=lambda line: logger.debug(line), options=_OPTIONS)
    except SyncRunning:
        logger.info("sync.under_way_elsewhere", extra={"api_login": login_id})
        return
    for failure in done.failures:
        logger.warning("sync.failed", extra={"api_login": login_id, "reason": failure})
    if done.news.total():
        logger.info(
            "sync.done", extra={"api_login": login_id, "read": done.read.total(), "news": dict(done.news)}
        )


@scheduled("29 * * * *", at_start=True)
def make_months_ahead() -> None:
    make_months(now=db_clock.now())


@scheduled("41 2 * * *")
def analyse_the_inbox() -> None:
    analyse_months()


@scheduled("* * * * *")
def watch_the_links() -> None:
    now = db_clock.now()
    count_missed(now=now)
    watch_links(now=now)


# Every 20 seconds (the sixth column): what waits a minute is seen within two.
@scheduled("* * * * * */20")
def watch_pos() -> None:
    for login_id in logins_to_ask(now=db_clock.now()):
        task = ask_login_about_pos.configure(queueing_lock=f"watch_pos/{login_id}")
        with contextlib.suppress(exceptions.AlreadyEnqueued):
            task.defer(login_id=login_id)


@app.task(name="webhooks.tasks.ask_login_about_pos", queue=_BY_LOGIN)
def ask_login_about_pos(login_id: int) -> None:
    ask_login(login_id, now=db_clock.now())
