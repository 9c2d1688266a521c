"""Cards of the board: what an operator has to know of an order at one look, as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from console.board.columns import Column, column_of, leaves_at, unfolds_at
from console.board.kept_orders import KeptOrder
from core.privacy.rows import without_people
from orders.models.command import OrderCommand
from orders.models.order import Order, OrderType
from orders.models.stage_times import StageTimes
from orders.payments.settlement import settlement_of
from orders.stage_times import at_risk_from, lengths

if TYPE_CHECKING:
    from console.board.card_html import CardWriter
    from console.board.written import Written

K = TypeVar("K")
V = TypeVar("V")

DUE_SOON = timedelta(minutes=10)
NO_COURIER_AFTER = timedelta(minutes=5)
"""A cooked delivery without a courier for so long is at risk."""
RINGS_FOR = timedelta(minutes=30)
"""A new order that nobody has seen for so long rings no more: the console was not open."""


_MOST_OF_ONE_ORDER = 8
"""Cards kept of one order, and ways that one card was written: those of an hour ago are nobody's."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What a card tells of the commands of one order; ``versions`` change with each of the rows."""

    rows: tuple[OrderCommand, ...] = ()
    versions: tuple[str, ...] = ()


NO_COMMANDS = Commands()


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """One order on the board, at whatever moment: many threads share it.

    Moments are aware; ``to_collect_minor`` is in 1/100, None where unknown.
    """

    order: Order
    column: Column
    promised_at: datetime | None
    at_risk_from: datetime | None
    """From when it is amber: soon due, usually late, or nobody carries it."""
    leaves_at: datetime | None
    unfolds_at: datetime | None
    to_collect_minor: int | None
    needs_courier: bool
    cooked_at: datetime | None
    rings_until: datetime | None
    """Until when it is new to everybody; None for one that is not new, or was seen."""
    duplicate: str
    """The number of an order that may be the same one; empty text for none."""
    commands: Sequence[OrderCommand]
    """Those under way, and those that went wrong and nobody has acknowledged."""
    written: "dict[CardWriter, Written]" = field(default_factory=dict)
    """As HTML, by who wrote it."""

    def is_folded(self, now: datetime) -> bool:
        return self.unfolds_at is not None and self.unfolds_at > now


def cards_of(
    orders: Iterable[KeptOrder],
    *,
    usual: Mapping[str, StageTimes],
    commands: Mapping[int, Commands],
    duplicates: Mapping[int, Order],
    now: datetime,
) -> list[Card]:
    """Make the cards, the next to be handed over first; those that promise nothing last."""
    by_restaurant = {ident: lengths(times) for ident, times in usual.items()}
    cards = []
    for kept in orders:
        order = kept.order
        asked = commands.get(order.pk, NO_COMMANDS)
        duplicate = str(duplicates[order.pk]) if order.pk in duplicates else ""
        # All that a card is made of beside the order.
        key = by_restaurant.get(order.organization_id), asked.versions, duplicate
        card = kept.cards.get(key)
        if card is None:
            card = _card(order, usual=usual, commands=asked.rows, duplicate=duplicate)
            keep(kept.cards, key, card)
        cards.append(card)
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(cards, key=lambda card: (card.promised_at or far, card.order.pk))


def card_without_people(card: Card) -> Card:
    """Return a card of the same order with its guest hidden; the one that others share stays."""
    commands = [without_people(command) for command in card.commands]
    return replace(card, order=without_people(card.order), commands=commands)


def keep(kept: dict[K, V], key: K, one: V) -> None:
    """Keep one more, and few in all."""
    if len(kept) >= _MOST_OF_ONE_ORDER:
        kept.clear()
    kept[key] = one


def _card(
    order: Order, *, usual: Mapping[str, StageTimes], commands: Sequence[OrderCommand], duplicate: str
) -> Card:
    column = column_of(order)
    needs_courier = _needs_courier(order, column)
    is_new = column == Column.NEW and bool(order.is_open) and not hasattr(order, "seen")
    return Card(
        order=order,
        column=column,
        promised_at=order.promised_time,
        at_risk_from=_at_risk_from(order, column, usual, needs_courier=needs_courier),
        leaves_at=leaves_at(order),
        unfolds_at=unfolds_at(order),
        to_collect_minor=settlement_of(order).due_minor if order.is_open else 0,
        needs_courier=needs_courier,
        cooked_at=order.when_cooking_completed,
        rings_until=order.created_at + RINGS_FOR if is_new else None,
        duplicate=duplicate,
        commands=commands,
    )


def _needs_courier(order: Order, column: Column) -> bool:
    is_carried = order.order_type == OrderType.DELIVERY and bool(order.is_open)
    has_courier = order.courier_id or order.courier_name or order.has_external_courier
    return is_carried and column != Column.DELIVERED and not has_courier


def _at_risk_from(
    order: Order, column: Column, usual: Mapping[str, StageTimes], *, needs_courier: bool
) -> datetime | None:
    moments = [at_risk_from(order, usual)]
    if order.promised_time is not None and column != Column.DELIVERED:
        moments.append(order.promised_time - DUE_SOON)
    if needs_courier and order.when_cooking_completed is not None:
        moments.append(order.when_cooking_completed + NO_COURIER_AFTER)
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None
