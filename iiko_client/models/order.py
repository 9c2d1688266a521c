"""A delivery order as iiko writes it: ``OrderInfo`` of webhooks and answers, and the SOI details.

The Cloud's ``eventInfo`` of a delivery event and an order in a retrieval answer are one schema
(``Deliveries.Response.Order.OrderInfo``, docs/iiko.md#one-shape-of-orders), so one parser reads both.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from iiko_client.json_reader import JsonObject, Reader, word
from iiko_client.message_fields import At, AtWrapper, plan_of
from iiko_client.models import shared
from iiko_client.models.order_lines import exact
from iiko_client.models.statuses import normalise_status, order_type


def _read_problem(reader: Reader, key: str) -> str | None:
    problem = reader.named(key, "description")
    if problem is None:
        return None
    text = problem.read("description", Reader.label)
    has_problem = (
        problem.read("hasProblem", Reader.boolean) if problem.has("hasProblem") else text is not None
    )
    # A problem without a description is still a problem: the empty text, not None.
    return text or "" if has_problem else None


def _read_address(reader: Reader, key: str) -> dict[str, object] | None:
    point = reader.named(key, "address")
    if point is None:
        return None
    place = point.inner_named("address", "line1")
    street = place.inner_named("street")
    names = ("house", "building", "flat", "entrance", "floor", "doorphone", "index", "line1")
    # The schema has the city in the street; some write it beside the street.
    cities = [one.inner_named("city").read("name", Reader.label) for one in (street, place)]
    address: dict[str, object] = {
        "city": cities[0] or cities[1],
        "street": street.read("name", Reader.label),
    }
    address |= {name: place.read(name, Reader.label) for name in names}
    address["region"] = place.inner_named("region").read("name", Reader.label)
    address["comment"] = point.read("comment", Reader.label)
    coordinates = point.inner("coordinates")
    for name in ("latitude", "longitude"):
        address[name] = exact(coordinates.read(name, Reader.decimal))
    return address


class OrderFields(shared.InfoFields, shared.BillFields, total=False):
    """The fields of an order in one message. A missing key: the message lacks it. None: it is empty.

    estimatedTime: the schema names no clock; the samples show the terminal's. A real account settles it.
    ``courierInfo`` null: there is no courier, or no longer one (docs/iiko.md#couriers).
    """

    pos_id: Annotated[str | None, AtWrapper("posId", Reader.ident)]
    external_order_id: str
    soi_external_id: str
    restaurant_name: str | None
    moved: dict[str, str] | None
    readable_number: Annotated[str | None, At("number", Reader.short)]
    phone: Annotated[str | None, At("phone", Reader.short)]
    phone_extension: Annotated[str | None, At("phoneExtension", Reader.short)]
    tracking_link: Annotated[str | None, At("trackingLink", Reader.label)]
    comment: Annotated[str | None, At("comment", Reader.label)]
    delivery_zone: Annotated[str | None, At("deliveryZone", Reader.label)]
    is_asap: Annotated[bool | None, At("isAsap", Reader.boolean)]
    promised_time: Annotated[datetime | None, At("completeBefore", Reader.local_time)]
    cooking_start_time: Annotated[datetime | None, At("cookingStartTime", Reader.local_time)]
    when_created: Annotated[datetime | None, At("whenCreated", Reader.local_time)]
    when_confirmed: Annotated[datetime | None, At("whenConfirmed", Reader.local_time)]
    when_printed: Annotated[datetime | None, At("whenPrinted", Reader.local_time)]
    when_cooking_completed: Annotated[datetime | None, At("whenCookingCompleted", Reader.local_time)]
    when_packed: Annotated[datetime | None, At("whenPacked", Reader.local_time)]
    when_sent: Annotated[datetime | None, At("whenSended", Reader.local_time)]
    when_delivered: Annotated[datetime | None, At("whenDelivered", Reader.local_time)]
    estimated_time: Annotated[datetime | None, At("estimatedTime", Reader.local_time)]
    when_received_by_api: Annotated[datetime | None, At("whenReceivedByApi", Reader.utc_time)]
    order_type: Annotated[str | None, At("orderType.orderServiceType", word(order_type))]
    courier_id: Annotated[str | None, At("courierInfo.courier.id", Reader.ident)]
    courier_name: Annotated[str | None, At("courierInfo.courier.name", Reader.label)]
    courier_phone: Annotated[str | None, At("courierInfo.courier.phone", Reader.label)]
    external_courier_service_id: Annotated[str | None, At("externalCourierService.id", Reader.ident)]
    external_courier_service_name: Annotated[str | None, At("externalCourierService.name", Reader.label)]
    cancel_cause: Annotated[str | None, At("cancelInfo.cause.name", Reader.label)]
    cancel_cause_id: Annotated[str | None, At("cancelInfo.cause.id", Reader.ident)]
    when_cancelled: Annotated[datetime | None, At("cancelInfo.whenCancelled", Reader.local_time)]
    cancel_comment: Annotated[str | None, At("cancelInfo.comment", Reader.label)]
    problem: Annotated[str | None, At("problem", _read_problem)]
    operator_name: Annotated[str | None, At("operator.name", Reader.label)]
    guests_count: Annotated[int | None, At("guestsInfo.count", Reader.integer)]
    customer: Annotated[dict[str, object] | None, At("customer", shared.read_customer)]
    address: Annotated[dict[str, object] | None, At("deliveryPoint", _read_address)]


_WRAPPER, _ORDER = plan_of(OrderFields, AtWrapper), plan_of(OrderFields)
_MOVED = {
    "parentDeliveryId": "parent_order_id",
    "movedFromDeliveryId": "from_order_id",
    "movedFromTerminalGroupId": "from_terminal_group_id",
    "movedFromOrganizationId": "from_organization_id",
    "movedToDeliveryId": "to_order_id",
    "movedToTerminalGroupId": "to_terminal_group_id",
    "movedToOrganizationId": "to_organization_id",
}


@dataclass(frozen=True, slots=True)
class OrderReading:
    """The result of reading: the ids of the order, its fields, and what could not be read."""

    organization_id: str | None
    iiko_order_id: str | None
    external_order_id: str | None
    revision: int | None
    fields: OrderFields
    issues: tuple[str, ...]


def read_order_info(wire: JsonObject, zone_of: shared.ZoneOf) -> OrderReading:
    """Read an ``OrderInfo``; ``zone_of(terminal_group_id)`` gives the clock of its local times.

    Never raises for bad content: see ``OrderReading.issues``.
    """
    info = Reader(wire, zone=zone_of(shared.terminal_group_in(wire.get("order"))))
    fields = OrderFields()
    _WRAPPER.read(info, fields)
    # iiko sends null where it was given no number; the number we know from elsewhere stays.
    external = info.read("externalNumber", Reader.external_id)
    if external is not None:
        fields["external_order_id"] = external
    order = info.read("order", Reader.child)
    if order is not None:
        _read_order(order, fields)
    # The schema has the flag in the order alone; that of a reserve stands beside its content.
    shared.read_deletion((info, order), fields)
    return OrderReading(
        organization_id=info.read("organizationId", Reader.ident),
        iiko_order_id=info.read("id", Reader.ident),
        external_order_id=external,
        revision=info.read("timestamp", Reader.integer),
        fields=fields,
        issues=tuple(info.issues),
    )


def _read_order(order: Reader, fields: OrderFields) -> None:
    _ORDER.read(order, fields)
    shared.read_status(order, "status", fields, normalise_status)
    if any(order.has(key) for key in _MOVED):
        moved = {ours: value for key, ours in _MOVED.items() if (value := order.read(key, Reader.ident))}
        fields["moved"] = moved or None


_ORDER_KEYS = frozenset({"order", "creationStatus", "posId", "externalNumber", "errorInfo"})


def looks_like_order_info(wire: object) -> bool:
    """Tell whether an event of an undocumented type carries an ``OrderInfo``: an id and fields of one."""
    return isinstance(wire, dict) and isinstance(wire.get("id"), str) and bool(_ORDER_KEYS & wire.keys())
