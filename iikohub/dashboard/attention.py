"""What wants a person now, for the overview: the one place that says what counts.

First the attention list as the console shows it, of the restaurants that the person has chosen there; then of
orders and commands each kind with its list. What there is none of is left out.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import ngettext, ngettext_lazy

from attention.access import VIEW
from attention.counts import open_count
from console.attention.needing import items_within
from console.board.restaurants import restaurants_of
from core.access import AnyUser, visible_to
from iikohub.dashboard.orders import OpenOrders
from iikohub.dashboard.tiles import Tile, bounded, list_url, orders_url, shown
from orders.models.command import OrderCommand, OrderCommandQuerySet
from orders.models.order import Order

_LISTED = ngettext_lazy("thing on the attention list", "things on the attention list")
_OF_OPEN_ORDERS = ("late", "with_problem", "unknown")
_REFUSED = ngettext_lazy("order not accepted by the POS, 24 h", "orders not accepted by the POS, 24 h")

# Per state of the list of commands: which they are, the words after their number, the colour.
_COMMANDS = {
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


def tiles(user: AnyUser, now: datetime, open_orders: OpenOrders | None) -> list[Tile]:
    found = _of_the_list(user, now)
    found += _of_orders(user, now, open_orders) if open_orders else []
    return [tile for tile in found + _of_commands(user, now) if tile.count]


def _of_the_list(user: AnyUser, now: datetime) -> list[Tile]:
    if not isinstance(user, User) or not user.has_perm(VIEW):
        return []
    _every, chosen = restaurants_of(user)
    count = open_count(items_within(user, chosen), now)
    words = ngettext("%(count)d of them is critical", "%(count)d of them are critical", count.critical)
    note = words % {"count": count.critical} if count.critical else ""
    tone = "bad" if count.critical else "warn"
    return [Tile(_LISTED % shown(count.total), count.total, reverse("console:attention"), tone, note)]


def _of_orders(user: AnyUser, now: datetime, open_orders: OpenOrders) -> list[Tile]:
    refused = bounded(visible_to(user, Order.objects.refused_lately(now)))
    return [
        *(open_orders.tile(name) for name in _OF_OPEN_ORDERS),
        Tile(_REFUSED % shown(refused), refused, orders_url(state="refused"), "warn"),
    ]


def _of_commands(user: AnyUser, now: datetime) -> list[Tile]:
    """Commands that want a look: a guest may get two meals, or none."""
    if not user.has_perm("orders.view_ordercommand"):
        return []
    found = []
    for state, (chosen, words, tone) in _COMMANDS.items():
        count = bounded(visible_to(user, chosen(OrderCommand.objects.all(), now)))
        found.append(Tile(words % shown(count), count, list_url("orders_ordercommand", state=state), tone))
    return found
