"""Turns what happened into letters: the webhooks as they go out, who they are for and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sandbox.catalogue.world import Organization
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

_SHARE_IN_BUNDLES = 0.15
_BUNDLE_WAITS = timedelta(seconds=1.5)
_KITCHEN_STATUSES = {DeliveryStatus.WAIT_COOKING, DeliveryStatus.COOKING_STARTED}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. Letters of one ``lane`` arrive in the order they were put in, if nothing goes wrong.

    Without a ``url`` it goes where the sender's own settings say.
    """

    partition: UUID
    title: str
    body: bytes
    events: int = 1
    url: str = ""
    token: str = ""


@dataclass(slots=True)
class _Bundle:
    due: datetime
    events: list[Event] = field(default_factory=list)


class WebhookQueue:
    """Writes the letters; now and then events of one restaurant go together in one array.

    ``more_bundles`` is the share of events, beyond the usual, that wait for others to join them.
    """

    def __init__(
        self,
        seed: int,
        subscriptions: Subscriptions | None = None,
        more_bundles: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._random = Random(f"{seed}/mail")
        self._subscriptions = subscriptions or Subscriptions()
        self._more_bundles = more_bundles
        self._bundles: dict[UUID, _Bundle] = {}
        self._last_soi_details: dict[UUID, object] = {}

    def write(self, happened: list[Event], now: datetime) -> list[Delivery]:
        """Give the letters to send now, in order."""
        deliveries: list[Delivery] = []
        for each in happened:
            if each.organization.uses_soi:
                deliveries += self._soi_deliveries(each)
            elif not self._joins_bundle(each, now):
                deliveries += self._cloud_deliveries([each])
        return deliveries + self._finished_bundles(now)

    def _joins_bundle(self, each: Event, now: datetime) -> bool:
        """Put the event into a bundle; while it is open, all of the restaurant join it."""
        bundle = self._bundles.get(each.organization.id)
        if bundle is None:
            if self._random.random() >= max(_SHARE_IN_BUNDLES, self._more_bundles()):
                return False
            bundle = self._bundles[each.organization.id] = _Bundle(due=now + _BUNDLE_WAITS)
        bundle.events.append(each)
        return True

    def _soi_deliveries(self, happened: Event) -> list[Delivery]:
        """Write an order's change, if SOI has words for it: it knows no dishes, couriers or beginnings."""
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
        # SOI has no filter; its address is the one of the restaurant's webhooks, for want of another.
        listeners = self._subscriptions.of(happened.organization)
        return [Delivery(each.partition, title, body, 1, each.url, each.token) for each in listeners]

    def _finished_bundles(self, now: datetime) -> list[Delivery]:
        finished = [key for key, bundle in self._bundles.items() if bundle.due <= now]
        return [
            delivery for key in finished for delivery in self._cloud_deliveries(self._bundles.pop(key).events)
        ]

    def _cloud_deliveries(self, events: list[Event]) -> list[Delivery]:
        """Write to each who listens what its filter lets through."""
        deliveries = []
        for listener in self._subscriptions.of(events[0].organization):
            asked_for = [each for each in events if listener.filter.lets_through(each)]
            if asked_for:
                deliveries.append(_cloud_delivery(asked_for, listener))
        return deliveries


def _cloud_delivery(events: list[Event], to: Subscription) -> Delivery:
    keys = to.filter.delivery_orders.external_keys
    body = [envelope.event(each, keys) for each in events]
    title = ", ".join(describe(each) for each in events)
    return Delivery(to.partition, title, _encoded(body), len(events), to.url, to.token)


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def describe(happened: Event) -> str:
    """Say in a few words what happened; of people it names couriers only."""
    who = happened.organization
    match happened:
        case OrderChange():
            return f"{order_name(happened, who)} → {_news(happened)}"
        case StopListChange():
            return f"{who.short_name} stop list{' made anew' if happened.is_full else ''}"
        case ShiftChange():
            return f"{who.short_name} shift {'opened' if happened.is_open else 'closed'}"
        case TableOrderChange():
            table = happened.order
            news = table.error.code if table.error else table.status.value
            return f"{who.short_name} table №{table.number} → {news}"
        case ReserveChange():
            reserve = happened.reserve
            return (
                f"{who.short_name} reserve → {reserve.error.code if reserve.error else reserve.status.value}"
            )
        case UndocumentedEvent():
            return f"{who.short_name} {happened.kind.value}"


def order_name(change: OrderChange, who: Organization) -> str:
    """Name the order by its number at the till, before it has one by the shop's."""
    order = change.order
    is_taken = order.creation is CreationStatus.SUCCESS
    return f"{who.short_name} №{order.number}" if is_taken else f"{who.short_name} {order.external_number}"


def _news(change: OrderChange) -> str:
    order = change.order
    if order.error:
        return f"{order.creation.value} {order.error.code}"
    if order.creation is not CreationStatus.SUCCESS:
        return order.creation.value
    notes = [_dishes_news(order)] if order.status in _KITCHEN_STATUSES else []
    notes += [order.courier.name] if order.courier else []
    notes += ["problem"] if order.problem and order.problem.is_open else []
    shown = ", ".join(filter(None, notes))
    return f"{order.status.value} ({shown})" if shown else order.status.value


def _dishes_news(order: Order) -> str:
    """Say how far the dishes are where the order's status does not."""
    statuses = {line.status for line in order.lines}
    if ItemStatus.COOKED in statuses:
        return "first dish ready"
    return "dishes printed" if ItemStatus.PRINTED in statuses else ""
