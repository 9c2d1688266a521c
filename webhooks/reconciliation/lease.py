"""One reading of a login's orders at a time, whatever machine it runs on.

A lease on a row and no advisory lock: no transaction stays open while iiko is asked, and session locks
do not work behind pgbouncer. Two readings at once would store everything once all the same; the lease
spares iiko the double work.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.db.models import Q
from django.db.models.functions import Now

from core.errors import HubError
from organizations.models.connection import ApiLogin
from webhooks.models.reconciliation import SyncLease

# A call ends within 45 s of tries and a last timeout of 25 s, beside what a 429 is waited out.
LONGEST_CALL_S = 80.0


class SyncRunning(HubError):
    code = "sync_running"


class Lease:
    """Held inside ``with``; ``renew`` before each call to iiko."""

    def __init__(self, login: ApiLogin, *, wait_s: float) -> None:
        self._login = login
        self._length = timedelta(seconds=LONGEST_CALL_S + wait_s)
        self._holder = uuid.uuid4().hex

    def __enter__(self) -> Self:
        """Take the lease.

        Raises:
            SyncRunning: somebody else holds it.
        """
        SyncLease.objects.bulk_create([SyncLease(api_login=self._login)], ignore_conflicts=True)
        self._take(Q(until__isnull=True) | Q(until__lt=Now()))
        return self

    def renew(self) -> None:
        """Hold it for one more call.

        Raises:
            SyncRunning: it ran out and somebody else took it.
        """
        self._take(Q(holder=self._holder))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        SyncLease.objects.filter(api_login=self._login, holder=self._holder).update(holder="", until=None)

    def _take(self, where: Q) -> None:
        rows = SyncLease.objects.filter(where, api_login=self._login)
        if not rows.update(holder=self._holder, until=Now() + self._length):
            raise SyncRunning(
                f"The orders of the login {self._login.name!r} are being read by another process. "
                "Wait for it to end; if it was killed, its hold ends by itself within three minutes."
            )


class NoLease:
    """For a dry run: it writes nothing, so it may run beside another."""

    def __enter__(self) -> Self:
        return self

    def renew(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return
