"""Refresh of the stop lists: a message says whose list changed, so iiko is asked what is on it.

What is due is a row first; a worker then asks iiko once for all that is due in a restaurant. It waits until
no message has come for ``QUIET``, for ten products make ten messages, but not longer than ``LONGEST_WAIT``.
One worker at a time asks for a restaurant (a lease on ``StopListReading``); what changes meanwhile is read
once more afterwards. ``sweep`` finds what is overdue because a job or a worker was lost. Why it is no
``core.outbox``: docs/adr/0011. What a message says: docs/iiko.md#stop-lists-and-shifts.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from procrastinate.contrib.django import app

from core import trace
from core.database.sql_bulk import encode
from core.errors import HubError
from core.outbox import Clock, pause_after
from iiko_client.http.errors import IikoBusy, IikoError
from iiko_client.json_reader import is_uuid
from iiko_client.models.dictionaries import StopLists
from organizations.connection.clients import BadApiLogin, NoApiLogin, credentials_of, iiko_for, login_of
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.stop_lists import StopListGroup, StopListReading
from organizations.stop_lists.intervals import keep_lists

logger = structlog.stdlib.get_logger(__name__)

QUIET = timedelta(seconds=2)
"""Our choice, as is ``LONGEST_WAIT``: iiko does not document the pace of its messages."""

LONGEST_WAIT = timedelta(seconds=10)

LEASE = timedelta(seconds=90)
"""About as long as a call with its retries takes; then its worker is taken for dead."""

_PAUSES = tuple(timedelta(seconds=s) for s in (15, 30, 60, 120, 300, 600, 1800))

OVERDUE = timedelta(seconds=15)
"""What has been due for so long was lost with a worker or a job."""

WITHOUT_LOGIN = (NoApiLogin.code, BadApiLogin.code)
"""Not tried again until a person has given the restaurant a login."""


@dataclass(frozen=True, slots=True)
class ListChange:
    """A report that a terminal group's stop list changed. ``is_full``: iiko updated the whole list."""

    organization_id: str
    terminal_group_id: str
    is_full: bool


_UPSERT_CHANGES = """
INSERT INTO stop_list_groups AS g
    (organization_id, terminal_group_id, changes, changed_since, changed_at, is_full)
SELECT organization_id, terminal_group_id, changes, %(now)s, %(now)s, is_full
FROM json_to_recordset(%(reported)s::json)
    AS reported (organization_id text, terminal_group_id text, changes bigint, is_full boolean)
ORDER BY organization_id, terminal_group_id
ON CONFLICT (organization_id, terminal_group_id) DO UPDATE SET
    changes = g.changes + excluded.changes,
    changed_since = coalesce(g.changed_since, excluded.changed_since),
    changed_at = excluded.changed_at,
    is_full = excluded.is_full OR (g.changed_since IS NOT NULL AND g.is_full)
RETURNING organization_id, changed_since = %(now)s
"""


def note_changes(changes: Sequence[ListChange], *, now: datetime) -> None:
    """Store that lists changed and queue a job; call it inside a transaction.

    It locks no row but that of the terminal group and makes no call, so a message is cheap.
    """
    reported: dict[tuple[str, str], list[bool]] = {}
    for change in changes:
        reported.setdefault((change.organization_id, change.terminal_group_id), []).append(change.is_full)
    rows = [
        {"organization_id": one, "terminal_group_id": group, "changes": len(fulls), "is_full": any(fulls)}
        for (one, group), fulls in reported.items()
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT_CHANGES, {"reported": encode(rows), "now": now})
        # A list that was due already has its job.
        newly_due = {organization_id for organization_id, is_new in cursor.fetchall() if is_new}
    for organization_id in sorted(newly_due):
        _queue_reading(organization_id, now + QUIET)


def want_lists(organization_ids: Iterable[str], *, now: datetime) -> int:
    """Have all stop lists of these restaurants read; return how many restaurants.

    This ends a pause after a failure. Several requests make one call.
    """
    ids = sorted(set(organization_ids))
    StopListReading.objects.bulk_create(
        [StopListReading(organization_id=one) for one in ids], ignore_conflicts=True
    )
    with transaction.atomic():
        StopListReading.objects.filter(organization_id__in=ids).update(wanted_at=now, retry_at=None)
        for organization_id in ids:
            _queue_reading(organization_id, now)
    return len(ids)


def _queue_reading(organization_id: str, at: datetime) -> None:
    """Queue a job that reads what is due, by the name of its task, which imports this module."""
    task = app.configure_task("organizations.tasks.read_stop_lists", schedule_at=at)
    task.defer(organization_id=organization_id)


