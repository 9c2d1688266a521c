"""Orders of the day, for the overview: on the clock of each restaurant, beside the same day a week ago."""

from datetime import UTC, datetime, timedelta, tzinfo

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _, ngettext_lazy

from core.access import AnyUser, visible_to
from core.display import EMPTY, currency_sign
from iiko_client.units import MinorUnits, to_major
from iikohub.dashboard.tiles import Row, Tile, count_text, orders_url, shown
from orders.models.order import Order, Status
from organizations.clock_ranges import Clocks, Span, clocks_of, on_own_clock, outer_span, read_span
from organizations.models.organization import Organization

_DAY = {"from": "today", "to": "today"}
_CLOSED = ngettext_lazy("order closed today", "orders closed today")
_CANCELLED = ngettext_lazy("order cancelled today", "orders cancelled today")
_WEEK = timedelta(days=7)
_NOTHING = (0, 0, 0)

Sums = tuple[int, int, int]
"""How many orders, of how many of them the amount is known, and the sum of those (1/100 of the currency)."""


class Today:
    """What was closed and cancelled since midnight in the restaurants that a person may see."""

    def __init__(self, user: AnyUser, now: datetime) -> None:
        self._user, self._now = user, now
        self._clocks: Clocks = clocks_of(visible_to(user, Organization.objects.all())) or {UTC: []}
        today = {zone: read_span("today", zone, now=now) for zone in self._clocks}
        self._groups = _sums(self._between(today, "when_closed", Status.CLOSED))
        self._cancelled = self._between(today, "when_cancelled", Status.CANCELLED).count()

    def tiles(self) -> list[Tile]:
        """Count and sum up, beside the same of a week ago at this time of day where there was any."""
        closed = sum(count for count, *_sums in self._groups.values())
        before = sum(count for count, *_sums in self._week_ago.values())
        url = orders_url(status=Status.CLOSED, **{f"closed_{end}": day for end, day in _DAY.items()})
        cancelled = orders_url(
            status=Status.CANCELLED, **{f"cancelled_{end}": day for end, day in _DAY.items()}
        )
        return [
            Tile(_CLOSED % shown(closed), closed, url, note=_then(count_text(before) if before else "")),
            Tile(_CANCELLED % shown(self._cancelled), self._cancelled, cancelled),
            *self._money(url),
        ]

    def of(self, organization: Organization) -> Row:
        """Return what the table of restaurants shows of one."""
        count, billed, revenue = self._groups.get((organization.iiko_id, organization.currency), _NOTHING)
        revenue_text = _whole(revenue, organization.currency) if billed or not count else EMPTY
        return {"closed": count_text(count), "revenue": revenue_text}

    @cached_property
    def _week_ago(self) -> dict[tuple[str, str], Sums]:
        return _sums(
            self._between({zone: self._then(zone) for zone in self._clocks}, "when_closed", Status.CLOSED)
        )

    def _then(self, zone: tzinfo) -> Span:
        """Return the day a week ago, from midnight to this time of day on the wall."""
        until = self._now.astimezone(zone) - _WEEK
        return until.replace(hour=0, minute=0, second=0, microsecond=0), until

    def _between(self, spans: dict[tzinfo, Span], field: str, status: Status) -> QuerySet[Order]:
        since, until = outer_span(spans)
        rows = visible_to(self._user, Order.objects.filter(status=status)).exclude(is_deleted=True)
        rows = rows.filter(**{f"{field}__gte": since, f"{field}__lt": until}).order_by()
        if len(spans) == 1:
            return rows
        own = Q()
        for is_from in (True, False):
            own &= on_own_clock(
                spans, self._clocks, field=field, restaurant="organization_id", is_from=is_from
            )
        return rows.filter(own)

    def _money(self, url: str) -> list[Tile]:
        """One pair of tiles for each currency: what was taken, and how much an order was on average.

        Orders of which the amount is not known count in neither.
        """
        now, before = _by_currency(self._groups), _by_currency(self._week_ago)
        found = []
        for currency, (_count, billed, revenue) in now.items():
            if not billed:
                continue
            _then_count, then_billed, then = before.get(currency, _NOTHING)
            found.append(_amount(_("revenue today"), revenue, then, currency, url))
            average = revenue // billed
            found.append(_amount(_("average bill"), average, then // max(then_billed, 1), currency, url))
        return found


def _sums(rows: QuerySet[Order]) -> dict[tuple[str, str], Sums]:
    """Count and sum up by restaurant and currency."""
    grouped = rows.values_list("organization__iiko_id", "organization__currency")
    counted = grouped.annotate(
        count=Count("pk"), billed=Count("amount_minor"), revenue=Sum("amount_minor", default=0)
    )
    return {
        (ident, currency): (count, billed, int(revenue))
        for ident, currency, count, billed, revenue in counted
    }


def _by_currency(groups: dict[tuple[str, str], Sums]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for (_ident, currency), (count, billed, revenue) in groups.items():
        counts, bills, sums = found.get(currency, _NOTHING)
        found[currency] = counts + count, bills + billed, sums + revenue
    return found


def _amount(title: str, minor: int, then: int, currency: str, url: str) -> Tile:
    note = _then(_whole(then, currency) if then else "")
    return Tile(title, minor, url, note=note, words=_whole(minor, currency))


def _whole(minor: int, currency: str) -> str:
    """Write an amount in whole units of its currency: a glance asks for no more."""
    number = number_format(round(to_major(MinorUnits(minor))), 0, force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}{currency_sign(currency)}"


def _then(text: str) -> str:
    return _("a week ago by now: %(number)s") % {"number": text} if text else ""
