"""The vendor's delivery and creation statuses, and the spellings they arrive in."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)


class DeliveryStatus(StrEnum):
    """``Deliveries.Common.DeliveryStatus`` of the vendor's schema (read 2026-11), in the usual course."""

    UNCONFIRMED = "Unconfirmed"
    WAIT_COOKING = "WaitCooking"
    READY_FOR_COOKING = "ReadyForCooking"  # deprecated since POS 9.0.6, still in the enum
    COOKING_STARTED = "CookingStarted"
    COOKING_COMPLETED = "CookingCompleted"
    WAITING = "Waiting"
    ON_WAY = "OnWay"
    DELIVERED = "Delivered"
    CLOSED = "Closed"
    CANCELLED = "Cancelled"


TERMINAL_STATUSES = frozenset({DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED})


class TableOrderStatus(StrEnum):
    """``Deliveries.Response.Order.OrderStatus`` (read 2026-11). ``Bill``: asked for, not paid yet."""

    NEW = "New"
    BILL = "Bill"
    CLOSED = "Closed"
    DELETED = "Deleted"


class ReserveStatus(StrEnum):
    """``Reserves.ReserveStatus`` (read 2026-11).

    By the schema guests who came make a banquet ``Started`` and a plain reserve ``Closed``, which is what
    a cancelled one is too; that one has a reason.
    """

    NEW = "New"
    STARTED = "Started"
    CLOSED = "Closed"


def _normaliser(statuses: type[S]) -> Callable[[str], S | None]:
    by_letters = {status.value.lower(): status for status in statuses}
    return lambda raw: by_letters.get("".join(letter for letter in raw.lower() if letter not in "_- "))


normalise_status = _normaliser(DeliveryStatus)
"""Return the status written as ``OnWay``, ``ON_WAY``, ``on-way`` …; None for one iiko's schema has not.

The SOI spelling (UPPER_SNAKE) is known from the format's own examples only.
"""
normalise_table_order_status = _normaliser(TableOrderStatus)
normalise_reserve_status = _normaliser(ReserveStatus)


# Orders carry orderServiceType; the order type dictionary says DeliveryPickUp for the same thing.
ORDER_TYPES = {
    "deliverybycourier": "DELIVERY",
    "deliverybyclient": "PICKUP",
    "deliverypickup": "PICKUP",
    "common": "HALL",
}


def order_type(service_type: str) -> str:
    """Return DELIVERY, PICKUP or HALL; a service type nobody knows is returned as it came."""
    return ORDER_TYPES.get(service_type.lower(), service_type)
