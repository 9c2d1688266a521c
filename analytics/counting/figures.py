"""What is counted of orders and of commands: counts by name, which add up from hours to days.

A name is ``orders``, or ``type|DELIVERY`` for one among several. Lengths of time are counted by whole
minutes (``cook|12``: so many took 12 minutes and less than 13), because medians do not add up, and such
counts do: a median is exact to the minute. The definitions are those of docs/analytics.md.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from orders.models.command import CommandState
from orders.models.order import CreationStatus, Status

Figures = Mapping[str, int]

STAGES = ("accept", "cook", "wait", "carry", "total")


class CountedOrder(NamedTuple):
    """What is read of an order to count it; the names are those of the columns."""

    status: str | None
    creation_status: str | None
    is_deleted: bool | None
    unknown_to_iiko_at: datetime | None
    moved: Mapping[str, object] | None
    order_type: str | None
    source_key: str | None
    amount_minor: int | None
    cancel_cause: str | None
    cancel_cause_id: str | None
    courier_id: str | None
    external_courier_service_id: str | None
    external_courier_service_name: str | None
    promised_time: datetime | None
    when_created: datetime | None
    when_printed: datetime | None
    when_cooking_completed: datetime | None
    when_sent: datetime | None
    when_delivered: datetime | None
    when_closed: datetime | None

    @property
    def is_left_out(self) -> bool:
        """Deleted, unknown to iiko, or replaced by an order that is counted in its place."""
        is_replaced = self.status == Status.CANCELLED and "to_order_id" in (self.moved or {})
        return bool(self.is_deleted) or self.unknown_to_iiko_at is not None or is_replaced

    @property
    def is_refused(self) -> bool:
        return self.status is None and self.creation_status == CreationStatus.ERROR

    @property
    def handed_over_at(self) -> datetime | None:
        return self.when_delivered or self.when_closed

    @property
    def courier(self) -> str:
        service = self.external_courier_service_name or self.external_courier_service_id
        return self.courier_id or service or ""


class CountedCommand(NamedTuple):
    kind: str
    state: str
    created_at: datetime
    finished_at: datetime | None


def figures_of_orders(orders: Iterable[CountedOrder]) -> Counter[str]:
    figures: Counter[str] = Counter()
    for order in orders:
        if order.is_left_out:
            continue
        if order.is_refused:
            figures["refused"] += 1
            continue
        figures["orders"] += 1
        figures[f"type|{order.order_type or ''}"] += 1
        figures[f"channel|{order.source_key or ''}"] += 1
        if order.status == Status.CANCELLED:
            figures["cancelled"] += 1
            figures[f"cause|{order.cancel_cause or order.cancel_cause_id or ''}"] += 1
            continue
        if order.status == Status.CLOSED:
            _count_bill(order, figures)
        _count_times(order, figures)
    return figures


def _count_bill(order: CountedOrder, figures: Counter[str]) -> None:
    figures["closed"] += 1
    if order.amount_minor is None:
        return
    figures["billed"] += 1
    # A sum of 0 or less is one, too: it must not vanish from the parts.
    for name in ("revenue", f"type_revenue|{order.order_type or ''}"):
        figures[name] += order.amount_minor
    figures[f"channel_revenue|{order.source_key or ''}"] += order.amount_minor


def _count_times(order: CountedOrder, figures: Counter[str]) -> None:
    for stage, begun, ended in (
        ("accept", order.when_created, order.when_printed),
        ("cook", order.when_printed, order.when_cooking_completed),
        ("wait", order.when_cooking_completed, order.when_sent),
        ("carry", order.when_sent, order.when_delivered),
        ("total", order.when_created, order.handed_over_at),
    ):
        if (seconds := _seconds(begun, ended)) is not None:
            figures[f"{stage}|{seconds // 60}"] += 1
    is_promised = order.promised_time is not None and order.handed_over_at is not None
    is_late = is_promised and order.handed_over_at > order.promised_time  # type: ignore[operator]  # neither is None
    figures["promised"] += is_promised
    figures["late"] += is_late
    if order.courier:
        _count_courier(order, figures, is_promised=is_promised, is_late=is_late)


def _count_courier(order: CountedOrder, figures: Counter[str], *, is_promised: bool, is_late: bool) -> None:
    courier = order.courier
    figures[f"courier|{courier}"] += 1
    figures[f"courier_promised|{courier}"] += is_promised
    figures[f"courier_late|{courier}"] += is_late
    if (seconds := _seconds(order.when_sent, order.when_delivered)) is not None:
        figures[f"courier_carried|{courier}"] += 1
        figures[f"courier_seconds|{courier}"] += seconds


def _seconds(begun: datetime | None, ended: datetime | None) -> int | None:
    """Return the whole seconds between; None where an end is not known, or they are in disorder."""
    if begun is None or ended is None or ended < begun:
        return None
    return int((ended - begun).total_seconds())


def figures_of_commands(commands: Iterable[CountedCommand]) -> Counter[str]:
    figures: Counter[str] = Counter()
    for command in commands:
        figures[f"command|{command.kind}/{command.state}"] += 1
        seconds = _seconds(command.created_at, command.finished_at)
        if command.state == CommandState.CONFIRMED and seconds is not None:
            figures[f"confirmed|{command.kind}/{seconds}"] += 1
    return figures


def added(several: Iterable[Figures]) -> Counter[str]:
    total: Counter[str] = Counter()
    for figures in several:
        for name, number in figures.items():
            total[name] += number
    return total


def stored(figures: Figures) -> dict[str, int]:
    """Leave out what is 0, so that what is stored says nothing twice."""
    return {name: number for name, number in figures.items() if number}
