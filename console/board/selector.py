"""What the board reads: a fixed number of queries, however many orders are open."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from console.board.cards import Card, Commands, cards_of
from console.board.columns import FINISHED_STAY, leaves_at
from console.board.kept_orders import KeptOrder, kept_orders
from console.models import SeenOrder
from core.database.row_versions import version_of, with_versions
from orders.models.command import OrderCommand, OrderCommandQuerySet
from orders.models.order import Order, OrderQuerySet
from orders.stage_times import usual_times
from orders.twice import possible_duplicates
from organizations.models.organization import Organization

MOST_CARDS = 2_000
"""More open orders than people can look at: the board says so and shows those that are due first."""
FAILURE_SHOWN_FOR = timedelta(hours=2)
WRITTEN_WITHIN = timedelta(seconds=5)
"""A command says when it was written, not when that was committed: so much is read again each time."""


def board_orders(restaurants: Sequence[Organization], now: datetime) -> OrderQuerySet:
    """Return the orders of the board: open, refused and not acknowledged, or changed a moment ago.

    The last may have to leave it: see ``_is_shown``.
    """
    changed = Order.objects.filter(updated_at__gte=now - FINISHED_STAY)
    orders = Order.objects.open() | Order.objects.refused_lately(now) | changed
    return orders.filter(organization_id__in=_ids(restaurants))


def board_cards(restaurants: Sequence[Organization], now: datetime) -> list[Card]:
    """Read the whole board, at most ``MOST_CARDS`` cards and one to tell that there are more."""
    rows = board_orders(restaurants, now).order_by("promised_time", "id")[: MOST_CARDS + 1]
    shown = _shown(rows, now)
    # Of all orders of these restaurants: a thousand numbers would cost more than the few commands.
    theirs = Q(order__organization_id__in=_ids(restaurants))
    return _cards(shown, now, theirs=theirs, alike=shown)


def changed_cards(
    restaurants: Sequence[Organization], *, since: datetime, until: datetime, now: datetime
) -> tuple[list[Card], list[int]]:
    """Return the cards that changed, and the numbers of those that left.

    An order is read when its row changed from ``since`` on and before ``until``, or one of its commands or
    its mark as seen at or after ``since``. Every change before ``until`` has to be committed (see
    ``core.mirror.change_feed``).
    """
    touched = touched_orders(_ids(restaurants), since, until)
    if not touched:
        return [], []
    shown = _shown(board_orders(restaurants, now).filter(pk__in=touched), now)
    gone = sorted(touched - {kept.order.pk for kept in shown})
    alike = _with_same_phone(shown)
    # The other one of two that are alike changes its card, too.
    doubled = set(possible_duplicates(kept.order for kept in alike)) - {kept.order.pk for kept in shown}
    return _cards(shown + [kept for kept in alike if kept.order.pk in doubled], now, alike=alike), gone


def cards_by_id(restaurants: Sequence[Organization], ids: list[int], now: datetime) -> list[Card]:
    """Read single cards as they stand, wherever the feed is."""
    shown = _shown(board_orders(restaurants, now).filter(pk__in=ids), now)
    return _cards(shown, now, alike=_with_same_phone(shown))


def touched_orders(ids: list[str], since: datetime, until: datetime) -> set[int]:
    """Return the orders of these restaurants (by iiko's id) whose row, command or mark as seen changed."""
    again = since - WRITTEN_WITHIN
    rows = Order.objects.filter(organization_id__in=ids, updated_at__gte=since, updated_at__lt=until)
    commands = OrderCommand.objects.changed_since(again).filter(order__organization_id__in=ids)
    seen = SeenOrder.objects.filter(seen_at__gte=again, order__organization_id__in=ids)
    # One question for all three: every open board asks it every two seconds.
    touched = (
        rows.order_by()
        .values_list("pk")
        .union(commands.order_by().values_list("order_id"), seen.values_list("pk"))
    )
    return {pk for (pk,) in touched}


def commands_by_order(commands: OrderCommandQuerySet) -> dict[int, Commands]:
    """Read commands with the versions of their rows, in their order."""
    found: dict[int, list[tuple[OrderCommand, str]]] = defaultdict(list)
    for command in with_versions(commands):
        found[command.order_id].append((command, version_of(command)))
    return {
        order_id: Commands(tuple(row for row, _version in own), tuple(version for _row, version in own))
        for order_id, own in found.items()
    }


def _cards(
    shown: Sequence[KeptOrder], now: datetime, *, alike: Iterable[KeptOrder], theirs: Q | None = None
) -> list[Card]:
    """Make cards; ``alike`` are orders of which two may be one, ``theirs`` finds the commands."""
    return cards_of(
        shown,
        usual=usual_times(sorted({kept.order.organization_id for kept in shown})),
        commands=_commands(theirs, now) if theirs else _commands_of([kept.order.pk for kept in shown], now),
        duplicates=possible_duplicates(kept.order for kept in alike),
        now=now,
    )


def _commands(theirs: Q, now: datetime) -> dict[int, Commands]:
    wrong = OrderCommand.objects.failed_lately(now) | OrderCommand.objects.unsettled_lately(now)
    shown = OrderCommand.objects.open() | wrong.filter(created_at__gte=now - FAILURE_SHOWN_FOR)
    return commands_by_order(shown.filter(theirs).order_by("id"))


def _commands_of(ids: list[int], now: datetime) -> dict[int, Commands]:
    """Read the commands of these orders: most have none, and which ones have is the cheaper question."""
    have = OrderCommand.objects.filter(order_id__in=ids).order_by().values_list("order_id", flat=True)
    some = list(have.distinct())
    return _commands(Q(order_id__in=some), now) if some else {}


def _with_same_phone(shown: Sequence[KeptOrder]) -> list[KeptOrder]:
    phones = {kept.order.phone for kept in shown if kept.order.phone and kept.order.is_open}
    restaurants = {kept.order.organization_id for kept in shown}
    if not phones:
        return []
    return kept_orders.read(Order.objects.open().filter(organization_id__in=restaurants, phone__in=phones))


def _shown(rows: OrderQuerySet, now: datetime) -> list[KeptOrder]:
    return [kept for kept in kept_orders.read(rows) if _is_shown(kept.order, now)]


def _ids(restaurants: Sequence[Organization]) -> list[str]:
    return [one.iiko_id for one in restaurants]


def _is_shown(order: Order, now: datetime) -> bool:
    if order.is_open:
        return True
    if order.is_refused:
        return order.refusal_acknowledged_at is None
    leaves = leaves_at(order)
    return leaves is not None and leaves > now
