"""What the dispatch page reads: a fixed number of queries, however many orders and couriers there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from console.board.cards import Card, Commands, cards_of
from console.board.kept_orders import kept_orders
from console.board.selector import FAILURE_SHOWN_FOR, MOST_CARDS, commands_by_order, touched_orders
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order, OrderQuerySet, OrderType, Status
from orders.stage_times import usual_times
from organizations.models.organization import Organization
from organizations.shifts.duty import CourierOnDuty, couriers_of


@dataclass(frozen=True, slots=True)
class Scope:
    """What a person looks at: the chosen restaurants, and the couriers who work for any of them.

    What these couriers carry for the person's other restaurants (``every``) counts, too.
    """

    every: Sequence[Organization]
    chosen: Sequence[Organization]
    couriers: Sequence[CourierOnDuty]

    @property
    def orders(self) -> OrderQuerySet:
        """Deliveries that wait for a courier or are with one; those delivered need nobody any more."""
        carried = Q(
            organization_id__in=_ids(self.every), courier_id__in=[one.iiko_id for one in self.couriers]
        )
        ours = Order.objects.open().filter(Q(organization_id__in=_ids(self.chosen)) | carried)
        return ours.filter(order_type=OrderType.DELIVERY).exclude(status=Status.DELIVERED)


def scope_of(every: Sequence[Organization], chosen: Sequence[Organization]) -> Scope:
    ids = set(_ids(chosen))
    couriers = [one for one in couriers_of(_ids(every)) if not ids.isdisjoint(one.organization_ids)]
    return Scope(every, chosen, couriers)


def dispatch_cards(scope: Scope, now: datetime) -> list[Card]:
    """Read all cards of the page, at most ``MOST_CARDS`` and one to tell that there are more."""
    rows = scope.orders.order_by("promised_time", "id")[: MOST_CARDS + 1]
    return _cards(rows, now, theirs=Q(order__organization_id__in=_ids(scope.every), order__is_open=True))


def changed_cards(
    scope: Scope, *, since: datetime, until: datetime, now: datetime
) -> tuple[list[Card], list[int]]:
    """Return the cards that changed, and the numbers of those that left."""
    touched = touched_orders(_ids(scope.every), since, until)
    cards = cards_by_id(scope, touched, now) if touched else []
    return cards, sorted(touched - {card.order.pk for card in cards})


def cards_by_id(scope: Scope, ids: Iterable[int], now: datetime) -> list[Card]:
    """Read single cards as they stand, wherever the feed is."""
    numbers = list(ids)
    return _cards(scope.orders.filter(pk__in=numbers), now, theirs=Q(order_id__in=numbers))


def _cards(rows: OrderQuerySet, now: datetime, *, theirs: Q) -> list[Card]:
    """Make the cards of orders without or with a courier of the restaurant's own, the next due first.

    ``theirs`` finds their commands.
    """
    shown = kept_orders.read(rows)
    cards = cards_of(
        shown,
        usual=usual_times(sorted({kept.order.organization_id for kept in shown})),
        commands=_last_about_couriers(theirs, now),
        duplicates={},
        now=now,
    )
    return [card for card in cards if card.needs_courier or courier_key(card.order)]


def courier_key(order: Order) -> str:
    """Name who carries an order: by id, or by name where iiko gave no id; empty text for nobody."""
    return order.courier_id or order.courier_name or ""


def _last_about_couriers(theirs: Q, now: datetime) -> dict[int, Commands]:
    asked = OrderCommand.objects.filter(
        theirs, kind=CommandKind.ASSIGN_COURIER, created_at__gte=now - FAILURE_SHOWN_FOR
    )
    return commands_by_order(asked.order_by("order_id", "-id").distinct("order_id"))


def _ids(restaurants: Sequence[Organization]) -> list[str]:
    return [one.iiko_id for one in restaurants]
