"""Reads the order of ``deliveries/create`` and refuses at once what can be seen from its text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue.world import NamedRow, Organization, RegularGuest, Street, TerminalGroup
from sandbox.http.errors import bad_request
from sandbox.http.request import Body
from sandbox.orders.order import Address, ComboPart, Loyalty, OneTimeGuest, ServiceType
from sandbox.orders.payments import RequestedPayment, read_payments, read_tips

_SERVICES = tuple(service.value for service in ServiceType)
_GENDERS = ("NotSpecified", "Male", "Female")
_LARGEST_AMOUNT = Decimal("999.999")


@dataclass(frozen=True, slots=True)
class RequestedModifier:
    product_id: UUID
    amount: Decimal
    position_id: UUID | None


@dataclass(frozen=True, slots=True)
class RequestedDish:
    product_id: UUID
    size_id: UUID | None
    amount: Decimal
    comment: str | None
    position_id: UUID
    extras: tuple[RequestedModifier, ...]
    combo: ComboPart | None


@dataclass(frozen=True, slots=True)
class RequestedCombo:
    id: UUID
    name: str
    amount: int
    price: Decimal
    source_id: UUID
    size_id: UUID | None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """The order as the client wrote it, with all that can be read from the text alone."""

    id: UUID
    group: TerminalGroup
    service: ServiceType
    guest: RegularGuest | OneTimeGuest
    phone: str
    address: Address | None
    dishes: list[RequestedDish]
    combos: list[RequestedCombo]
    payments: list[RequestedPayment]
    tips: list[RequestedPayment]
    loyalty: Loyalty | None
    discounts: list[tuple[UUID, Decimal | None]]
    complete_before: datetime | None
    timeout_s: int | None
    body: Body


def read_order(whole: Body, organization: Organization) -> OrderRequest:
    body = whole.part("order")
    settings = whole.part_or_none("createOrderSettings")
    service = _read_service(body, organization)
    _read_the_rest(body)
    return OrderRequest(
        id=body.id_or_none("id") or uuid4(),
        group=_read_group(whole, organization),
        service=service,
        guest=_read_guest(body.part_or_none("customer"), organization),
        phone=_read_phone(body),
        address=_read_point(body, organization, is_needed=service is ServiceType.COURIER),
        dishes=[_read_dish(each) for each in body.parts("items")],
        combos=[_read_combo(each) for each in body.parts_or_none("combos")],
        payments=read_payments(body) if body.has("payments") else [],
        tips=read_tips(body),
        loyalty=_read_loyalty(body.part_or_none("loyaltyInfo")),
        discounts=_read_discounts(body.part_or_none("discountsInfo")),
        complete_before=body.moment_or_none("completeBefore", organization.zone),
        timeout_s=settings.whole_or_none("transportToFrontTimeout", lowest=1) if settings else None,
        body=body,
    )


def _read_the_rest(body: Body) -> None:
    """Check what is taken over as it is, or not played."""
    body.text_or_none("externalNumber", longest=50)
    for name in ("comment", "sourceKey", "menuId", "deliveryZone"):
        body.text_or_none(name)
    for name in ("marketingSourceId", "operatorId", "priceCategoryId"):
        body.id_or_none(name)
    if body.has("phoneExtension"):
        body.text("phoneExtension", shortest=1, longest=10)
    body.integer_or_none("deliveryDuration")
    for part in body.parts_or_none("externalData"):
        part.text("key")
        part.text("value")
        part.flag("isPublic")
    if guests := body.part_or_none("guests"):
        guests.integer("count")
        guests.flag_or_none("splitBetweenPersons")
    _read_receipt(body.part_or_none("chequeAdditionalInfo"))


def _read_receipt(body: Body | None) -> None:
    if body is None:
        return
    body.required_flag("needReceipt")
    body.flag("isInternetPayment")
    body.text_or_none("email", longest=255)
    body.text_or_none("settlementPlace", longest=500)
    body.text_or_none("retailAddress", longest=256)
    if body.has("phone"):
        body.text("phone", shortest=8, longest=40)


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
    """Read the guest. That what is said of a known one overwrites the restaurant's card is a guess."""
    if body is None:
        return OneTimeGuest("Гость")
    if body.choice("type", ("regular", "one-time")) == "one-time":
        return OneTimeGuest(body.text("name"))
    guest_id, name = body.id_or_none("id"), body.text_or_none("name", longest=60)
    known = next((each for each in organization.regulars if each.id == guest_id), None)
    if known is None and name is None:
        raise bad_request("order.customer.name: a string is expected.", "CustomerNameNotSpecified")
    body.must_not_be_null("gender")
    body.text_or_none("email")
    for flag in ("shouldReceivePromoActionsInfo", "shouldReceiveOrderStatusNotifications"):
        body.flag_or_none(flag)
    card = known or RegularGuest(guest_id or uuid4(), name or "", "", "NotSpecified", "")
    return replace(
        card,
        name=name if name is not None else card.name,
        surname=card.surname if (surname := body.text_or_none("surname", longest=60)) is None else surname,
        comment=body.text_or_none("comment", longest=60) or card.comment,
        gender=body.choice_or_none("gender", _GENDERS) or card.gender,
        birthdate=body.moment_or_none("birthdate") or card.birthdate,
    )


