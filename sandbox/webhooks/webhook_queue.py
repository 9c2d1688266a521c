"""Turns events into deliveries: the webhooks to send, with their receivers and bodies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sandbox.orders.order import CreationStatus, DeliveryStatus, ItemStatus, Order
from sandbox.webhooks import envelope, soi
from sandbox.webhooks.events import (
    Event,
    OrderChange,
    ReserveChange,
    ShiftChange,
    StopListChange,
    TableOrderChange,
    UndocumentedEvent,
)
from sandbox.webhooks.subscriptions import Subscription, Subscriptions

_SHARE_IN_BATCHES = 0.15
_BATCH_WAITS = timedelta(seconds=1.5)
_KITCHEN_STATUSES = {DeliveryStatus.WAIT_COOKING, DeliveryStatus.COOKING_STARTED}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. Deliveries of one ``partition`` arrive in order, unless a fault intervenes.

    Without a ``url`` it goes where the sender's own settings say.
    """

    partition: UUID
    title: str
    body: bytes
    events: int = 1
    url: str = ""
    token: str = ""


@dataclass(slots=True)
class _Batch:
    due: datetime
    events: list[Event] = field(default_factory=list)


class WebhookQueue:
    """Writes deliveries; now and then events of one restaurant go together in one array.

    ``more_batches`` is the share of events, beyond the usual, that wait for others to join them.
    """

    def __init__(
        self,
        seed: int,
        subscriptions: Subscriptions | None = None,
        more_batches: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._random = Random(f"{seed}/mail")
        self._subscriptions = subscriptions or Subscriptions()
        self._more_batches = more_batches
        self._batches: dict[UUID, _Batch] = {}
        self._last_soi_details: dict[UUID, object] = {}

    def write(self, happened: list[Event], now: datetime) -> list[Delivery]:
        """Give the deliveries to send now, in order."""
        deliveries: list[Delivery] = []
        for each in happened:
            if each.organization.uses_soi:
                deliveries += self._soi_deliveries(each)
            elif not self._joins_batch(each, now):
                deliveries += self._cloud_deliveries([each])
        for key in [key for key, batch in self._batches.items() if batch.due <= now]:
            deliveries += self._cloud_deliveries(self._batches.pop(key).events)
        return deliveries

    def _joins_batch(self, each: Event, now: datetime) -> bool:
        """Put the event into a batch; while it is open, all of the restaurant join it."""
        batch = self._batches.get(each.organization.id)
        if batch is None:
            if self._random.random() >= max(_SHARE_IN_BATCHES, self._more_batches()):
                return False
            batch = self._batches[each.organization.id] = _Batch(due=now + _BATCH_WAITS)
        batch.events.append(each)
        return True

    def _soi_deliveries(self, happened: Event) -> list[Delivery]:
        """Write an order's change, if SOI can express it: it knows no dishes or couriers."""
        if not isinstance(happened, OrderChange) or happened.order.creation is CreationStatus.IN_PROGRESS:
            return []
        order = happened.order
        message = soi.message(happened)
        details = message["iikoOrderDetails"]
        if not happened.opens and self._last_soi_details.get(order.id) == details:
            return []
        self._last_soi_details[order.id] = details
        if order.is_over or happened.is_error:
            del self._last_soi_details[order.id]
        title, body = f"{describe(happened)} (SOI)", _encoded(message)
        # SOI has no filter; it is sent to the address of the restaurant's webhooks.
        receivers = self._subscriptions.of(happened.organization)
        return [Delivery(each.partition, title, body, 1, each.url, each.token) for each in receivers]

    def _cloud_deliveries(self, events: list[Event]) -> list[Delivery]:
        """Write to each receiver what its filter lets through."""
        return [
            _cloud_delivery(passed, receiver)
            for receiver in self._subscriptions.of(events[0].organization)
            if (passed := [each for each in events if receiver.filter.lets_through(each)])
        ]


def _cloud_delivery(events: list[Event], to: Subscription) -> Delivery:
    keys = to.filter.delivery_orders.external_keys
    body = [envelope.event(each, keys) for each in events]
    title = ", ".join(describe(each) for each in events)
    return Delivery(to.partition, title, _encoded(body), len(events), to.url, to.token)


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def describe(happened: Event) -> str:
    """Describe an event in a few words; of people it names couriers only."""
    match happened:
        case OrderChange(order=order):
            # Before the POS gives a number there is only the shop's.
            is_accepted = order.creation is CreationStatus.SUCCESS
            what = f"{f'№{order.number}' if is_accepted else order.external_number} → {_order_news(order)}"
        case StopListChange():
            what = f"stop list{' replaced' if happened.is_full else ''}"
        case ShiftChange():
            what = f"shift {'opened' if happened.is_open else 'closed'}"
        case TableOrderChange(order=table):
            what = f"table №{table.number} → {table.error.code if table.error else table.status.value}"
        case ReserveChange(reserve=reserve):
            what = f"reserve → {reserve.error.code if reserve.error else reserve.status.value}"
        case UndocumentedEvent():
            what = happened.kind.value
    return f"{happened.organization.short_name} {what}"


def _order_news(order: Order) -> str:
    if order.error:
        return f"{order.creation.value} {order.error.code}"
    if order.creation is not CreationStatus.SUCCESS:
        return order.creation.value
    notes = [_dishes_news(order)] if order.status in _KITCHEN_STATUSES else []
    notes += [order.courier.name] if order.courier else []
    notes += ["problem"] if order.open_problem is not None else []
    shown = ", ".join(filter(None, notes))
    return f"{order.status.value} ({shown})" if shown else order.status.value


def _dishes_news(order: Order) -> str:
    """Say how far the dishes are where the order's status does not."""
    statuses = {line.status for line in order.lines}
    if ItemStatus.COOKED in statuses:
        return "first dish ready"
    return "dishes printed" if ItemStatus.PRINTED in statuses else ""
