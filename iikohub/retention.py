"""How long the hub as a whole and the libraries that it is built on keep their rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model, QuerySet
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
)

from core.jobs.maintenance import forget_old_jobs
from core.privacy.retention import delete_after, stays

_ACCOUNT = "an account: an administrator deletes it, and what belongs to it goes with it"
_WITH_MIGRATIONS = "made by the migrations"
_TWO_WEEKS = timedelta(days=14)

stays("django_migrations django_content_type auth_permission", _WITH_MIGRATIONS)
stays("auth_user auth_user_groups auth_user_user_permissions", _ACCOUNT)
stays("second_factors sign_outs", "one row for each account, deleted with it")
stays("two_step_groups", "set up by an administrator, who deletes it")
stays("auth_group auth_group_permissions", "set up by an administrator, who deletes it")
stays("address_checks zone_confirmations", "one row for each address or restaurant")
stays("axes_accessattemptexpiration", "deleted with its attempt")
stays("procrastinate_events", "deleted with their job")
stays("procrastinate_workers", "workers that died are deleted by those that live")

delete_after(
    "django_session",
    "sessions that ended",
    age=timedelta(0),
    due=lambda before: Session.objects.filter(expire_date__lt=before),
    moment="expire_date",
)
delete_after(
    "django_admin_log",
    "what was done in the admin so long ago",
    age="ADMIN_LOG_DAYS",
    due=lambda before: LogEntry.objects.filter(action_time__lt=before),
    moment="action_time",
)

# --- django-axes: wrong passwords ------------------------------------------------------------------------


def _tried_before(model: type[Model], moment: datetime) -> QuerySet[Model]:
    return model._default_manager.filter(attempt_time__lt=moment)


for _model in (AccessFailureLog, AccessAttempt, AccessLog):
    delete_after(
        _model._meta.db_table,
        "wrong passwords, or who signed in, so long ago",
        age=timedelta(days=settings.SIGN_IN_FAILURES_DAYS),
        due=partial(_tried_before, _model),
        moment="attempt_time",
    )

# --- procrastinate: jobs -----------------------------------------------------------------------------------


def _succeeded_before(moment: datetime) -> QuerySet[ProcrastinateJob]:
    ended = ProcrastinateEvent.objects.filter(type="succeeded", at__lt=moment)
    return ProcrastinateJob.objects.filter(status="succeeded", pk__in=ended.values("job_id"))


def _forget_jobs(_days: int, _now: datetime) -> Iterator[int]:
    before = ProcrastinateJob.objects.count()
    forget_old_jobs()
    yield max(before - ProcrastinateJob.objects.count(), 0)


def _forget_defers(_days: int, now: datetime) -> Iterator[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_periodic_defers WHERE job_id IS NULL AND defer_timestamp < %s",
            [(now - _TWO_WEEKS).timestamp()],
        )
        yield cursor.rowcount


delete_after(
    "procrastinate_jobs",
    "jobs that ended well a day ago, those that did not after two weeks (each hour, too)",
    age=timedelta(days=1),
    due=_succeeded_before,
    forget=_forget_jobs,
)
delete_after(
    "procrastinate_periodic_defers",
    "notes of scheduled runs whose jobs are gone, two weeks old",
    age=_TWO_WEEKS,
    due=lambda before: ProcrastinatePeriodicDefer.objects.filter(
        job__isnull=True, defer_timestamp__lt=before.timestamp()
    ),
    forget=_forget_defers,
)
