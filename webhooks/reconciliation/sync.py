"""Read from iiko what the webhooks did not bring.

Per login: the organizations whose revision is known are followed together (``by_revision``); those
without one, or away for longer than iiko looks back, are first read by date (``reconcile_dates``) and
then followed. How far an organization was read is written after what was found is stored, so a
process may be killed between any two lines: the next one reads a little twice and stores it once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from core.errors import HubError
from core.values.ids import searchable_id
from iiko_client.client import IikoClient
from iiko_client.http import responses
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBlocked,
    IikoBusy,
    IikoError,
    IikoRejected,
    IikoRevisionTooOld,
)
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import OrdersPage
from orders.mirror.unlisted import forget_absent, note_absent
from organizations.connection.clients import NoApiLogin, client_for, login_of
from organizations.errors import UnknownOrganization
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync
from webhooks.reconciliation.by_date import DateReading
from webhooks.reconciliation.lease import Lease, NoLease
from webhooks.reconciliation.open_orders import ask_for_open, ids_to_ask
from webhooks.reconciliation.store import store_orders

logger = logging.getLogger(__name__)

REACHES_BACK = timedelta(hours=3)  # docs/iiko.md#by-revision
TOGETHER = 50
"""Organizations in one question. The vendor names no limit; an answer should stay of a readable size."""
TOGETHER_AFTER_PAUSE = 5
_SHORT_PAUSE = timedelta(minutes=15)
_FIRST_PAUSE = timedelta(minutes=2)
_NOT_LET_IN = timedelta(minutes=5)
_LONGEST_PAUSE = timedelta(hours=1)
_LOOKS_BACK = timedelta(days=1)
"""How long before the gap an order may have been promised that changed within it."""

Report = Callable[[str], None]
Clock = Callable[[], datetime]


NO_LOGIN_ANYWHERE = (
    "No active restaurant has an API login. Add a login in the admin (API logins) or set IIKO_API_KEY, and "
    "run sync_dictionaries. A restaurant that is here already gets its login in the admin (Organizations)."
)


class NothingToSync(HubError):
    code = "nothing_to_sync"


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

    def add(self, other: SyncResult) -> None:
        self.read.update(other.read)
        self.news.update(other.news)
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class LoginWork:
    login: ApiLogin
    organizations: tuple[Organization, ...]


def work_by_login(organization_id: str | None = None) -> list[LoginWork]:
    """Return the active organizations that have a login, by login; or the one that is named.

    Raises:
        UnknownOrganization: the one that is named is not here, or switched off.
        NoApiLogin: it has no login.
        NothingToSync: no organization has one.
    """
    active = Organization.objects.filter(is_active=True).select_related("api_login")
    if organization_id is not None:
        named = active.filter(iiko_id=searchable_id(organization_id)).first()
        if named is None:
            raise UnknownOrganization(f"No active organization {searchable_id(organization_id)} here.")
        return [LoginWork(login_of(named), (named,))]
    found: dict[int, tuple[ApiLogin, list[Organization]]] = {}
    for organization in active:
        try:
            login = login_of(organization)
        except NoApiLogin:
            continue
        found.setdefault(login.pk, (login, []))[1].append(organization)
    if not found:
        raise NothingToSync(NO_LOGIN_ANYWHERE)
    return [LoginWork(login, tuple(organizations)) for login, organizations in found.values()]


def sync_login(work: LoginWork, *, now: Clock, report: Report, options: SyncOptions) -> SyncResult:
    """Read the orders of a login's organizations; what fails is in the result and on the row.

    Raises:
        SyncRunning: another process reads the orders of this login.
    """
    lease = NoLease() if options.dry_run else Lease(work.login, wait_s=options.wait_s)
    with lease:
        try:
            client = client_for(work.login, requested_by=options.requested_by, wait_s=options.wait_s)
        except HubError as error:
            return SyncResult(failures=[f"Login {work.login.name!r}: {error!s}"])
        sync = _Sync(work, client, lease, now, report, options)
        sync.run()
    return sync.result


class _StopLogin(Exception):
    """iiko would refuse the rest of this login's calls, too."""