def _read_point(body: Body, organization: Organization, *, is_needed: bool) -> Address | None:
    point = body.part_or_none("deliveryPoint")
    whole = point.part_or_none("address") if point else None
    if point is None or whole is None:
        if is_needed:
            raise bad_request("order.deliveryPoint.address: an object is expected.", "AddressNotFound")
        return None
    coordinates = point.part_or_none("coordinates")
    return replace(
        _read_address(whole, organization),
        coordinates=_read_coordinates(coordinates) if coordinates else None,
        cartography_id=point.text_or_none("externalCartographyId", longest=100),
        comment=point.text_or_none("comment", longest=500),
    )


def _read_coordinates(body: Body) -> tuple[float, float]:
    return float(body.any_number("latitude")), float(body.any_number("longitude"))


def _read_address(body: Body, organization: Organization) -> Address:
    is_city = body.choice("type", ("legacy", "city")) == "city"
    door = Address(
        street=None,
        house=None,
        flat=body.text_or_none("flat", longest=10 if is_city else 100),
        entrance=body.text_or_none("entrance", longest=10),
        floor=body.text_or_none("floor", longest=10),
        doorphone=body.text_or_none("doorphone", longest=10),
        region=_read_region(body, organization),
    )
    if is_city:
        return replace(door, line1=body.text("line1", longest=250))
    street = body.part("street")
    street.text_or_none("classifierId", longest=255)
    street.text_or_none("city", longest=60)
    name = street.text_or_none("name", longest=60)
    return replace(
        door,
        street=_street(street.id_or_none("id"), name, organization),
        house=body.text("house"),
        building=body.text_or_none("building", longest=10),
        index=body.text_or_none("index", longest=10),
    )


def _read_region(body: Body, organization: Organization) -> NamedRow | None:
    region_id = body.id_or_none("regionId")
    for region in organization.city.regions:
        if region.id == region_id:
            return region
    if region_id:
        raise bad_request(f"Region {region_id} is not found.", "AddressNotFound")
    return None


def _street(street_id: UUID | None, name: str | None, organization: Organization) -> Street:
    for street in organization.city.streets:
        if street.id == street_id or street.name == name:
            return street
    if not name:
        raise bad_request("order.deliveryPoint.address.street: it is not found.", "AddressNotFound")
    made_id = uuid5(organization.city.id, f"street/{name}")
    return Street(made_id, name, organization.latitude, organization.longitude)


def _read_dish(body: Body) -> RequestedDish:
    if body.choice("type", ("Product", "Compound")) == "Compound":
        raise bad_request("The sandbox does not play orders of compound items over the API.")
    body.any_number("price")
    return RequestedDish(
        product_id=body.id("productId"),
        size_id=body.id_or_none("productSizeId"),
        amount=body.number("amount", largest=_LARGEST_AMOUNT),
        comment=body.text_or_none("comment", longest=255),
        position_id=body.id_or_none("positionId") or uuid4(),
        extras=tuple(_read_extra(part) for part in body.parts_or_none("modifiers")),
        combo=_read_combo_part(body.part_or_none("comboInformation")),
    )


def _read_extra(body: Body) -> RequestedModifier:
    body.id_or_none("productGroupId")
    if body.has("price"):
        body.any_number("price")
    return RequestedModifier(body.id("productId"), body.number("amount"), body.id_or_none("positionId"))


def _read_combo_part(body: Body | None) -> ComboPart | None:
    if body is None:
        return None
    group = body.text_or_none("comboGroupName")
    return ComboPart(body.id("comboId"), body.id("comboSourceId"), body.id("comboGroupId"), group)


def _read_combo(body: Body) -> RequestedCombo:
    body.must_not_be_null("programId")
    body.id_or_none("programId")
    return RequestedCombo(
        id=body.id("id"),
        name=body.text("name"),
        amount=body.integer("amount"),
        price=body.any_number("price"),
        source_id=body.id("sourceId"),
        size_id=body.id_or_none("sizeId"),
    )


def _read_loyalty(body: Body | None) -> Loyalty | None:
    if body is None:
        return None
    return Loyalty(
        coupon=body.text_or_none("coupon"),
        conditions=tuple(body.ids_or_none("applicableManualConditions") or ()),
        dynamic_discounts=tuple(
            (part.id("manualConditionId"), part.any_number("sum"))
            for part in body.parts_or_none("dynamicDiscounts")
        ),
    )


def _read_discounts(body: Body | None) -> list[tuple[UUID, Decimal | None]]:
    if body is None:
        return []
    if card := body.part_or_none("card"):
        card.text("track")
    body.flag_or_none("fixedLoyaltyDiscounts")
    return [_read_discount(part) for part in body.parts_or_none("discounts")]


def _read_discount(body: Body) -> tuple[UUID, Decimal | None]:
    if body.choice("type", ("RMS", "iikoCard")) != "RMS":
        raise bad_request("The sandbox plays discounts of type RMS only.")
    body.ids_or_none("selectivePositions")
    body.must_not_be_null("sum")
    return body.id("discountTypeId"), body.number("sum") if body.has("sum") else None
