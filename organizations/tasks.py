"""Scheduled and queued work: dictionaries, stop lists, and maintenance of logs and jobs."""

from procrastinate.contrib.django import app

from core.database import db_clock
from core.jobs.maintenance import forget_old_jobs, resume_stalled_jobs_one_at_a_time
from core.jobs.scheduling import BACKGROUND, scheduled
from organizations.connection.clients import ensure_environment_login
from organizations.dictionaries.sync import sync_logins
from organizations.models.connection import ApiLogin
from organizations.stop_lists.refresh import read_lists, sweep, want_all

DICTIONARIES = "dictionaries"


@scheduled("17 */6 * * *", lock=DICTIONARIES)
def sync_dictionaries() -> None:
    ensure_environment_login()
    sync_logins(ApiLogin.objects.active(), now=db_clock.now())


@scheduled("4-59/5 * * * *", at_start=True, lock=DICTIONARIES)
def sync_new_logins() -> None:
    """Read logins that are new. One that iiko refused is left out: repeats get the key blocked."""
    ensure_environment_login()
    sync_logins(ApiLogin.objects.active().filter(synced_at=None, last_error=""), now=db_clock.now())


@app.task(name="organizations.tasks.sync_one_login", queue=BACKGROUND, lock=DICTIONARIES)
def sync_one_login(login_pk: int) -> None:
    sync_logins(ApiLogin.objects.active().filter(pk=login_pk), now=db_clock.now())


@app.task(name="organizations.tasks.read_stop_lists", queue=BACKGROUND)
def read_stop_lists(organization_id: str) -> None:
    """Ask iiko for the stop lists that are due in a restaurant."""
    read_lists(organization_id, clock=db_clock.exactly_now)


# A webhook may be lost: each list is read at least so often.
@scheduled("7,37 * * * *")
def read_all_stop_lists() -> None:
    want_all(now=db_clock.now())


@scheduled("* * * * *", at_start=True)
def sweep_stop_lists() -> None:
    sweep(now=db_clock.now())


# Without a lock: a job whose worker died would keep the lock, and no other would free it.
@scheduled("* * * * *", at_start=True, lock=None)
def resume_jobs() -> None:
    resume_stalled_jobs_one_at_a_time()


@scheduled("41 * * * *")
def forget_jobs() -> None:
    forget_old_jobs()
