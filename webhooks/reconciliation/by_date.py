"""Read an organization's orders by the time they are promised for, where revisions do not reach.

``by_delivery_date_and_status`` knows no pages: it is asked a day at a time, and a window with too much
in it is halved. Its dates are on the POS terminals' clock. Beside the windows iiko is asked by id for orders
that are open here and were in none of them: moved to another time, or due long ago.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from iiko_client import vendor_time
from iiko_client.endpoints.retrieval import MOST_IDS
from iiko_client.http.errors import IikoTooMuchData
from iiko_client.json_reader import is_uuid
from iiko_client.models.commands import OrdersPage
from orders.mirror.unlisted import note_absent
from orders.models.order import Order
from webhooks.models.reconciliation import OrderSync
from webhooks.reconciliation.run import Run

GUARANTEED = timedelta(days=7)  # docs/iiko.md#by-date
DAY = timedelta(days=1)
SHORTEST = timedelta(minutes=1)
MOST_ASKED_BY_ID = 2000
_FRESH = timedelta(hours=2)
"""A reading that was interrupted goes on where it stopped while its revision can still be followed."""

Window = tuple[datetime, datetime | None]


class DateReading:
    """One reading of one organization."""

    def __init__(self, run: Run, row: OrderSync) -> None:
        self._run = run
        self._row = row
        self._organization = run.organizations[row.organization_id]
        self._zone = self._organization.zone()
        self._seen: set[str] = set()

    def read(self, *, since: datetime, is_exact: bool) -> None:
        """Read from ``since`` to the farthest promise, then set the revision to follow.

        ``is_exact``: somebody named ``since``; it may reach further back than iiko guarantees.

        Raises:
            IikoError: iiko refused; the row says where to go on.
        """
        row, now = self._row, self._run.now()
        if row.read_began_at is None or now - row.read_began_at > _FRESH or is_exact:
            row.read_began_at, row.read_revision = now, None
            row.read_from = since if is_exact else max(since, now - GUARANTEED)
        for window in _windows(row.read_from or since, now):
            self._read_window(window)
            row.read_from = window[1] or row.read_from
            self._run.save(row)
        self._read_left_out(now - GUARANTEED)
        row.revision, row.synced_at = row.read_revision, row.read_began_at
        row.read_from = row.read_revision = row.read_began_at = None
        self._run.save(row)

    def _read_window(self, window: Window) -> None:
        found = 0
        left = [window]
        while left:
            since, until = left.pop()
            try:
                page = self._ask(since, until)
            except IikoTooMuchData:
                parts = _parts(since, until)
                if not parts:
                    raise
                left += parts
            else:
                found += self._take(page)
        first, last = (f"{one.astimezone(self._zone):%d.%m %H:%M}" if one else "later" for one in window)
        self._run.report(f"{self._organization.name}: promised {first} to {last}, {found} orders")

    def _ask(self, since: datetime, until: datetime | None) -> OrdersPage:
        self._run.renew()
        margin = self._margin(since)
        return self._run.client.orders_by_date(
            organization_ids=[self._organization.iiko_id],
            since=since - margin,
            until=until + margin if until else None,
            zone=self._zone,
        )

    def _margin(self, moment: datetime) -> timedelta:
        """How far the clocks of the POS terminals are from the organization's, whose clock is asked on."""
        names = self._organization.terminal_groups.exclude(timezone="").values_list("timezone", flat=True)
        home = moment.astimezone(self._zone).utcoffset() or timedelta()
        clocks = (moment.astimezone(vendor_time.zone(name)) for name in set(names))
        return max((abs((one.utcoffset() or timedelta()) - home) for one in clocks), default=timedelta())

    def _take(self, page: OrdersPage) -> int:
        # The first answer's: whatever changes while we read is told again by revision.
        known = self._row.read_revision
        self._row.read_revision = page.max_revision if known is None else min(known, page.max_revision)
        for orders in page.orders.values():
            self._seen.update(str(order.get("id", "")).lower() for order in orders)
            self._run.keep(self._organization.iiko_id, orders)
        return sum(len(orders) for orders in page.orders.values())

    def _read_left_out(self, since: datetime) -> None:
        """Ask by id for orders that are open here and were in no window."""
        organization_id = self._organization.iiko_id
        rows = Order.objects.open().filter(
            organization_id=organization_id, iiko_order_id__isnull=False, created_at__gte=since
        )
        newest = rows.order_by("-id").values_list("iiko_order_id", flat=True)[:MOST_ASKED_BY_ID]
        ids = [ident for ident in newest if ident and is_uuid(ident) and ident not in self._seen]
        for at in range(0, len(ids), MOST_IDS):
            asked = ids[at : at + MOST_IDS]
            listed = self._run.keep_by_id(organization_id, asked)
            if not self._run.options.dry_run:
                absent = [ident for ident in asked if ident not in listed]
                note_absent(organization_id, absent, now=self._run.now())
        if ids:
            self._run.report(f"{self._organization.name}: {len(ids)} open orders asked for by id")


def _windows(since: datetime, now: datetime) -> Iterator[Window]:
    """Days until now is behind, then all that is promised for later."""
    while now - since > SHORTEST:
        yield since, since + DAY
        since += DAY
    yield since, None


def _parts(since: datetime, until: datetime | None) -> list[Window]:
    """Split a window, the earliest part last, to be taken first; nothing where it is too short."""
    if until is None:
        # Some were refused any long window, even where it was empty: a week of days, and no further.
        return [(since + DAY * day, since + DAY * (day + 1)) for day in reversed(range(7))]
    middle = since + (until - since) / 2
    return [(middle, until), (since, middle)] if until - since > SHORTEST else []
