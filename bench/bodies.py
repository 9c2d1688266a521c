"""Webhook bodies of our own making: 1.5 KB each, the size of a small delivery order.

Shaped like ``DeliveryOrderUpdate`` of the vendor's schema; ids are counted, so that a body tells its
order and its step.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ORGANIZATION_ID = "7b3c2f60-0d55-4c59-9a39-3f1d6a4be001"
TERMINAL_GROUP_ID = "7b3c2f60-0d55-4c59-9a39-3f1d6a4be002"
COURIER_ID = "7b3c2f60-0d55-4c59-9a39-3f1d6a4be003"
STEPS = ("WaitCooking", "CookingStarted", "OnWay", "Closed")

BEGUN, OVER = 0, len(STEPS) - 1
"""The steps of an order that has just come, and of one that is over."""

_EVENING = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
_LOCAL = timedelta(hours=5)
_STEP_MINUTES = (0, 8, 25, 45)


@dataclass(frozen=True, slots=True)
class Moment:
    """Order number ``order`` reaches step ``step``; ``run`` keeps the runs of a benchmark apart."""

    run: int
    order: int
    step: int

    @property
    def order_id(self) -> str:
        return f"{self.run:08x}-0000-4000-8000-{self.order:012x}"

    @property
    def at(self) -> datetime:
        # Each run has an hour of its own: a restaurant's orders of one hour are counted together.
        hour = timedelta(hours=self.run & 0xFF)
        return _EVENING + hour + timedelta(seconds=2 * self.order, minutes=_STEP_MINUTES[self.step])

    @property
    def revision(self) -> int:
        return int(self.at.timestamp() * 1000)


def evening(*, run: int, orders: int) -> list[Moment]:
    """Every step of ``orders`` orders, in the order in which a busy evening would bring them."""
    moments = [Moment(run, order, step) for order in range(orders) for step in range(len(STEPS))]
    return sorted(moments, key=lambda moment: moment.at)


def body(moments: list[Moment]) -> bytes:
    events = [event(moment) for moment in moments]
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()


def event(moment: Moment) -> dict[str, object]:
    return {
        "eventType": "DeliveryOrderUpdate",
        "eventTime": _clock(moment.at),
        "organizationId": ORGANIZATION_ID,
        "correlationId": f"{moment.run:08x}-0000-4000-9{moment.step:03x}-{moment.order:012x}",
        "eventInfo": {
            "id": moment.order_id,
            "externalNumber": f"WEB-{moment.run}-{moment.order}",
            "organizationId": ORGANIZATION_ID,
            "timestamp": moment.revision,
            "creationStatus": "Success",
            "errorInfo": None,
            "order": _order(moment),
        },
    }


def _order(moment: Moment) -> dict[str, object]:
    sent = moment.step >= STEPS.index("OnWay")
    courier = {"courier": {"id": COURIER_ID, "name": "Гульнара", "phone": "+79040000203"}}
    return {
        "status": STEPS[moment.step],
        "number": moment.order % 1000,
        "sum": 1651.0,
        "phone": f"+7904{moment.order % 10**7:07d}",
        "comment": "Позвонить за 10 минут",
        "terminalGroupId": TERMINAL_GROUP_ID,
        "isAsap": False,
        "problem": None,
        "guestsInfo": {"count": 2},
        "customer": {"type": "regular", "id": COURIER_ID, "name": "Анна"},
        "deliveryPoint": {"address": {"street": {"name": "Республики"}, "house": "61", "flat": "18"}},
        "courierInfo": courier if sent else None,
        "whenCreated": _local(moment.at),
        "completeBefore": _local(moment.at + timedelta(hours=1)),
        "whenClosed": _local(moment.at) if STEPS[moment.step] == "Closed" else None,
        "whenSended": _local(moment.at) if sent else None,
        "orderType": {"name": "Доставка", "orderServiceType": "DeliveryByCourier"},
        "items": [_item("Пицца «Сибирская»", 690.5, 2), _item("Морс", 270, 1)],
        "payments": [{"paymentType": {"name": "Наличные", "kind": "Cash"}, "sum": 1651.0}],
        "discounts": [],
    }


def _item(name: str, price: float, amount: int) -> dict[str, object]:
    return {
        "type": "Product",
        "status": "Added",
        "amount": amount,
        "product": {"id": TERMINAL_GROUP_ID, "name": name},
        "price": price,
        "cost": price * amount,
        "resultSum": price * amount,
    }


def _clock(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}"


def _local(instant: datetime) -> str:
    return _clock(instant + _LOCAL)


_MARKED = 0xABCDEF


HEXADECIMAL, DECIMAL = b"\x01", b"\x02"


def unique_bodies(*, run: int, step: int) -> Iterator[bytes]:
    """Bodies of one size with a new order each, without end; cheap, since only the ids are filled in."""
    text = template(run=run, step=step).replace(b"%", b"%%")
    text = text.replace(HEXADECIMAL, b"%(n)012x").replace(DECIMAL, b"%(n)08d")
    number = 0
    while True:
        number += 1
        yield text % {b"n": number}


def template(*, run: int, step: int) -> bytes:
    """Return a body with ``HEXADECIMAL`` (12 digits) and ``DECIMAL`` (8) where the order's number goes."""
    text = body([Moment(run, _MARKED, step)])
    return text.replace(f"{_MARKED:012x}".encode(), HEXADECIMAL).replace(b"%d" % _MARKED, DECIMAL)
