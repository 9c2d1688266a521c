"""What the link to iiko does by the clock."""

from __future__ import annotations

from django.conf import settings

from organizations.jobs import scheduled
from organizations.services.call_log import forget_old_calls
from organizations.services.job_care import forget_old_jobs, resume_stalled_jobs


@scheduled("* * * * *", at_start=True)
def resume_jobs() -> None:
    resume_stalled_jobs()


@scheduled("23 * * * *")
def forget_calls() -> None:
    forget_old_calls(days=settings.IIKO_CALL_LOG_DAYS)


@scheduled("41 * * * *")
def forget_jobs() -> None:
    forget_old_jobs()
