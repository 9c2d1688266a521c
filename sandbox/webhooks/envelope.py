"""The envelope of a webhook's event: what kind it is, of whom, and what is inside."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC

from sandbox.hall.serializer import reserve_info, table_order_info
from sandbox.orders.serializer import Json, order_info, vendor_date
from sandbox.webhooks.events import (
    Event,
    OrderChange,
    ReserveChange,
    ShiftChange,
    StopListChange,
    TableOrderChange,
    UndocumentedEvent,
)


def event(happened: Event, external_keys: Collection[str] = ()) -> Json:
    """Render what happened as one event of a webhook's array."""
    kind, info = _content(happened, external_keys)
    return {
        "eventType": kind,
        "eventTime": vendor_date(happened.at, UTC),
        "organizationId": str(happened.organization.id),
        "correlationId": str(happened.operation_id),
        "eventInfo": info,
    }


def _content(happened: Event, external_keys: Collection[str]) -> tuple[str, Json]:
    match happened:
        case OrderChange():
            kind = "DeliveryOrderError" if happened.is_error else "DeliveryOrderUpdate"
            return kind, order_info(happened.order, external_keys)
        case StopListChange():
            return "StopListUpdate", _stop_list_info(happened)
        case ShiftChange():
            return "PersonalShift", _shift_info(happened)
        case TableOrderChange():
            kind = "TableOrderError" if happened.order.error else "TableOrderUpdate"
            return kind, table_order_info(happened.order)
        case ReserveChange():
            kind = "ReserveError" if happened.reserve.error else "ReserveUpdate"
            return kind, reserve_info(happened.reserve)
        case UndocumentedEvent():
            return happened.kind.value, happened.info


def _stop_list_info(change: StopListChange) -> Json:
    update = {"id": str(change.terminal_group.id), "isFull": change.is_full}
    return {"terminalGroupsStopListsUpdates": [update]}


def _shift_info(change: ShiftChange) -> Json:
    return {
        "id": str(change.courier.id),
        "roleId": str(change.organization.dictionaries.courier_role.id),
        "opened": change.is_open,
        "terminalGroupId": str(change.terminal_group.id),
    }
