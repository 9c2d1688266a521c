"""Open orders, and how many of them want a look, for the overview."""

from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import ngettext_lazy

from core.access import AnyUser, visible_to
from core.database import counting
from core.display import badge
from iikohub.dashboard.tiles import Tile, orders_url, shown
from orders.admin.display import status_text
from orders.models.order import Order, Status

# Per count: the words after the number, the state of the list that the tile leads to, its colour.
_TILES = {
    "number": (ngettext_lazy("open order", "open orders"), "open", ""),
    "late": (ngettext_lazy("order late now", "orders late now"), "late_now", "bad"),
    "sending": (
        ngettext_lazy("order being sent to the POS", "orders being sent to the POS"),
        "sending",
        "",
    ),
    "with_problem": (
        ngettext_lazy("open order with a problem", "open orders with a problem"),
        "problem",
        "warn",
    ),
    "unknown": (
        ngettext_lazy("order with an unknown status", "orders with an unknown status"),
        "unknown",
        "bad",
    ),
}


class OpenOrders:
    """The open orders, counted once by restaurant and status."""

    def __init__(self, user: AnyUser, now: datetime) -> None:
        newest = (
            visible_to(user, Order.objects.open()).order_by("-id").values("pk")[: counting.COUNT_UP_TO + 1]
        )
        # The look at the newest is a subquery, so that a hub with orders that nobody ever closed stays quick.
        self._groups = list(
            Order.objects.filter(pk__in=newest)
            .order_by()
            .values("organization_id", "status")
            .annotate(
                number=Count("pk"),
                late=Count("pk", filter=Q(pk__in=Order.objects.open().late(now).values("pk"))),
                with_problem=Count("pk", filter=Q(problem__isnull=False)),
                unknown=Count("pk", filter=Q(status__isnull=True, raw_status__isnull=False)),
                sending=Count("pk", filter=Q(status__isnull=True, creation_status="InProgress")),
            )
        )

    def total(self, name: str, **conditions: str) -> int:
        return sum(group[name] for group in self._groups if conditions.items() <= group.items())

    def tile(self, name: str) -> Tile:
        """Return a count with its list: number, late, sending, with_problem or unknown."""
        (words, state, tone), count = _TILES[name], self.total(name)
        return Tile(words % shown(count), count, orders_url(state=state), tone)

    def statuses(self) -> list[Tile]:
        """Count the open orders by status, in the usual course; the two final statuses are never open."""
        return [
            Tile(
                status,
                self.total("number", status=status),
                orders_url(state="open", status=status),
                note=badge(status, status_text(status)),
            )
            for status in Status.values
            if status not in {Status.CLOSED, Status.CANCELLED}
        ]
