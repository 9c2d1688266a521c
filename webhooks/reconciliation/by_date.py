"""Read an organization's orders by the time they are promised for, where revisions do not reach.

``by_delivery_date_and_status`` knows no pages: it is asked a day at a time, and a window with too much
in it is halved. Its dates are on the POS terminals' clock. Beside the windows iiko is asked by id for orders
that are open here and were in none of them: moved to another time, or due long ago.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from iiko_client import vendor_time
from iiko_client.client import IikoClient
from iiko_client.endpoints.retrieval import MOST_IDS
from iiko_client.http.errors import IikoTooMuchData
from iiko_client.json_reader import JsonObject, is_uuid
from iiko_client.models.commands import OrdersPage
from orders.models.order import Order
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync

GUARANTEED = timedelta(days=7)  # docs/iiko.md#by-date
DAY = timedelta(days=1)
SHORTEST = timedelta(minutes=1)
MOST_ASKED_BY_ID = 2000
_FRESH = timedelta(hours=2)
"""A reading that was interrupted goes on where it stopped while its revision can still be followed."""

Window = tuple[datetime, datetime | None]


@dataclass(slots=True)
class DateReading:
    """One reading of one organization. ``keep`` stores orders, ``save`` writes the row."""

    organization: Organization
    row: OrderSync
    client: IikoClient
    now: Callable[[], datetime]
    before_call: Callable[[], None]
    keep: Callable[[str, Sequence[JsonObject]], None]
    save: Callable[[OrderSync], None]
    report: Callable[[str], None]
    note_absent: Callable[[str, Sequence[str]], None]
    _seen: set[str] = field(default_factory=set)

    def run(self, *, since: datetime, is_exact: bool = False) -> None:
        """Read from ``since`` to the farthest promise, then set the revision to follow.

        ``is_exact``: somebody named ``since``; it may reach further back than iiko guarantees.

        Raises:
            IikoError: iiko refused; the row says where to go on.
        """
        row, now = self.row, self.now()
        if row.read_began_at is None or now - row.read_began_at > _FRESH or is_exact:
            row.read_began_at, row.read_revision = now, None
            row.read_from = since if is_exact else max(since, now - GUARANTEED)
        for window in _windows(row.read_from or since, now):
            self._read(window)
            row.read_from = window[1] or row.read_from
            self.save(row)
        self._read_left_out(now - GUARANTEED)
        row.revision, row.synced_at = row.read_revision, row.read_began_at
        row.read_from = row.read_revision = row.read_began_at = None
        self.save(row)

    def _read(self, window: Window) -> None:
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
                continue
            found += self._take(page)
        self.report(f"{self.organization.name}: {self._words(window)}, {found} orders")

    def _ask(self, since: datetime, until: datetime | None) -> OrdersPage:
        self.before_call()
        margin = self._margin(since)
        return self.client.orders_by_date(
            organization_ids=[self.organization.iiko_id],
            since=since - margin,
            until=until + margin if until else None,
            zone=self.organization.zone(),
        )

    def _margin(self, moment: datetime) -> timedelta:
        """How far the clocks of the POS terminals are from the organization's, whose clock is asked on."""
        zones = self.organization.terminal_groups.exclude(timezone="").values_list("timezone", flat=True)
        home = moment.astimezone(self.organization.zone()).utcoffset() or timedelta()
        offsets = [
            moment.astimezone(vendor_time.zone(zone)).utcoffset() or timedelta() for zone in set(zones)
        ]
        return max((abs(offset - home) for offset in offsets), default=timedelta())

    def _take(self, page: OrdersPage) -> int:
        # The first answer's: whatever changes while we read is told again by revision.
        known = self.row.read_revision
        self.row.read_revision = page.max_revision if known is None else min(known, page.max_revision)
        found = 0
        for orders in page.orders.values():
            self._seen.update(str(order.get("id", "")).lower() for order in orders)
            self.keep(self.organization.iiko_id, orders)
            found += len(orders)
        return found

    def _read_left_out(self, since: datetime) -> None:
        ids = [ident for ident in self._open_here(since) if ident not in self._seen]
        for at in range(0, len(ids), MOST_IDS):
            self.before_call()
            answer = self.client.orders_by_id(
                organization_id=self.organization.iiko_id, order_ids=ids[at : at + MOST_IDS]
            )
            self.keep(self.organization.iiko_id, answer.orders)
            listed = {str(order.get("id", "")).lower() for order in answer.orders}
            absent = [ident for ident in ids[at : at + MOST_IDS] if ident not in listed]
            self.note_absent(self.organization.iiko_id, absent)
        if ids:
            self.report(f"{self.organization.name}: {len(ids)} open orders asked for by id")

    def _open_here(self, since: datetime) -> Iterator[str]:
        rows = Order.objects.open().filter(
            organization=self.organization, iiko_order_id__isnull=False, created_at__gte=since
        )
        for ident in rows.order_by("-id").values_list("iiko_order_id", flat=True)[:MOST_ASKED_BY_ID]:
            if ident and is_uuid(ident):
                yield ident

    def _words(self, window: Window) -> str:
        zone = self.organization.zone()
        first, last = (f"{one.astimezone(zone):%d.%m %H:%M}" if one else "later" for one in window)
        return f"promised {first} to {last}"


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
