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


class CreationStatus(StrEnum):
    """``Deliveries.Response.Order.CreationStatus`` (read 2026-11); SOI says OK for Success."""

    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    OK = "OK"
    ERROR = "Error"


def letters(raw: str) -> str:
    """Return what tells one word of the wire from another: neither case nor what parts its words."""
    return "".join(letter for letter in raw.lower() if letter not in "_- \t\r\n")


def _normaliser(words: type[S]) -> Callable[[str], S | None]:
    by_letters = {letters(word.value): word for word in words}
    return lambda raw: by_letters.get(letters(raw))


def words(*known: str) -> Callable[[str], str | None]:
    """Return what finds the vendor's spelling of a word; None for one that is none of these."""
    by_letters = {letters(word): word for word in known}
    return lambda raw: by_letters.get(letters(raw))


normalise_status = _normaliser(DeliveryStatus)
"""Return the status written as ``OnWay``, ``ON_WAY``, ``on-way`` …; None for one iiko's schema has not.

The SOI spelling (UPPER_SNAKE) is known from the format's own examples only.
"""
normalise_table_order_status = _normaliser(TableOrderStatus)
normalise_reserve_status = _normaliser(ReserveStatus)
normalise_creation_status = _normaliser(CreationStatus)

# Lists of the vendor's schema (read 2026-11).
item_kind = words("Product", "Compound", "Service")
item_status = words("Added", "PrintedNotCooking", "CookingStarted", "CookingCompleted", "Served")
payment_kind = words(
    *("Unknown", "Cash", "Card", "Credit", "Writeoff", "Voucher", "External"),
    *("SmartSale", "Sberbank", "Trpos"),  # of orders alone
    *("IikoCard", "LoyaltyCard"),  # one kind: the dictionary's name of it, and the request's
)
payment_processing = words("External", "Internal", "Both")
discount_mode = words("Percent", "FlexibleSum", "FixedSum")
service_type = words("Common", "DeliveryByCourier", "DeliveryByClient", "DeliveryPickUp")
reserve_cancel_reason = words("ClientNotAppeared", "ClientRefused", "Other")
split_between_registers = words("Disabled", "Allowed", "Required")
gender = words("NotSpecified", "Male", "Female")
customer_type = words("regular", "one-time")
delivery_service_type = words("CourierOnly", "SelfServiceOnly", "CourierAndSelfService")
payment_moment = words("WhenOrderOnTheWay", "WhenOrderClosed")

# Orders carry orderServiceType; the order type dictionary says DeliveryPickUp for the same thing.
ORDER_TYPES = {
    "deliverybycourier": "DELIVERY",
    "deliverybyclient": "PICKUP",
    "deliverypickup": "PICKUP",
    "common": "HALL",
    # SOI says it in these words.
    "delivery": "DELIVERY",
    "pickup": "PICKUP",
    "hall": "HALL",
}


def order_type(raw: str) -> str | None:
    """Return DELIVERY, PICKUP or HALL; None for a service type nobody knows."""
    return ORDER_TYPES.get(letters(raw))
