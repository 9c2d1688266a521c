"""What the vendor writes about the hall: table orders and reserves as JSON of its schema."""

from __future__ import annotations

from sandbox.hall.tables import Reserve, TableOrder, TableStatus
from sandbox.orders.order import CreationError, Dish
from sandbox.orders.serializer import (
    Json,
    creation_error,
    date_or_null,
    discount_item,
    dish,
    employee,
    named,
    regular_guest,
    vendor_date,
)


def table_order_info(order: TableOrder) -> Json:
    return {
        "id": str(order.id),
        "posId": None if order.error else str(order.pos_id),
        "externalNumber": order.external_number,
        "organizationId": str(order.organization.id),
        "timestamp": order.revision,
        **_creation(order.error),
        "order": None if order.error else _table_order(order),
    }


def _table_order(order: TableOrder) -> Json:
    zone = order.organization.zone
    return {
        "tableIds": [str(order.table)],
        "customer": regular_guest(order.guest) if order.guest else None,
        "phone": order.guest.phone if order.guest else None,
        "status": order.status.value,
        "whenCreated": vendor_date(order.created, zone),
        "waiter": employee(order.waiter),
        "tabName": None,
        "splitOrderBetweenCashRegisters": "Disabled",
        "priceCategory": None,
        **_bill(order),
    }


def _bill(order: TableOrder) -> Json:
    """What a table order and the order of a banquet have in common."""
    zone, is_closed = order.organization.zone, order.status is TableStatus.CLOSED
    return {
        "menuId": None,
        "sum": float(order.sum),
        "number": order.number,
        "sourceKey": None,
        "whenBillPrinted": date_or_null(order.bill_printed, zone),
        "whenClosed": date_or_null(order.closed, zone),
        "conception": None,
        "guestsInfo": {"count": order.guests_count, "splitBetweenPersons": False},
        "items": [_item(line, order) for line in order.lines],
        "combos": [],
        "payments": [_payment(order)] if is_closed else [],
        "tips": [],
        "discounts": [discount_item(order.discount)] if order.discount else [],
        "orderType": {**named(order.organization.dictionaries.in_the_hall), "orderServiceType": "Common"},
        "terminalGroupId": str(order.terminal_group.id),
        "processedPaymentsSum": float(order.sum) if is_closed else 0.0,
        "loyaltyInfo": None,
        "externalData": None,
    }


def _item(line: Dish, order: TableOrder) -> Json:
    return {
        "status": line.status.value,
        "deleted": None,
        "amount": float(line.amount),
        "comment": line.comment,
        "whenPrinted": vendor_date(order.created, order.organization.zone),
        "comboInformation": None,
        **dish(line, is_deleted=False),
    }


def _payment(order: TableOrder) -> Json:
    kind = order.organization.dictionaries.card_to_courier
    return {
        "paymentType": {**named(kind), "kind": kind.kind},
        "sum": float(order.sum),
        "isPreliminary": False,
        "isExternal": False,
        "isProcessedExternally": False,
        "isFiscalizedExternally": False,
        "isPrepay": False,
    }


def reserve_info(reserve: Reserve) -> Json:
    return {
        "id": str(reserve.id),
        "externalNumber": reserve.external_number,
        "organizationId": str(reserve.organization.id),
        "timestamp": reserve.revision,
        **_creation(reserve.error),
        "isDeleted": False,
        "reserve": None if reserve.error else _reserve(reserve),
    }


def _reserve(reserve: Reserve) -> Json:
    zone = reserve.organization.zone
    return {
        "customer": regular_guest(reserve.guest),
        "guestsCount": reserve.guests_count,
        "comment": None,
        "durationInMinutes": reserve.minutes,
        "shouldRemind": True,
        "status": reserve.status.value,
        "cancelReason": reserve.cancel_reason,
        "tableIds": [str(reserve.table)],
        # Which clock these two follow is not stated (OpenAPI, Reserve): the terminal's is a guess.
        "estimatedStartTime": vendor_date(reserve.starts, zone),
        "guestsComingTime": date_or_null(reserve.came, zone),
        "phone": reserve.guest.phone,
        "eventType": None,
        "order": _bill(reserve.banquet) if reserve.banquet else None,
    }


def _creation(error: CreationError | None) -> Json:
    return {
        "creationStatus": "Error" if error else "Success",
        "errorInfo": creation_error(error) if error else None,
    }
