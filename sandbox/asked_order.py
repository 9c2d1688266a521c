"""Reads the order of ``deliveries/create`` and refuses at once what can be seen from its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4, uuid5

from sandbox.api_errors import bad_request
from sandbox.body import Body
from sandbox.order import Address, OneTimeGuest, ServiceType
from sandbox.payments import AskedPayment, read_payments
from sandbox.world import Organization, RegularGuest, Street, TerminalGroup

_SERVICES = tuple(service.value for service in ServiceType)
_LARGEST_AMOUNT = Decimal("999.999")


@dataclass(frozen=True, slots=True)
class AskedDish:
    product_id: UUID
    size_id: UUID | None
    amount: Decimal
    comment: str | None
    position_id: UUID
    extras: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class AskedOrder:
    """The order as the client wrote it, with all that can be read from the text alone."""

    id: UUID
    group: TerminalGroup
    service: ServiceType
    guest: RegularGuest | OneTimeGuest
    phone: str
    address: Address | None
    dishes: list[AskedDish]
    payments: list[AskedPayment]
    discounts: list[tuple[UUID, Decimal | None]]
    complete_before: datetime | None
    timeout_s: int | None
    body: Body


def read_order(whole: Body, organization: Organization) -> AskedOrder:
    body = whole.part("order")
    settings = whole.part_or_none("createOrderSettings")
    service = _read_service(body, organization)
    _read_the_rest(body)
    return AskedOrder(
        id=body.id_or_none("id") or uuid4(),
        group=_read_group(whole, organization),
        service=service,
        guest=_read_guest(body.part_or_none("customer"), organization),
        phone=_read_phone(body),
        address=_read_address(body, organization) if service is ServiceType.COURIER else None,
        dishes=[_read_dish(each) for each in body.parts("items")],
        payments=read_payments(body) if body.has("payments") else [],
        discounts=_read_discounts(body.part_or_none("discountsInfo")),
        complete_before=body.moment_or_none("completeBefore", organization.zone),
        timeout_s=settings.whole_or_none("transportToFrontTimeout", lowest=1) if settings else None,
        body=body,
    )


def _read_the_rest(body: Body) -> None:
    """Check what is taken over as it is, or not played."""
    body.text_or_none("externalNumber", longest=50)
    body.text_or_none("comment")
    body.text_or_none("sourceKey")
    body.id_or_none("marketingSourceId")
    body.id_or_none("operatorId")
    for part in body.parts_or_none("externalData"):
        part.text("key")
        part.text("value")


def _read_group(whole: Body, organization: Organization) -> TerminalGroup:
    group_id = whole.id_or_none("terminalGroupId")
    for group in organization.terminal_groups:
        if group_id in {None, group.id}:
            return group
    raise bad_request("Terminal group is not found.", "TerminalGroupIdNotDetermined")


def _read_service(body: Body, organization: Organization) -> ServiceType:
    """Read the service by its name or by the order type; one of the two is needed."""
    named, type_id = body.choice_or_none("orderServiceType", _SERVICES), body.id_or_none("orderTypeId")
    if named:
        return ServiceType(named)
    dictionaries = organization.dictionaries
    services = {
        dictionaries.delivery_by_courier.id: ServiceType.COURIER,
        dictionaries.pickup.id: ServiceType.PICKUP,
    }
    if type_id is None or type_id not in services:
        raise bad_request("order.orderTypeId: no order type of a delivery is named.", "OrderTypeNotFound")
    return services[type_id]


def _read_phone(body: Body) -> str:
    phone = body.text("phone", shortest=8, longest=40)
    if not phone.startswith("+") or not phone[1:].isdigit():
        raise bad_request(
            f"order.phone: {phone!r} is not a phone, + and digits are expected.", "InvalidPhone"
        )
    return phone


def _read_guest(body: Body | None, organization: Organization) -> RegularGuest | OneTimeGuest:
    if body is None:
        return OneTimeGuest("Гость")
    if body.choice_or_none("type", ("regular", "one-time")) == "one-time":
        return OneTimeGuest(body.text("name"))
    guest_id, name = body.id_or_none("id"), body.text_or_none("name")
    for regular in organization.regulars:
        if regular.id == guest_id:
            return regular
    if name is None:
        raise bad_request("order.customer.name: a string is expected.", "CustomerNameNotSpecified")
    surname = body.text_or_none("surname") or ""
    return RegularGuest(guest_id or uuid4(), name, surname, "NotSpecified", "")


def _read_address(body: Body, organization: Organization) -> Address:
    point = body.part_or_none("deliveryPoint")
    address = point.part_or_none("address") if point else None
    if address is None:
        raise bad_request("order.deliveryPoint.address: an object is expected.", "AddressNotFound")
    if address.choice_or_none("type", ("legacy", "city")) == "city":
        return Address(_street(None, address.text("line1"), organization), "", None, None, None)
    street = address.part("street")
    name = street.text_or_none("name")
    return Address(
        street=_street(street.id_or_none("id"), name, organization),
        house=address.text("house"),
        flat=address.text_or_none("flat"),
        entrance=address.text_or_none("entrance"),
        floor=address.text_or_none("floor"),
    )


def _street(street_id: UUID | None, name: str | None, organization: Organization) -> Street:
    for street in organization.city.streets:
        if street.id == street_id or street.name == name:
            return street
    if not name:
        raise bad_request("order.deliveryPoint.address.street: it is not found.", "AddressNotFound")
    made_id = uuid5(organization.city.id, f"street/{name}")
    return Street(made_id, name, organization.latitude, organization.longitude)


def _read_dish(body: Body) -> AskedDish:
    if body.choice("type", ("Product", "Compound")) == "Compound":
        raise bad_request("The sandbox does not play orders of compound items over the API.")
    if body.has("price"):
        body.number("price")
    extras = tuple(
        (part.id("productId"), int(part.number("amount"))) for part in body.parts_or_none("modifiers")
    )
    return AskedDish(
        product_id=body.id("productId"),
        size_id=body.id_or_none("productSizeId"),
        amount=body.number("amount", largest=_LARGEST_AMOUNT),
        comment=body.text_or_none("comment", longest=255),
        position_id=body.id_or_none("positionId") or uuid4(),
        extras=extras,
    )


def _read_discounts(body: Body | None) -> list[tuple[UUID, Decimal | None]]:
    if body is None:
        return []
    parts = body.parts_or_none("discounts")
    for part in parts:
        if part.choice("type", ("RMS", "iikoCard")) != "RMS":
            raise bad_request("The sandbox plays discounts of type RMS only.")
    return [(part.id("discountTypeId"), part.number("sum") if part.has("sum") else None) for part in parts]
