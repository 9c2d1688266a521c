"""What the vendor writes about the hall: table orders and reserves as JSON of its schema."""

from __future__ import annotations

from sandbox.hall.tables import Reserve, TableOrder, TableStatus
from sandbox.http.vendor_json import Json, named, nulls, pick, render
from sandbox.orders.order import CreationError
from sandbox.orders.serializer import creation_error, discount_item, dish, employee, regular_guest


def table_order_info(order: TableOrder) -> Json:
    info = {
        **_wrapper(order, order.error),
        "posId": None if order.error else order.pos_id,
        "order": None if order.error else _table_order(order),
    }
    return render(info, order.organization.zone)


def _wrapper(row: TableOrder | Reserve, error: CreationError | None) -> Json:
    return {
        **pick(row, "id external_number"),
        "organizationId": row.organization.id,
        "timestamp": row.revision,
        "creationStatus": "Error" if error else "Success",
        "errorInfo": creation_error(error),
    }


def _table_order(order: TableOrder) -> Json:
    return {
        "tableIds": [order.table],
        "customer": regular_guest(order.guest) if order.guest else None,
        "phone": order.guest.phone if order.guest else None,
        "status": order.status,
        "whenCreated": order.created,
        "waiter": employee(order.waiter),
        **nulls("tabName priceCategory"),
        "splitOrderBetweenCashRegisters": "Disabled",
        **_bill(order),
    }


def _bill(order: TableOrder) -> Json:
    """Render what a table order and the order of a banquet have in common."""
    is_closed = order.status is TableStatus.CLOSED
    return {
        **nulls("menuId sourceKey conception loyaltyInfo externalData"),
        **pick(order, "sum number"),
        "whenBillPrinted": order.bill_printed,
        "whenClosed": order.closed,
        "guestsInfo": {"count": order.guests_count, "splitBetweenPersons": False},
        "items": [
            {
                **pick(line, "status amount comment"),
                **nulls("deleted comboInformation"),
                "whenPrinted": order.created,
                **dish(line, is_deleted=False),
            }
            for line in order.lines
        ],
        "combos": [],
        "payments": [_payment(order)] if is_closed else [],
        "tips": [],
        "discounts": [discount_item(order.discount)] if order.discount else [],
        "orderType": {**named(order.organization.dictionaries.in_the_hall), "orderServiceType": "Common"},
        "terminalGroupId": order.terminal_group.id,
        "processedPaymentsSum": order.sum if is_closed else 0.0,
    }


def _payment(order: TableOrder) -> Json:
    return {
        "paymentType": pick(order.organization.dictionaries.card_to_courier, "id name kind"),
        "sum": order.sum,
        "isPreliminary": False,
        "isExternal": False,
        "isProcessedExternally": False,
        "isFiscalizedExternally": False,
        "isPrepay": False,
    }


def reserve_info(reserve: Reserve) -> Json:
    info = {
        **_wrapper(reserve, reserve.error),
        "isDeleted": False,
        "reserve": None if reserve.error else _reserve(reserve),
    }
    return render(info, reserve.organization.zone)


def _reserve(reserve: Reserve) -> Json:
    return {
        **pick(reserve, "guests_count status cancel_reason"),
        **nulls("comment eventType"),
        "customer": regular_guest(reserve.guest),
        "phone": reserve.guest.phone,
        "durationInMinutes": reserve.minutes,
        "shouldRemind": True,
        "tableIds": [reserve.table],
        # Which clock these two follow is not stated (OpenAPI, Reserve): the terminal's is a guess.
        "estimatedStartTime": reserve.starts,
        "guestsComingTime": reserve.came,
        "order": _bill(reserve.banquet) if reserve.banquet else None,
    }
