"""One reading of a login's orders: who asks, whose turn it is, and where what was found goes."""

import contextlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from django.db.models import Q
from django.db.models.functions import Now

from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.json_reader import JsonObject
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync, SyncLease
from webhooks.reconciliation.store import store_orders

# A call ends within 45 s of tries and a last timeout of 25 s, beside what a 429 is waited out.
LONGEST_CALL_S = 80.0

_PROGRESS = (
    "origin",
    "revision",
    "synced_at",
    "read_from",
    "read_revision",
    "read_began_at",
    "error",
    "refusals",
    "retry_at",
    "open_asked_at",
)


class SyncRunning(HubError):
    code = "sync_running"


@contextlib.contextmanager
def lease(login: ApiLogin, *, wait_s: float) -> Iterator[Callable[[], None]]:
    """Hold the only reading of a login's orders, on whatever machine; gives what renews it for one more call.

    A lease on a row and no advisory lock: no transaction stays open while iiko is asked, and session locks
    do not work behind pgbouncer. Two readings at once would store everything once all the same; the lease
    spares iiko the double work.

    Raises:
        SyncRunning: somebody else holds it, or took it after it had run out.
    """
    holder = uuid.uuid4().hex
    rows = SyncLease.objects.filter(api_login=login)

    def take(where: Q) -> None:
        until = Now() + timedelta(seconds=LONGEST_CALL_S + wait_s)
        if not rows.filter(where).update(holder=holder, until=until):
            raise SyncRunning(
                f"The orders of the login {login.name!r} are being read by another process. "
                "Wait for it to end; if it was killed, its hold ends by itself within three minutes."
            )

    SyncLease.objects.bulk_create([SyncLease(api_login=login)], ignore_conflicts=True)
    take(Q(until__isnull=True) | Q(until__lt=Now()))
    try:
        yield lambda: take(Q(holder=holder))
    finally:
        rows.filter(holder=holder).update(holder="", until=None)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """``since`` reads by date from there, whatever is known; ``is_asked_for``: a person waits."""

    since: datetime | None = None
    dry_run: bool = False
    is_asked_for: bool = False
    wait_s: float = 0.0
    """How long a 429 is waited out; after that the next run goes on."""
    requested_by: str = "sync_orders"


@dataclass(slots=True)
class SyncResult:
    """Orders read and states that were news, by organization; ``failures`` are sentences for an operator."""

    read: Counter[str] = field(default_factory=Counter)
    news: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        self.read.update(other.read)
        self.news.update(other.news)
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class Run:
    """The reading of one login. ``renew`` comes before each call to iiko; a dry run writes nothing."""

    login: ApiLogin
    organizations: dict[str, Organization]
    client: IikoClient
    renew: Callable[[], None]
    now: Callable[[], datetime]
    report: Callable[[str], None]
    options: SyncOptions
    result: SyncResult = field(default_factory=SyncResult)

    def keep(self, organization_id: str, orders: Sequence[JsonObject]) -> None:
        """Store what is news of the orders that iiko told."""
        news = store_orders(organization_id, orders, dry_run=self.options.dry_run)
        self.result.read[organization_id] += len(orders)
        self.result.news[organization_id] += news

    def keep_by_id(self, organization_id: str, ids: Sequence[str]) -> set[str]:
        """Ask for orders by id and store them; returns the ids that were listed."""
        self.renew()
        found = self.client.orders_by_id(organization_id=organization_id, order_ids=ids).orders
        self.keep(organization_id, found)
        return {str(order.get("id", "")).lower() for order in found}

    def save(self, row: OrderSync) -> None:
        if not self.options.dry_run:
            row.save(update_fields=_PROGRESS)
