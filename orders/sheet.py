"""Orders as lines of a spreadsheet: what the admin's export and the API's workbook hold."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TypeAlias

from django.utils.translation import gettext_lazy as _

from core.display import EMPTY, Text, clock_reading
from iiko_client.units import MinorUnits, to_major
from orders.admin.display import (
    address_text,
    courier_text,
    creation_text,
    customer_text,
    deletion_text,
    phone_line,
    restaurant_text,
    status_text,
    type_text,
)
from orders.models.order import Order, OrderQuerySet

Column: TypeAlias = tuple[Text, Callable[[Order], object]]

_READ = (
    *("readable_number", "external_order_id", "soi_external_id", "iiko_order_id", "source_key"),
    *("status", "raw_status", "creation_status", "is_deleted", "is_open", "problem", "cancel_cause"),
    *("order_type", "order_type_name", "restaurant_name", "delivery_zone", "guests_count"),
    *("created_at", "promised_time", "when_created", "when_sent", "when_delivered", "when_closed"),
    *("amount_minor", "processed_payments_minor"),
    *("courier_name", "external_courier_service_id", "external_courier_service_name"),
    *("customer", "phone", "phone_extension", "address", "comment"),
    "organization",
)


def read_for_sheet() -> OrderQuerySet:
    """Read of each order what its line shows, and no more; restaurants once for many orders."""
    return Order.objects.only(*_READ).prefetch_related("organization")


def sheet_columns() -> tuple[Column, ...]:
    """Return the columns of orders as they were read: whoever may not see guests gets these hidden."""
    return (
        (_("number"), lambda order: order.readable_number),
        (_("external order id"), lambda order: order.external_order_id or order.soi_external_id),
        (_("restaurant"), restaurant_text),
        (_("time zone"), lambda order: order.organization.timezone),
        (_("status"), _status()),
        (_("late, minutes"), _late_minutes),
        (_("type"), lambda order: _shown(type_text(order))),
        (_("first seen"), _moment("created_at")),
        (_("created in iiko"), _moment("when_created")),
        (_("promised"), _moment("promised_time")),
        (_("sent"), _moment("when_sent")),
        (_("delivered"), _moment("when_delivered")),
        (_("closed"), _moment("when_closed")),
        (_("amount"), lambda order: _amount(order.amount_minor)),
        (_("paid"), lambda order: _amount(order.processed_payments_minor)),
        (_("currency"), lambda order: order.organization.currency),
        (_("courier"), lambda order: _shown(courier_text(order))),
        (_("delivery zone"), lambda order: order.delivery_zone),
        (_("source"), lambda order: order.source_key),
        (_("guests"), lambda order: order.guests_count),
        (_("problem"), lambda order: order.problem),
        (_("cancel cause"), lambda order: order.cancel_cause),
        (_("customer"), lambda order: _shown(customer_text(order.customer))),
        (_("phone"), lambda order: phone_line(order.phone, order.phone_extension)),
        (_("address"), lambda order: _shown(address_text(order.address))),
        (_("comment"), lambda order: order.comment or ""),
        (_("iiko order id"), lambda order: order.iiko_order_id),
    )


def _status() -> Callable[[Order], str]:
    """Name the status; where there is none yet, whether the POS took the order."""
    status, creation = cache(status_text), cache(creation_text)  # a file is in one language

    def text(order: Order) -> str:
        if order.is_deleted:
            return deletion_text(True)
        return status(order.status or order.raw_status or "") or creation(order.creation_status or "")

    return text


def _late_minutes(order: Order) -> int | None:
    """Count the minutes by which a finished order was late; an open one has no number yet."""
    end = order.when_delivered or order.when_closed
    if end is None or order.promised_time is None or not order.late_at(end):
        return None
    return int((end - order.promised_time).total_seconds()) // 60


def _moment(name: str) -> Callable[[Order], datetime | None]:
    return lambda order: clock_reading(getattr(order, name), order.organization.zone())


def _amount(minor: int | None) -> Decimal | None:
    return None if minor is None else to_major(MinorUnits(minor))


def _shown(text: str) -> str:
    """Leave a cell empty where a page shows a dash."""
    return "" if text == EMPTY else text
