"""What the vendor writes about the hall: table orders and reserves as JSON of its schema."""

from __future__ import annotations

from sandbox.hall import Reserve, TableOrder, TableStatus
from sandbox.order import Dish
from sandbox.wire import Json, date_or_null, dish, employee, named, regular_guest, vendor_date


def table_order_info(order: TableOrder) -> Json:
    return {
        "id": str(order.id),
        "posId": str(order.pos_id),
        "externalNumber": None,
        "organizationId": str(order.organization.id),
        "timestamp": order.revision,
        "creationStatus": "Success",
        "errorInfo": None,
        "order": _table_order(order),
    }


def _table_order(order: TableOrder) -> Json:
    zone, is_closed = order.organization.zone, order.status is TableStatus.CLOSED
    return {
        "tableIds": [str(order.table)],
        "customer": None,
        "phone": None,
        "status": order.status.value,
        "whenCreated": vendor_date(order.created, zone),
        "waiter": employee(order.waiter),
        "tabName": None,
        "splitOrderBetweenCashRegisters": "Disabled",
        "menuId": None,
        "priceCategory": None,
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
        "discounts": [],
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
    zone = reserve.organization.zone
    return {
        "id": str(reserve.id),
        "externalNumber": None,
        "organizationId": str(reserve.organization.id),
        "timestamp": reserve.revision,
        "creationStatus": "Success",
        "errorInfo": None,
        "isDeleted": False,
        "reserve": {
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
            "order": None,
        },
    }
