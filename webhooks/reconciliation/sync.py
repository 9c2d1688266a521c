"""Read from iiko what the webhooks did not bring.

Per login: the organizations whose revision is known are followed together (``by_revision``); those
without one, or away for longer than iiko looks back, are first read by date (``by_date``) and then
followed. How far an organization was read is written after what was found is stored, so a process may be
killed between any two lines: the next one reads a little twice and stores it once.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from core.errors import HubError
from core.values.ids import searchable_id
from iiko_client.http import errors, responses
from iiko_client.http.errors import IikoError, IikoRejected
from iiko_client.models.commands import OrdersPage
from orders.mirror.unlisted import forget_absent
from organizations.connection.clients import NoApiLogin, client_for, login_of
from organizations.errors import UnknownOrganization
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync
from webhooks.reconciliation.by_date import DateReading
from webhooks.reconciliation.open_orders import ask_for_open, ids_to_ask
from webhooks.reconciliation.run import Run, SyncOptions, SyncResult, lease

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

NO_LOGIN_ANYWHERE = (
    "No active restaurant has an API login. Add a login in the admin (API logins) or set IIKO_API_KEY, and "
    "run sync_dictionaries. A restaurant that is here already gets its login in the admin (Organizations)."
)


class NothingToSync(HubError):
    code = "nothing_to_sync"


@dataclass(frozen=True, slots=True)
class LoginWork:
    login: ApiLogin
    organizations: tuple[Organization, ...]


def active_organizations(organization_id: str | None = None) -> list[Organization]:
    """Return the active organizations, or the one that is named.

    Raises:
        UnknownOrganization: the one that is named is not here, or switched off.
        NoApiLogin: it has no login.
    """
    active = Organization.objects.filter(is_active=True).select_related("api_login")
    if organization_id is None:
        return list(active)
    named = active.filter(iiko_id=searchable_id(organization_id)).first()
    if named is None:
        raise UnknownOrganization(f"No active organization {searchable_id(organization_id)} here.")
    login_of(named)
    return [named]


def by_login(organizations: Iterable[Organization]) -> list[LoginWork]:
    """Put together what is asked with one login; organizations without one are left out."""
    found: dict[ApiLogin, list[Organization]] = {}
    for organization in organizations:
        with contextlib.suppress(NoApiLogin):
            found.setdefault(login_of(organization), []).append(organization)
    return [LoginWork(login, tuple(some)) for login, some in found.items()]


def work_by_login(organization_id: str | None = None) -> list[LoginWork]:
    """Return the active organizations that have a login, by login; or the one that is named.

    Raises:
        UnknownOrganization, NoApiLogin: as ``active_organizations``.
        NothingToSync: no organization has one.
    """
    work = by_login(active_organizations(organization_id))
    if not work:
        raise NothingToSync(NO_LOGIN_ANYWHERE)
    return work


def sync_login(
    work: LoginWork, *, now: Callable[[], datetime], report: Callable[[str], None], options: SyncOptions
) -> SyncResult:
    """Read the orders of a login's organizations; what fails is in the result and on the row.

    Raises:
        SyncRunning: another process reads the orders of this login.
    """
    # A dry run writes nothing, so it may run beside another.
    hold = (
        contextlib.nullcontext(lambda: None) if options.dry_run else lease(work.login, wait_s=options.wait_s)
    )
    with hold as renew:
        try:
            client = client_for(work.login, requested_by=options.requested_by, wait_s=options.wait_s)
        except HubError as error:
            return SyncResult(failures=[f"Login {work.login.name!r}: {error!s}"])
        organizations = {one.iiko_id: one for one in work.organizations}
        run = Run(work.login, organizations, client, renew, now, report, options)
        _Sync(run).read()
    return run.result


class _StopLogin(Exception):
    """iiko would refuse the rest of this login's calls, too."""


