"""Maintenance of the job queue: what a dead worker left, and what is old."""

from datetime import datetime

import structlog
from asgiref.sync import async_to_sync
from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Job, Status

from core.database import db_clock
from core.database.advisory_locks import AdvisoryLock, acquire

logger = structlog.stdlib.get_logger(__name__)

SILENT_S = 60.0
"""A worker without a heartbeat for so long is taken for dead. It sends one every 10 s."""

_KEEP_DONE_H = 24
_KEEP_FAILED_H = 14 * 24


@transaction.atomic
def resume_stalled_jobs_one_at_a_time() -> None:
    """Run ``resume_stalled_jobs`` in one worker at a time.

    Two at once might queue again what a third has just begun. The lock ends with this transaction; the jobs
    themselves are written over procrastinate's own connections, as in every task of a worker.
    """
    acquire(AdvisoryLock.STALLED_JOBS, "")
    resume_stalled_jobs()


def resume_stalled_jobs() -> int:
    """Queue again what dead workers had begun; return how many jobs."""
    return async_to_sync(_resume_stalled_jobs)(db_clock.now())


async def _resume_stalled_jobs(at: datetime) -> int:
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_S))
    for job in stalled:
        logger.warning("jobs.stalled", task=job.task_name, job_id=job.id)
        await _resume(job, at)
    return len(stalled)


async def _resume(job: Job, at: datetime) -> None:
    try:
        await app.job_manager.retry_job(job, retry_at=at)
    except exceptions.UniqueViolation:
        # The same work waits in the queue already (its queueing lock); this job is dropped.
        await app.job_manager.finish_job(job, Status.ABORTED, delete_job=False)


def forget_old_jobs() -> None:
    """Delete jobs that ended well a day ago, and those that did not after two weeks."""
    async_to_sync(_forget_old_jobs)()


async def _forget_old_jobs() -> None:
    await app.job_manager.delete_old_jobs(_KEEP_DONE_H)
    await app.job_manager.delete_old_jobs(
        _KEEP_FAILED_H, include_failed=True, include_cancelled=True, include_aborted=True
    )
