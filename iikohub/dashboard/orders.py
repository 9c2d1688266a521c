"""Open orders and the commands that want a look, for the overview."""

from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Q
from django.utils.translation import ngettext_lazy

from core.access import AnyUser, visible_to
from core.database import counting
from core.display import badge
from iikohub.dashboard.tiles import Tile, bounded, list_url, orders_url, shown
from orders.admin.display import status_text
from orders.models.command import OrderCommand, OrderCommandQuerySet
from orders.models.order import Order, Status

# Per count: the words after the number, the state of the list that the tile leads to, its colour.
_ORDER_TILES = {
    "number": (ngettext_lazy("open order", "open orders"), "open", ""),
    "late": (ngettext_lazy("order late now", "orders late now"), "late_now", "bad"),
    "sending": (
        ngettext_lazy("order being sent to the POS", "orders being sent to the POS"),
        "sending",
        "",
    ),
    "refused": (
        ngettext_lazy("order not accepted by the POS, 24 h", "orders not accepted by the POS, 24 h"),
        "refused",
        "warn",
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

# Per state of the list of commands: which they are, the words after their number, the colour.
_COMMAND_TILES = {
    "unsettled": (
        OrderCommandQuerySet.unsettled_lately,
        ngettext_lazy("command needs attention", "commands need attention"),
        "bad",
    ),
    "failed": (
        OrderCommandQuerySet.failed_lately,
        ngettext_lazy("command refused or not done, 24 h", "commands refused or not done, 24 h"),
        "warn",
    ),
    "hanging": (
        OrderCommandQuerySet.hanging,
        ngettext_lazy("command without an answer", "commands without an answer"),
        "warn",
    ),
}


class OpenOrders:
    """The open orders, counted once by restaurant and status."""

    def __init__(self, user: AnyUser, now: datetime) -> None:
        self._user = user
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

    def tiles(self, now: datetime) -> list[Tile]:
        refused = bounded(visible_to(self._user, Order.objects.refused_lately(now)))
        counts = {name: refused if name == "refused" else self.total(name) for name in _ORDER_TILES}
        return [
            Tile(words % shown(counts[name]), counts[name], orders_url(state=state), tone)
            for name, (words, state, tone) in _ORDER_TILES.items()
        ]

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


def command_tiles(user: User | AnonymousUser, now: datetime) -> list[Tile]:
    """Commands that want a look: a guest may get two meals, or none. Rare, so nothing stands for 0."""
    if not user.has_perm("orders.view_ordercommand"):
        return []
    return [
        Tile(words % shown(count), count, list_url("orders_ordercommand", state=state), tone)
        for state, (chosen, words, tone) in _COMMAND_TILES.items()
        if (count := bounded(visible_to(user, chosen(OrderCommand.objects.all(), now))))
    ]
