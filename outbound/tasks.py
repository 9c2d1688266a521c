"""What outbound webhooks need by the clock; sending is a loop of the worker (``loops``)."""

from django.conf import settings

from core.database import db_clock
from core.jobs.scheduling import scheduled
from outbound.retention import forget_old_events


@scheduled("43 * * * *")
def forget_events() -> None:
    forget_old_events(days=settings.OUTBOUND_RETENTION_DAYS, now=db_clock.now())
