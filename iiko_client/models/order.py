"""A delivery order as iiko writes it: ``OrderInfo`` of webhooks and answers, and the SOI details.

The Cloud's ``eventInfo`` of a delivery event and an order in a retrieval answer are one schema
(``Deliveries.Response.Order.OrderInfo``, docs/iiko.md#one-shape-of-orders), so one parser reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.order_lines import ItemRow, MoneyRow, PaymentRow, exact, word
from iiko_client.models.shared import (
    BILL,
    RAW,
    FieldMap,
    InfoFields,
    read_creation,
    read_customer,
    read_deletion,
    read_fields,
    read_groups,
    read_raw,
    read_status,
)
from iiko_client.models.statuses import normalise_status, order_type
from iiko_client.units import MinorUnits


class OrderFields(InfoFields, total=False):
    """The fields of an order in one message. A missing key: the message lacks it. None: it is empty."""

    pos_id: str | None
    external_order_id: str
    soi_external_id: str
    readable_number: str | None
    order_type: str | None
    order_type_id: str | None
    order_type_name: str | None
    amount_minor: MinorUnits | None
    processed_payments_minor: MinorUnits | None
    terminal_group_id: str | None
    restaurant_name: str | None
    courier_id: str | None
    courier_name: str | None
    courier_phone: str | None
    external_courier_service_id: str | None
    external_courier_service_name: str | None
    tracking_link: str | None
    customer: dict[str, Any] | None
    phone: str | None
    phone_extension: str | None
    is_deleted: bool | None
    address: dict[str, Any] | None
    comment: str | None
    problem: str | None
    operator_name: str | None
    guests_count: int | None
    delivery_zone: str | None
    source_key: str | None
    is_asap: bool | None
    cancel_cause: str | None
    cancel_cause_id: str | None
    cancel_comment: str | None
    loyalty: Any
    external_data: Any
    moved: dict[str, str] | None
    promised_time: datetime | None
    estimated_time: datetime | None
    cooking_start_time: datetime | None
    when_created: datetime | None
    when_confirmed: datetime | None
    when_printed: datetime | None
    when_cooking_completed: datetime | None
    when_packed: datetime | None
    when_sent: datetime | None
    when_delivered: datetime | None
    when_bill_printed: datetime | None
    when_closed: datetime | None
    when_cancelled: datetime | None
    when_received_by_api: datetime | None
    items: Sequence[ItemRow]
    payments: Sequence[PaymentRow]
    tips: Sequence[PaymentRow]
    discounts: Sequence[MoneyRow]


@dataclass(frozen=True, slots=True)
class OrderReading:
    """The result of reading: the ids of the order, its fields, and what could not be read."""

    organization_id: str | None
    iiko_order_id: str | None
    external_order_id: str | None
    revision: int | None
    fields: OrderFields
    issues: tuple[str, ...]


_ORDER_FIELDS: FieldMap = (
    *BILL,
    ("number", "readable_number", Reader.short),
    ("phone", "phone", Reader.short),
    ("phoneExtension", "phone_extension", Reader.short),
    ("trackingLink", "tracking_link", Reader.label),
    ("comment", "comment", Reader.label),
    ("deliveryZone", "delivery_zone", Reader.label),
    ("isAsap", "is_asap", Reader.boolean),
    ("completeBefore", "promised_time", Reader.local_time),
    ("cookingStartTime", "cooking_start_time", Reader.local_time),
    ("whenCreated", "when_created", Reader.local_time),
    ("whenConfirmed", "when_confirmed", Reader.local_time),
    ("whenPrinted", "when_printed", Reader.local_time),
    ("whenCookingCompleted", "when_cooking_completed", Reader.local_time),
    ("whenPacked", "when_packed", Reader.local_time),
    ("whenSended", "when_sent", Reader.local_time),
    ("whenDelivered", "when_delivered", Reader.local_time),
    # The schema names no clock; the samples show the terminal's. A real account settles it.
    ("estimatedTime", "estimated_time", Reader.local_time),
    ("whenReceivedByApi", "when_received_by_api", Reader.utc_time),
)


def read_order_info(wire: JsonObject, zone_of: Callable[[str | None], tzinfo]) -> OrderReading:
    """Read an ``OrderInfo``; ``zone_of(terminal_group_id)`` gives the clock of its local times.

    Never raises for bad content: see ``OrderReading.issues``.
    """
    issues: list[str] = []
    order = wire.get("order")
    terminal_group = order.get("terminalGroupId") if isinstance(order, dict) else None
    zone = zone_of(terminal_group if isinstance(terminal_group, str) else None)
    info = Reader(wire, zone=zone, issues=issues)
    fields = OrderFields()
    read_fields(info, (("posId", "pos_id", Reader.ident),), fields)
    read_creation(info, fields)
    # iiko sends null where it was given no number; the number we know from elsewhere stays.
    external = info.read("externalNumber", Reader.external_id)
    if external is not None:
        fields["external_order_id"] = external
    inner = info.read("order", Reader.child)
    if inner is not None:
        _read_order(inner, fields)
    # The schema has the flag in the order alone; that of a reserve stands beside its content.
    read_deletion([one for one in (info, inner) if one is not None], fields)
    return OrderReading(
        organization_id=info.read("organizationId", Reader.ident),
        iiko_order_id=info.read("id", Reader.ident),
        external_order_id=external,
        revision=info.read("timestamp", Reader.integer),
        fields=fields,
        issues=tuple(issues),
    )


def _read_order(order: Reader, fields: OrderFields) -> None:
    read_fields(order, _ORDER_FIELDS, fields)
    read_status(order, "status", fields, normalise_status)
    read_groups(order, _GROUPS, fields)
    if any(order.has(key) for key in _MOVED):
        moved = {ours: value for key, ours in _MOVED.items() if (value := order.read(key, Reader.ident))}
        fields["moved"] = moved or None
    read_raw(order, RAW, fields)


def _read_order_type(wire: Reader | None) -> OrderFields:
    if wire is None:
        return OrderFields(order_type=None, order_type_id=None, order_type_name=None)
    return OrderFields(
        order_type=wire.read("orderServiceType", word(order_type)),
        order_type_id=wire.read("id", Reader.ident),
        order_type_name=wire.read("name", Reader.label),
    )


def _read_courier(wire: Reader | None) -> OrderFields:
    # courierInfo null: there is no courier, or no longer one (docs/iiko.md#couriers).
    courier = wire.inner_named("courier") if wire else None
    return OrderFields(
        courier_id=courier.read("id", Reader.ident) if courier else None,
        courier_name=courier.read("name", Reader.label) if courier else None,
        courier_phone=courier.read("phone", Reader.label) if courier else None,
    )


def _read_external_courier(wire: Reader | None) -> OrderFields:
    return OrderFields(
        external_courier_service_id=wire.read("id", Reader.ident) if wire else None,
        external_courier_service_name=wire.read("name", Reader.label) if wire else None,
    )


def _read_cancel(wire: Reader | None) -> OrderFields:
    cause = wire.inner_named("cause") if wire else None
    return OrderFields(
        when_cancelled=wire.read("whenCancelled", Reader.local_time) if wire else None,
        cancel_cause=cause.read("name", Reader.label) if cause else None,
        cancel_cause_id=cause.read("id", Reader.ident) if cause else None,
        cancel_comment=wire.read("comment", Reader.label) if wire else None,
    )


def _read_problem(wire: Reader | None) -> OrderFields:
    if wire is None:
        return OrderFields(problem=None)
    text = wire.read("description", Reader.label)
    has_problem = wire.read("hasProblem", Reader.boolean) if wire.has("hasProblem") else text is not None
    # A problem without a description is still a problem: the empty text, not None.
    return OrderFields(problem=text or "" if has_problem else None)


def _read_operator(wire: Reader | None) -> OrderFields:
    return OrderFields(operator_name=wire.read("name", Reader.label) if wire else None)


def _read_guests(wire: Reader | None) -> OrderFields:
    return OrderFields(guests_count=wire.read("count", Reader.integer) if wire else None)


def _read_customer(wire: Reader | None) -> OrderFields:
    return OrderFields(customer=None if wire is None else read_customer(wire))


def _read_address(wire: Reader | None) -> OrderFields:
    if wire is None:
        return OrderFields(address=None)
    place = wire.inner_named("address", "line1")
    street = place.inner_named("street")
    names = ("house", "building", "flat", "entrance", "floor", "doorphone", "index", "line1")
    # The schema has the city in the street; some write it beside the street.
    cities = [one.inner_named("city").read("name", Reader.label) for one in (street, place)]
    address: dict[str, Any] = {
        "city": cities[0] or cities[1],
        "street": street.read("name", Reader.label),
    }
    address |= {name: place.read(name, Reader.label) for name in names}
    address["region"] = place.inner_named("region").read("name", Reader.label)
    address["comment"] = wire.read("comment", Reader.label)
    coordinates = wire.inner("coordinates")
    for name in ("latitude", "longitude"):
        address[name] = exact(coordinates.read(name, Reader.decimal))
    return OrderFields(address=address)


_GROUPS: dict[str, Callable[[Reader | None], InfoFields]] = {
    "orderType": _read_order_type,
    "courierInfo": _read_courier,
    "externalCourierService": _read_external_courier,
    "cancelInfo": _read_cancel,
    "problem": _read_problem,
    "operator": _read_operator,
    "guestsInfo": _read_guests,
    "customer": _read_customer,
    "deliveryPoint": _read_address,
}

_MOVED = {
    "parentDeliveryId": "parent_order_id",
    "movedFromDeliveryId": "from_order_id",
    "movedFromTerminalGroupId": "from_terminal_group_id",
    "movedFromOrganizationId": "from_organization_id",
    "movedToDeliveryId": "to_order_id",
    "movedToTerminalGroupId": "to_terminal_group_id",
    "movedToOrganizationId": "to_organization_id",
}

_ORDER_KEYS = frozenset({"order", "creationStatus", "posId", "externalNumber", "errorInfo"})


def looks_like_order_info(wire: object) -> bool:
    """Tell whether an event of an undocumented type carries an ``OrderInfo``: an id and fields of one."""
    return isinstance(wire, dict) and isinstance(wire.get("id"), str) and bool(_ORDER_KEYS & wire.keys())