def want_all(*, now: datetime) -> int:
    """Have the stop lists of all restaurants with a login read; return how many restaurants."""
    organizations = Organization.objects.filter(is_active=True).select_related("api_login")
    return want_lists([one.iiko_id for one in organizations if _has_login(one)], now=now)


def sweep(*, now: datetime) -> None:
    """Queue jobs for what is overdue and has no lease: a worker died, a job was lost, a pause is over."""
    late = now - OVERDUE
    changed = StopListGroup.objects.due().filter(organization=OuterRef("iiko_id"), changed_since__lt=late)
    is_free = Q(stop_list_reading__lease_until__isnull=True) | Q(stop_list_reading__lease_until__lt=now)
    is_past = Q(stop_list_reading__retry_at__isnull=True) | Q(stop_list_reading__retry_at__lt=late)
    waiting = Organization.objects.filter(
        Exists(changed) | Q(stop_list_reading__wanted_at__lt=late), is_free, is_past, is_active=True
    ).select_related("api_login", "stop_list_reading")
    for organization in waiting.order_by("iiko_id")[:500]:
        reading = getattr(organization, "stop_list_reading", None)
        lacked_login = reading is not None and reading.error_code in WITHOUT_LOGIN
        if not lacked_login or _has_login(organization):
            _queue_reading(organization.iiko_id, now)


def _has_login(organization: Organization) -> bool:
    try:
        credentials_of(login_of(organization))
    except HubError:
        return False
    return True


# --- one reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a worker is about to ask for, and the state at that moment."""

    organization: Organization
    holder: str
    at: datetime
    wanted_at: datetime | None
    changes: dict[str, int]
    """How many messages each due terminal group had sent."""
    asked: frozenset[str]
    """The terminal groups that the answer is about."""
    named: tuple[str, ...] | None
    """Those named in the request; None asks for all there are."""


def read_lists(organization_id: str, *, clock: Clock) -> None:
    """Ask iiko once for what is due in a restaurant; call it outside a transaction.

    Safe to call at any time and from several workers: a call that is too early, or the second of two, does
    nothing.
    """
    claim = _claim(organization_id, clock())
    if claim is None:
        return
    answer: StopLists | IikoError | HubError
    try:
        answer = _ask(claim)
    except (IikoError, HubError) as error:
        answer = error
    _record(claim, answer, clock())


@transaction.atomic
def _claim(organization_id: str, now: datetime) -> _Claim | None:
    organization = Organization.objects.filter(iiko_id=organization_id, is_active=True).first()
    if organization is None:
        return None
    reading = _locked(organization_id)
    if any(moment and moment > now for moment in (reading.lease_until, reading.retry_at)):
        return None
    due = list(StopListGroup.objects.due().filter(organization_id=organization_id))
    if not due and reading.wanted_at is None:
        return None
    if reading.wanted_at is None and (quiet_at := _quiet_at(due)) > now:
        _queue_reading(organization_id, quiet_at)
        return None
    reading.holder, reading.lease_until = uuid.uuid4().hex, now + LEASE
    reading.save(update_fields=["holder", "lease_until"])
    changes = {group.terminal_group_id: group.changes for group in due}
    asked, named = _asked(organization_id, changes, is_all=reading.wanted_at is not None)
    return _Claim(organization, reading.holder, now, reading.wanted_at, changes, asked, named)


def _locked(organization_id: str) -> StopListReading:
    StopListReading.objects.bulk_create(
        [StopListReading(organization_id=organization_id)], ignore_conflicts=True
    )
    return StopListReading.objects.select_for_update().get(organization_id=organization_id)


def _quiet_at(due: Sequence[StopListGroup]) -> datetime:
    """Return when no message has come for ``QUIET``, or the first has waited for ``LONGEST_WAIT``."""
    last = max(group.changed_at for group in due if group.changed_at)
    first = min(group.changed_since for group in due if group.changed_since)
    return min(last + QUIET, first + LONGEST_WAIT)


def _asked(
    organization_id: str, due: Iterable[str], *, is_all: bool
) -> tuple[frozenset[str], tuple[str, ...] | None]:
    """Choose what to ask for: the due terminal groups by id, or all where one of them is not known here.

    An unknown id is not sent, for refusals get a login blocked (docs/iiko.md#blocked-keys); null asks for all
    (OpenAPI, StopListsRequest, read 2026-11).
    """
    groups = TerminalGroup.objects.filter(organization_id=organization_id, is_deleted=False)
    known = frozenset(groups.values_list("iiko_id", flat=True))
    wanted = known if is_all else frozenset(due)
    if wanted and wanted <= known and all(is_uuid(one) for one in wanted):
        return wanted, tuple(sorted(wanted))
    return known, None


