"""SOI messages: the other way a restaurant announces its orders.

One object per message, no revision, instants with their offset. The format is known from one family
of sources only and unconfirmed; the details of a failed creation (null) are a guess.
"""

import re
from datetime import datetime

from sandbox.http.vendor_json import Json, render
from sandbox.orders.order import Order, ServiceType
from sandbox.webhooks.events import OrderChange


def message(change: OrderChange) -> Json:
    """Render a change of an order that was created or refused."""
    order = change.order
    content = {
        "type": "CREATE" if change.opens else "UPDATE",
        "orderExternalId": order.external_number,
        "readableNumber": _readable_number(order),
        "creationStatus": "Error" if change.is_error else "OK",
        "errorInfo": {"code": order.error.code, "message": order.error.message} if order.error else None,
        "transactionDetails": {"correlationId": change.operation_id, "organizationId": order.organization.id},
        "iikoOrderDetails": None if change.is_error else _details(order),
    }
    return render(content)


def _readable_number(order: Order) -> str:
    """Give the shop's short number: the tail of the external one, and not the POS's number."""
    return (order.external_number or str(order.number)).rpartition("-")[2]


def _details(order: Order) -> Json:
    return {
        "iikoOrderId": order.id,
        "iikoOrderNumber": str(order.number),
        "restaurantName": order.organization.name,
        "orderType": "DELIVERY" if order.service is ServiceType.COURIER else "PICKUP",
        "orderStatus": upper_snake(order.status.value),
        "receivedAt": _with_offset(order.stamps.created or order.complete_before, order),
        "promisedTime": _with_offset(order.complete_before, order),
        "problem": order.open_problem,
        "orderAmount": order.sum,
    }


def upper_snake(word: str) -> str:
    """Spell a Cloud status the SOI way: ``OnWay`` becomes ``ON_WAY``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", word).upper()


def _with_offset(instant: datetime, order: Order) -> str:
    return instant.astimezone(order.organization.zone).isoformat(timespec="seconds")
