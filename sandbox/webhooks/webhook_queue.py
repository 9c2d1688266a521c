"""Turns events into deliveries: the webhooks to send, with their receivers and bodies."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from sandbox.hall import reserve_info, table_order_info
from sandbox.http.vendor_json import Json, render
from sandbox.orders.order import CreationStatus, DeliveryStatus, ItemStatus, Order
from sandbox.orders.serializer import order_info
from sandbox.webhooks import events, soi
from sandbox.webhooks.events import Event, OrderChange
from sandbox.webhooks.subscriptions import Subscriptions

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
        subscriptions: Subscriptions,
        more_batches: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._random = Random(f"{seed}/mail")
        self._subscriptions = subscriptions
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

    def _cloud_deliveries(self, batch: list[Event]) -> list[Delivery]:
        """Write to each receiver what its filter lets through."""
        deliveries = []
        for to in self._subscriptions.of(batch[0].organization):
            passed = [each for each in batch if to.filter is None or to.filter.lets_through(each)]
            if passed:
                body = _encoded([envelope(each, to.external_keys) for each in passed])
                title = ", ".join(map(describe, passed))
                deliveries.append(Delivery(to.partition, title, body, len(passed), to.url, to.token))
        return deliveries


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def envelope(happened: Event, external_keys: Collection[str] = ()) -> Json:
    """Render one event of a webhook's array: its type, its restaurant and its content."""
    kind, info = _content(happened, external_keys)
    return render(
        {
            "eventType": kind,
            "eventTime": happened.at,
            "organizationId": happened.organization.id,
            "correlationId": happened.operation_id,
            "eventInfo": info,
        }
    )


def _content(happened: Event, external_keys: Collection[str]) -> tuple[str, Json]:
    match happened:
        case OrderChange():
            kind = "DeliveryOrderError" if happened.is_error else "DeliveryOrderUpdate"
            return kind, order_info(happened.order, external_keys)
        case events.StopListChange():
            update = {"id": happened.terminal_group.id, "isFull": happened.is_full}
            return "StopListUpdate", {"terminalGroupsStopListsUpdates": [update]}
        case events.ShiftChange():
            return "PersonalShift", {
                "id": happened.courier.id,
                "roleId": happened.organization.dictionaries.courier_role.id,
                "opened": happened.is_open,
                "terminalGroupId": happened.terminal_group.id,
            }
        case events.TableOrderChange():
            kind = "TableOrderError" if happened.order.error else "TableOrderUpdate"
            return kind, table_order_info(happened.order)
        case events.ReserveChange():
            kind = "ReserveError" if happened.reserve.error else "ReserveUpdate"
            return kind, reserve_info(happened.reserve)
        case events.UndocumentedEvent():
            return happened.kind.value, happened.info


def describe(happened: Event) -> str:
    """Describe an event in a few words; of people it names couriers only."""
    match happened:
        case OrderChange(order=order):
            # Before the POS gives a number there is only the shop's.
            is_accepted = order.creation is CreationStatus.SUCCESS
            what = f"{f'№{order.number}' if is_accepted else order.external_number} → {_order_news(order)}"
        case events.StopListChange():
            what = f"stop list{' replaced' if happened.is_full else ''}"
        case events.ShiftChange():
            what = f"shift {'opened' if happened.is_open else 'closed'}"
        case events.TableOrderChange(order=table):
            what = f"table №{table.number} → {table.error.code if table.error else table.status.value}"
        case events.ReserveChange(reserve=reserve):
            what = f"reserve → {reserve.error.code if reserve.error else reserve.status.value}"
        case events.UndocumentedEvent():
            what = happened.kind.value
    return f"{happened.organization.short_name} {what}"


def _order_news(order: Order) -> str:
    if order.error:
        return f"{order.creation.value} {order.error.code}"
    if order.creation is not CreationStatus.SUCCESS:
        return order.creation.value
    # How far the dishes are, where the order's status does not say it.
    items = {line.status for line in order.lines} if order.status in _KITCHEN_STATUSES else set()
    dishes = "dishes printed" if ItemStatus.PRINTED in items else ""
    notes = [
        "first dish ready" if ItemStatus.COOKED in items else dishes,
        order.courier.name if order.courier else "",
        "problem" if order.open_problem is not None else "",
    ]
    shown = ", ".join(filter(None, notes))
    return f"{order.status.value} ({shown})" if shown else order.status.value
