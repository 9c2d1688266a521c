"""The vendor's delivery and creation statuses, and the spellings they arrive in."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=str)


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
    """Return the letters by which the vendor's values are compared: case and separators do not count."""
    return "".join(letter for letter in raw.lower() if letter not in "_- \t\r\n")


def normaliser(known: Iterable[S]) -> Callable[[str], S | None]:
    """Make a function that finds the vendor's spelling of a value; it returns None for an unknown one."""
    by_letters = {letters(value): value for value in known}
    return lambda raw: by_letters.get(letters(raw))


normalise_status = normaliser(DeliveryStatus)
"""Return the status written as ``OnWay``, ``ON_WAY``, ``on-way`` …; None for one that the schema lacks.

The SOI spelling (UPPER_SNAKE) is known from the format's own examples only (docs/iiko.md#soi).
"""
normalise_table_order_status = normaliser(TableOrderStatus)
normalise_reserve_status = normaliser(ReserveStatus)
normalise_creation_status = normaliser(CreationStatus)

# Lists of the vendor's schema (read 2026-11).
item_kind = normaliser(("Product", "Compound", "Service"))
item_status = normaliser(("Added", "PrintedNotCooking", "CookingStarted", "CookingCompleted", "Served"))
payment_kind = normaliser(
    (
        *("Unknown", "Cash", "Card", "Credit", "Writeoff", "Voucher", "External"),
        *("SmartSale", "Sberbank", "Trpos"),  # of orders alone
        *("IikoCard", "LoyaltyCard"),  # one kind: the dictionary's name of it, and the request's
    )
)
payment_processing = normaliser(("External", "Internal", "Both"))
discount_mode = normaliser(("Percent", "FlexibleSum", "FixedSum"))
service_type = normaliser(("Common", "DeliveryByCourier", "DeliveryByClient", "DeliveryPickUp"))
reserve_cancel_reason = normaliser(("ClientNotAppeared", "ClientRefused", "Other"))
split_between_registers = normaliser(("Disabled", "Allowed", "Required"))
gender = normaliser(("NotSpecified", "Male", "Female"))
customer_type = normaliser(("regular", "one-time"))
payment_moment = normaliser(("WhenOrderOnTheWay", "WhenOrderClosed"))

# Orders say DeliveryByClient, their dictionary DeliveryPickUp (docs/iiko.md#names-of-service-types).
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
    """Return DELIVERY, PICKUP or HALL; None for an unknown service type."""
    return ORDER_TYPES.get(letters(raw))
