"""What is done to the audit log by the clock."""

from django.conf import settings

from audit.retention import forget_old_entries
from core.database import db_clock
from core.jobs.scheduling import scheduled


@scheduled("23 * * * *")
def forget_audit_entries() -> None:
    forget_old_entries(days=settings.AUDIT_RETENTION_DAYS, now=db_clock.now())