def _ask(claim: _Claim) -> StopLists:
    """Make the call.

    Raises:
        IikoError, HubError: there is no answer, or none about this restaurant.
    """
    client = iiko_for(claim.organization, requested_by="stop lists")
    ident = claim.organization.iiko_id
    answers = client.stop_lists(organization_ids=[ident], terminal_group_ids=claim.named)
    found = next((one for one in answers if one.organization_id == ident), None)
    if found is None:
        # Not documented: that a restaurant without any list may be left out. It is not taken for empty.
        raise NotInTheAnswer("iiko's answer lacks this restaurant.")
    return found


class NotInTheAnswer(HubError):
    code = "not_in_the_answer"


class PartlyUnreadable(HubError):
    code = "partly_unreadable"


@transaction.atomic
def _record(claim: _Claim, answer: StopLists | IikoError | HubError, now: datetime) -> None:
    reading = _locked(claim.organization.iiko_id)
    if reading.holder != claim.holder:
        return  # the lease was lost, and another worker has asked since
    if not isinstance(answer, StopLists):
        _store_failure(reading, answer, now)
        return
    trace.tell_database()
    read = keep_lists(answer, asked=claim.asked, at=claim.at)
    reading.read_at = claim.at
    if answer.is_whole and all(one.is_whole for one in answer.lists):
        _store_success(reading, claim)
        _mark_read(claim, read, claim.changes.keys(), now)
    else:
        _store_failure(reading, PartlyUnreadable("A part of iiko's answer could not be read."), now)
        _mark_read(claim, read, read, now)
    logger.info("stop_lists.read", organization=claim.organization.iiko_id, lists=len(read))


def _store_success(reading: StopListReading, claim: _Claim) -> None:
    reading.failures, reading.failing_since, reading.retry_at = 0, None, None
    reading.error_code = reading.error = ""
    if reading.wanted_at == claim.wanted_at:
        reading.wanted_at = None
    _release(reading)


def _store_failure(reading: StopListReading, error: IikoError | HubError, now: datetime) -> None:
    """Store the error and the next attempt: later each time, without a login none."""
    reading.failures += 1
    reading.failing_since = reading.failing_since or now
    reading.error_code = (error.code or type(error).__name__)[:40]
    reading.error = str(error)[:500]
    reading.retry_at = None if error.code in WITHOUT_LOGIN else now + _pause(error, reading.failures)
    _release(reading)
    logger.warning(
        "stop_lists.not_read",
        organization=reading.organization_id,
        code=reading.error_code,
        failures=reading.failures,
    )
    if reading.retry_at:
        _queue_reading(reading.organization_id, reading.retry_at)


def _pause(error: IikoError | HubError, failures: int) -> timedelta:
    usual = pause_after(_PAUSES, failures - 1)
    return max(usual, timedelta(seconds=error.retry_after_s)) if isinstance(error, IikoBusy) else usual


def _release(reading: StopListReading) -> None:
    reading.holder, reading.lease_until = "", None
    reading.save()


def _mark_read(claim: _Claim, read: frozenset[str], done: Collection[str], now: datetime) -> None:
    """Mark the lists in ``done`` as no longer due, but for a terminal group that sent a message meanwhile."""
    ident = claim.organization.iiko_id
    rows = StopListGroup.objects.select_for_update().filter(organization_id=ident)
    groups = {group.terminal_group_id: group for group in rows.order_by("terminal_group_id")}
    for name, group in groups.items():
        if name in read:
            group.read_at = claim.at
        if group.changed_since is None or name not in done:
            continue
        # A message that came meanwhile may be about a later change.
        group.changed_since = None if claim.changes.get(name) == group.changes else group.changed_at
    StopListGroup.objects.bulk_update(groups.values(), ["read_at", "changed_since"])
    new = [
        StopListGroup(organization_id=ident, terminal_group_id=one, read_at=claim.at)
        for one in sorted(read - groups.keys())
    ]
    StopListGroup.objects.bulk_create(new, ignore_conflicts=True)
    due = [group for group in groups.values() if group.changed_since is not None]
    if due:
        _queue_reading(ident, max(_quiet_at(due), now))
