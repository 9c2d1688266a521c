"""What the board reads: a fixed number of queries, however many orders are open."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from console.board.cards import Card, cards_of
from console.board.columns import FINISHED_STAY, leaves_at
from console.models import SeenOrder
from orders.models.command import OrderCommand
from orders.models.order import Order, OrderQuerySet
from orders.stage_times import usual_times
from orders.twice import possible_duplicates
from organizations.models.organization import Organization

MOST_CARDS = 2_000
"""More open orders than people can look at: the board says so and shows those that are due first."""
FAILURE_SHOWN_FOR = timedelta(hours=2)
WRITTEN_WITHIN = timedelta(seconds=5)
"""A command says when it was written, not when that was committed: so much is read again each time."""

CARD_FIELDS = (
    *("organization_id", "readable_number", "external_order_id", "iiko_order_id", "soi_external_id"),
    *("status", "raw_status", "creation_status", "error_info", "is_deleted", "is_open", "problem", "comment"),
    *("order_type", "amount_minor", "processed_payments_minor", "payments", "field_precedence"),
    *("customer", "phone", "address", "delivery_zone", "courier_id", "courier_name", "restaurant_name"),
    *("external_courier_service_id", "external_courier_service_name", "unknown_to_iiko_at"),
    *("refusal_acknowledged_at", "promised_time", "when_created", "when_printed", "when_sent"),
    *("when_cooking_completed", "when_delivered", "when_closed", "when_cancelled"),
    *("created_at", "updated_at", "seen"),
)


def board_orders(restaurants: Sequence[Organization], now: datetime) -> OrderQuerySet:
    """Return the orders of the board: open, refused and not acknowledged, or changed a moment ago.

    The last may have to leave it: see ``_is_shown``.
    """
    changed = Order.objects.filter(updated_at__gte=now - FINISHED_STAY)
    orders = Order.objects.open() | Order.objects.refused_lately(now) | changed
    ours = orders.filter(organization_id__in=[one.iiko_id for one in restaurants])
    return ours.select_related("seen").only(*CARD_FIELDS)


def board_cards(restaurants: Sequence[Organization], now: datetime) -> list[Card]:
    """Read the whole board, at most ``MOST_CARDS`` cards and one to tell that there are more."""
    orders = board_orders(restaurants, now).order_by("promised_time", "id")[: MOST_CARDS + 1]
    shown = [order for order in orders if _is_shown(order, now)]
    return _cards(shown, now, duplicates=possible_duplicates(shown))


def changed_cards(
    restaurants: Sequence[Organization], *, since: datetime, until: datetime, now: datetime
) -> tuple[list[Card], list[int]]:
    """Return the cards that changed, and the numbers of those that left.

    An order is read when its row changed from ``since`` on and before ``until``, or one of its commands or
    its mark as seen at or after ``since``. Every change before ``until`` has to be committed (see
    ``core.mirror.change_feed``).
    """
    ids = [one.iiko_id for one in restaurants]
    touched = touched_orders(ids, since, until)
    if not touched:
        return [], []
    orders = board_orders(restaurants, now).filter(pk__in=touched)
    shown = {order.pk: order for order in orders if _is_shown(order, now)}
    gone = sorted(touched - set(shown))
    duplicates = possible_duplicates(_with_same_phone(list(shown.values())))
    # The other one of two that are alike changes its card, too.
    shown |= {duplicate.pk: duplicate for duplicate in duplicates.values()}
    return _cards(list(shown.values()), now, duplicates=duplicates), gone


def cards_by_id(restaurants: Sequence[Organization], ids: list[int], now: datetime) -> list[Card]:
    """Read single cards as they stand, wherever the feed is."""
    orders = board_orders(restaurants, now).filter(pk__in=ids)
    shown = [order for order in orders if _is_shown(order, now)]
    return _cards(shown, now, duplicates=possible_duplicates(_with_same_phone(shown)))


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


def _cards(orders: list[Order], now: datetime, *, duplicates: Mapping[int, Order]) -> list[Card]:
    return cards_of(
        orders,
        usual=usual_times(sorted({order.organization_id for order in orders})),
        commands=_commands_of(orders, now),
        duplicates=duplicates,
        now=now,
    )


def _commands_of(orders: Sequence[Order], now: datetime) -> dict[int, list[OrderCommand]]:
    wrong = OrderCommand.objects.failed_lately(now) | OrderCommand.objects.unsettled_lately(now)
    shown = OrderCommand.objects.open() | wrong.filter(created_at__gte=now - FAILURE_SHOWN_FOR)
    commands: dict[int, list[OrderCommand]] = defaultdict(list)
    for command in shown.filter(order_id__in=[order.pk for order in orders]).order_by("id"):
        commands[command.order_id].append(command)
    return commands


def _with_same_phone(orders: Sequence[Order]) -> list[Order]:
    phones = {order.phone for order in orders if order.phone and order.is_open}
    restaurants = {order.organization_id for order in orders}
    if not phones:
        return []
    alike = Order.objects.open().filter(organization_id__in=restaurants, phone__in=phones)
    return list(alike.select_related("seen").only(*CARD_FIELDS))


def _is_shown(order: Order, now: datetime) -> bool:
    if order.is_open:
        return True
    if order.is_refused:
        return order.refusal_acknowledged_at is None
    leaves = leaves_at(order)
    return leaves is not None and leaves > now