class _Sync:
    """Reads the organizations of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._login_text = f"Login {run.login.name!r}"

    def read(self) -> None:
        rows, now = self._load(), self._run.now()
        if not self._run.options.is_asked_for:
            rows = [row for row in rows if row.retry_at is None or row.retry_at <= now]
        try:
            behind = [row for row in rows if not self._is_followed(row)]
            for group in _groups([row for row in rows if row not in behind], now):
                self._follow(group)
            self._start_over(behind)
        except _StopLogin:
            self._run.result.failures.append(f"{self._login_text}: stopped, the rest would be refused too.")

    # --- where we are ---

    def _load(self) -> list[OrderSync]:
        organizations = self._run.organizations
        rows = list(OrderSync.objects.filter(organization_id__in=organizations))
        known = {row.organization_id for row in rows}
        missing = (one for one in organizations.values() if one.iiko_id not in known)
        new = [OrderSync(organization=one, judged_until=self._run.now()) for one in missing]
        if not self._run.options.dry_run:
            OrderSync.objects.bulk_create(new, ignore_conflicts=True)
        origin = f"{self._run.login.pk} {self._run.login.base_url or settings.IIKO_API_URL}"
        for row in (rows := [*rows, *new]):
            if row.origin != origin:  # revisions of another server count other things
                row.origin = origin
                row.revision = row.read_from = row.read_revision = row.read_began_at = None
        return sorted(rows, key=lambda row: organizations[row.organization_id].name)

    def _is_followed(self, row: OrderSync) -> bool:
        if self._run.options.since is not None or row.revision is None or row.synced_at is None:
            return False
        return row.read_from is None and self._run.now() - row.synced_at < REACHES_BACK

    # --- by revision ---

    def _follow(self, rows: Sequence[OrderSync], *, was_read: bool = False) -> None:
        """Ask what changed since the lowest revision of these; after it all have the same.

        ``was_read``: their revision comes from a reading by date just now.
        """
        asked_at = self._run.now()
        start = min(row.revision or 0 for row in rows)
        try:
            self._run.renew()
            page = self._run.client.orders_by_revision(
                organization_ids=[row.organization_id for row in rows], after_revision=start
            )
        except IikoError as error:
            if not was_read and isinstance(error, errors.IikoRevisionTooOld):
                self._run.report(f"{self._login_text}: iiko no longer tells changes since revision {start}.")
                self._start_over(rows)
            else:
                self._refused(rows, error)
            return
        self._keep(page)
        for row in rows:
            # An empty answer may carry no number of its own; going back would ask for all again. A number
            # below ours says that ours cannot be: kept, it would let nothing through any more.
            row.revision = page.max_revision or start
            row.synced_at, row.error, row.refusals, row.retry_at = asked_at, "", 0, None
            self._run.save(row)
            self._ask_for_open(row)

    def _keep(self, page: OrdersPage) -> None:
        for organization_id, orders in page.orders.items():
            if organization_id in self._run.organizations:
                self._run.keep(organization_id, orders)
            elif orders:
                logger.warning("sync.orders_of_a_stranger", extra={"organization_id": organization_id})

    def _ask_for_open(self, row: OrderSync) -> None:
        """Ask by id for open orders without news. The reading by revision is done, however that ends."""
        now = self._run.now()
        if self._run.options.dry_run or not (ids := ids_to_ask(row.organization_id, row, now)):
            return
        row.open_asked_at = now
        self._run.save(row)
        try:
            ask_for_open(self._run, self._run.organizations[row.organization_id], ids)
        except IikoError as error:
            logger.warning(
                "sync.open_orders_not_asked",
                extra={"organization_id": row.organization_id, "error": type(error).__name__},
            )
            if isinstance(error, IikoRejected | errors.IikoAuthFailed):
                # Refused calls repeated get the key blocked: not again before the next time.
                forget_absent(row.organization_id, ids)
            _stop_if_refused(error)

    def _refused(self, rows: Sequence[OrderSync], error: IikoError) -> None:
        if len(rows) > 1 and isinstance(error, IikoRejected):
            # One of them is the reason; the others must not wait for it.
            self._run.report(f"{self._login_text}: {error}. Asking for each restaurant by itself.")
            for row in rows:
                self._follow([row])
            return
        for row in rows:
            self._fail(row, error)
        _stop_if_refused(error)

    # --- by date ---

    def _start_over(self, rows: Sequence[OrderSync]) -> None:
        """Read by date, then follow from where that began."""
        ready = [row for row in rows if self._read_dates(row)]
        for group in _groups(ready, self._run.now()):
            self._follow(group, was_read=True)

    def _read_dates(self, row: OrderSync) -> bool:
        """Read an organization's orders by date; whether its revision is known now."""
        named = self._run.options.since
        since = named or (row.synced_at or self._run.now()) - _LOOKS_BACK
        try:
            DateReading(self._run, row).read(since=since, is_exact=named is not None)
        except IikoError as error:
            self._fail(row, error)
            _stop_if_refused(error)
            return False
        return True

    def _fail(self, row: OrderSync, error: IikoError) -> None:
        row.error = str(error)
        pause = None
        if isinstance(error, errors.IikoAuthFailed):
            pause = _NOT_LET_IN
        elif isinstance(error, IikoRejected):
            # The same question again and again gets the key blocked (docs/iiko.md#blocked-keys).
            row.refusals += 1
            pause = min(_FIRST_PAUSE * 2 ** min(row.refusals - 1, 10), _LONGEST_PAUSE)
        elif isinstance(error, errors.IikoBusy):
            pause = timedelta(seconds=error.retry_after_s)
        if pause is not None:
            row.retry_at = self._run.now() + pause
        self._run.save(row)
        name = self._run.organizations[row.organization_id].name
        self._run.result.failures.append(f"{name}: {error}")


def _stop_if_refused(error: IikoError) -> None:
    is_let_in = not isinstance(error, errors.IikoAuthFailed) or error.code == responses.RIGHT_MISSING
    if isinstance(error, errors.IikoBlocked) or not is_let_in:
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
