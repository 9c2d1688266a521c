"""Cards of the board: what an operator has to know of an order at one look, as data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.board.columns import Column, column_of, leaves_at, unfolds_at
from orders.models.command import OrderCommand
from orders.models.order import Order, OrderType
from orders.models.stage_times import StageTimes
from orders.payments.settlement import settlement_of
from orders.stage_times import at_risk_from

DUE_SOON = timedelta(minutes=10)
NO_COURIER_AFTER = timedelta(minutes=5)
"""A cooked delivery without a courier for so long is at risk."""
RINGS_FOR = timedelta(minutes=30)
"""A new order that nobody has seen for so long rings no more: the console was not open."""


@dataclass(frozen=True, slots=True)
class Card:
    """One order on the board. Moments are aware; ``to_collect_minor`` is in 1/100, None where unknown."""

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
    is_new: bool
    duplicate: Order | None = None
    commands: Sequence[OrderCommand] = field(default=())
    """Those under way, and those that went wrong and nobody has acknowledged."""

    def is_folded(self, now: datetime) -> bool:
        return self.unfolds_at is not None and self.unfolds_at > now

    def is_late(self, now: datetime) -> bool:
        return self.leaves_at is None and self.promised_at is not None and self.promised_at < now

    def is_at_risk(self, now: datetime) -> bool:
        return self.leaves_at is None and self.at_risk_from is not None and self.at_risk_from <= now


def cards_of(
    orders: Iterable[Order],
    *,
    usual: Mapping[str, StageTimes],
    commands: Mapping[int, Sequence[OrderCommand]],
    duplicates: Mapping[int, Order],
    now: datetime,
) -> list[Card]:
    """Make the cards, the next to be handed over first; those that promise nothing last."""
    cards = [
        _card(
            order,
            usual=usual,
            commands=commands.get(order.pk, ()),
            duplicate=duplicates.get(order.pk),
            now=now,
        )
        for order in orders
    ]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(cards, key=lambda card: (card.promised_at or far, card.order.pk))


def _card(
    order: Order,
    *,
    usual: Mapping[str, StageTimes],
    commands: Sequence[OrderCommand],
    duplicate: Order | None,
    now: datetime,
) -> Card:
    column = column_of(order)
    needs_courier = _needs_courier(order, column)
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
        is_new=column == Column.NEW and not hasattr(order, "seen") and _is_young(order, now),
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


def _is_young(order: Order, now: datetime) -> bool:
    return bool(order.is_open) and order.created_at >= now - RINGS_FOR
