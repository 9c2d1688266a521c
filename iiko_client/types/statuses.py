"""The vendor's delivery and creation statuses, and the spellings they arrive in."""

from __future__ import annotations

from enum import StrEnum


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

_BY_LETTERS = {status.value.lower(): status for status in DeliveryStatus}


def normalise_status(raw: str) -> DeliveryStatus | None:
    """Return the status written as ``OnWay``, ``ON_WAY``, ``on-way`` …; None for one iiko's schema has not.

    The SOI spelling (UPPER_SNAKE) is known from the format's own examples only.
    """
    return _BY_LETTERS.get("".join(letter for letter in raw.lower() if letter not in "_- "))


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
