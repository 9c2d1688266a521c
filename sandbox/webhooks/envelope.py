"""The envelope of a webhook's event: its type, its restaurant and its content."""

from __future__ import annotations

from collections.abc import Collection

from sandbox.hall.serializer import reserve_info, table_order_info
from sandbox.http.vendor_json import Json, render
from sandbox.orders.serializer import order_info
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
    """Render one event of a webhook's array."""
    kind, info = _content(happened, external_keys)
    envelope = {
        "eventType": kind,
        "eventTime": happened.at,
        "organizationId": happened.organization.id,
        "correlationId": happened.operation_id,
        "eventInfo": info,
    }
    return render(envelope)


def _content(happened: Event, external_keys: Collection[str]) -> tuple[str, Json]:
    match happened:
        case OrderChange():
            kind = "DeliveryOrderError" if happened.is_error else "DeliveryOrderUpdate"
            return kind, order_info(happened.order, external_keys)
        case StopListChange():
            update = {"id": happened.terminal_group.id, "isFull": happened.is_full}
            return "StopListUpdate", {"terminalGroupsStopListsUpdates": [update]}
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


def _shift_info(change: ShiftChange) -> Json:
    return {
        "id": change.courier.id,
        "roleId": change.organization.dictionaries.courier_role.id,
        "opened": change.is_open,
        "terminalGroupId": change.terminal_group.id,
    }