class _Sync:
    """One run over one login."""

    def __init__(
        self,
        work: LoginWork,
        client: IikoClient,
        lease: Lease | NoLease,
        now: Clock,
        report: Report,
        options: SyncOptions,
    ) -> None:
        self.result = SyncResult()
        self._login = work.login
        self._client, self._lease, self._now, self._report, self._options = (
            client, lease, now, report, options,
        )  # fmt: skip
        self._origin = f"{work.login.pk} {work.login.base_url or settings.IIKO_API_URL}"
        self._names = {one.iiko_id: one.name for one in work.organizations}
        self._organizations = {one.iiko_id: one for one in work.organizations}
        self._rows = self._load(work.organizations)

    def run(self) -> None:
        try:
            rows = [row for row in self._rows if self._is_due(row)]
            behind = [row for row in rows if not self._is_followed(row)]
            for group in _groups([row for row in rows if row not in behind], self._now()):
                self._follow(group)
            self._start_over(behind)
        except _StopLogin:
            self.result.failures.append(
                f"Login {self._login.name!r}: stopped, the rest would be refused too."
            )

    # --- where we are ---

    def _load(self, organizations: Iterable[Organization]) -> list[OrderSync]:
        known = {
            row.organization_id: row for row in OrderSync.objects.filter(organization_id__in=self._names)
        }
        new = [
            OrderSync(organization=one, judged_until=self._now())
            for one in organizations
            if one.iiko_id not in known
        ]
        if not self._options.dry_run:
            OrderSync.objects.bulk_create(new, ignore_conflicts=True)
        rows = [*known.values(), *new]
        for row in rows:
            if row.origin != self._origin:  # revisions of another server count other things
                row.origin = self._origin
                row.revision = row.read_from = row.read_revision = row.read_began_at = None
        return sorted(rows, key=lambda row: self._names[row.organization_id])

    def _is_due(self, row: OrderSync) -> bool:
        return self._options.is_asked_for or row.retry_at is None or row.retry_at <= self._now()

    def _is_followed(self, row: OrderSync) -> bool:
        if self._options.since is not None or row.revision is None or row.synced_at is None:
            return False
        return row.read_from is None and self._now() - row.synced_at < REACHES_BACK

    # --- by revision ---

    def _follow(self, rows: Sequence[OrderSync], *, was_read: bool = False) -> None:
        """Ask what changed since the lowest revision of these; after it all have the same.

        ``was_read``: their revision comes from a reading by date just now.
        """
        asked_at = self._now()
        start = min(row.revision or 0 for row in rows)
        try:
            self._lease.renew()
            page = self._client.orders_by_revision(
                organization_ids=[row.organization_id for row in rows], after_revision=start
            )
        except IikoRevisionTooOld as error:
            if was_read:
                self._refused(rows, error)
                return
            self._report(f"Login {self._login.name!r}: iiko no longer tells changes since revision {start}.")
            self._start_over(rows)
            return
        except IikoError as error:
            self._refused(rows, error)
            return
        self._keep_page(page)
        for row in rows:
            # An empty answer may carry no number of its own; going back would ask for all again. A number
            # below ours says that ours cannot be: kept, it would let nothing through any more.
            row.revision = page.max_revision or start
            self._advance(row, asked_at)
            self._ask_for_open(row)

    def _ask_for_open(self, row: OrderSync) -> None:
        """Ask by id for open orders without news. The reading by revision is done, however that ends."""
        now = self._now()
        if self._options.dry_run or not (ids := ids_to_ask(row.organization_id, row, now)):
            return
        row.open_asked_at = now
        self._save(row)
        try:
            ask_for_open(
                self._organizations[row.organization_id], ids,
                client=self._client, before_call=self._lease.renew, keep=self._keep, now=self._now,
            )  # fmt: skip
        except IikoError as error:
            logger.warning(
                "sync.open_orders_not_asked",
                extra={"organization_id": row.organization_id, "error": type(error).__name__},
            )
            if isinstance(error, IikoRejected | IikoAuthFailed):
                # Refused calls repeated get the key blocked: not again before the next time.
                forget_absent(row.organization_id, ids)
            self._stop_if_refused(error)

    def _note_absent(self, organization_id: str, iiko_order_ids: Sequence[str]) -> None:
        if not self._options.dry_run:
            note_absent(organization_id, iiko_order_ids, now=self._now())

    def _start_over(self, rows: Sequence[OrderSync]) -> None:
        """Read by date, then follow from where that began."""
        ready = [row for row in rows if self._read_dates(row)]
        for group in _groups(ready, self._now()):
            self._follow(group, was_read=True)

    def _refused(self, rows: Sequence[OrderSync], error: IikoError) -> None:
        if len(rows) > 1 and isinstance(error, IikoRejected):
            # One of them is the reason; the others must not wait for it.
            self._report(f"Login {self._login.name!r}: {error}. Asking for each restaurant by itself.")
            for row in rows:
                self._follow([row])
            return
        for row in rows:
            self._fail(row, error)
        self._stop_if_refused(error)

    # --- by date ---

    def _read_dates(self, row: OrderSync) -> bool:
        """Read an organization's orders by date; whether its revision is known now."""
        organization = self._organizations[row.organization_id]
        since = self._options.since or (row.synced_at or self._now()) - _LOOKS_BACK
        reading = DateReading(
            organization, row, self._client, self._now,
            before_call=self._lease.renew, keep=self._keep, save=self._save, report=self._report,
            note_absent=self._note_absent,
        )  # fmt: skip
        try:
            reading.run(since=since, is_exact=self._options.since is not None)
        except IikoError as error:
            self._fail(row, error)
            self._stop_if_refused(error)
            return False
        return True

    # --- what was found ---

    def _keep_page(self, page: OrdersPage) -> None:
        for organization_id, orders in page.orders.items():
            if organization_id in self._names:
                self._keep(organization_id, orders)
            elif orders:
                logger.warning("sync.orders_of_a_stranger", extra={"organization_id": organization_id})

    def _keep(self, organization_id: str, orders: Sequence[JsonObject]) -> None:
        news = store_orders(organization_id, orders, dry_run=self._options.dry_run)
        self.result.read[organization_id] += len(orders)
        self.result.news[organization_id] += news

    def _advance(self, row: OrderSync, asked_at: datetime) -> None:
        row.synced_at, row.error, row.refusals, row.retry_at = asked_at, "", 0, None
        self._save(row)

    def _fail(self, row: OrderSync, error: IikoError) -> None:
        row.error = str(error)
        if isinstance(error, IikoAuthFailed):
            row.retry_at = self._now() + _NOT_LET_IN
        elif isinstance(error, IikoRejected):
            # The same question again and again gets the key blocked (docs/iiko.md#blocked-keys).
            row.refusals += 1
            row.retry_at = self._now() + min(_FIRST_PAUSE * 2 ** min(row.refusals - 1, 10), _LONGEST_PAUSE)
        elif isinstance(error, IikoBusy):
            row.retry_at = self._now() + timedelta(seconds=error.retry_after_s)
        self._save(row)
        self.result.failures.append(f"{self._names[row.organization_id]}: {error}")

    def _save(self, row: OrderSync) -> None:
        if not self._options.dry_run:
            row.save(
                update_fields=[
                    "origin", "revision", "synced_at", "read_from", "read_revision", "read_began_at",
                    "error", "refusals", "retry_at", "open_asked_at",
                ]
            )  # fmt: skip

    def _stop_if_refused(self, error: IikoError) -> None:
        if isinstance(error, IikoBlocked) or (
            isinstance(error, IikoAuthFailed) and error.code != responses.RIGHT_MISSING
        ):
            raise _StopLogin from error


def _groups(rows: Sequence[OrderSync], now: datetime) -> list[list[OrderSync]]:
    """Put together what can be asked together: whoever was refused last time is asked alone.

    After a pause fewer at once, so that no answer holds hours of a whole chain.
    """
    alone = [[row] for row in rows if row.refusals]
    rest = [row for row in rows if not row.refusals]
    was_away = any(row.synced_at and now - row.synced_at > _SHORT_PAUSE for row in rest)
    size = TOGETHER_AFTER_PAUSE if was_away else TOGETHER
    return [rest[at : at + size] for at in range(0, len(rest), size)] + alone
