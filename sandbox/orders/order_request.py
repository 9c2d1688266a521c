"""The order of ``deliveries/create`` as a client writes it, and what the cloud checks of it at once."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue.world import NamedRow, Organization, RegularGuest, Street, TerminalGroup, find
from sandbox.http.call import OfRestaurant, find_group
from sandbox.http.request import (
    NOT_NULL,
    Amount,
    Choice,
    Length,
    Range,
    Request,
    Variants,
    bad_request,
    instant,
)
from sandbox.orders.order import Address, ComboPart, Loyalty, OneTimeGuest, Payment, ServiceType
from sandbox.orders.pos import Refused, get_row

_SCOPES = ("Reserved", "Phone", "CardNumber", "CardTrack", "PaymentToken", "FindFaceId")
_GENDERS = ("NotSpecified", "Male", "Female")
Text10 = Annotated[str, Length(10)]
Text60 = Annotated[str, Length(60)]
Text255 = Annotated[str, Length(255)]
Phone = Annotated[str, Length(40, shortest=8)]


class RequestedModifier(Request):
    product_id: UUID
    amount: Amount
    product_group_id: UUID | None = None
    price: Decimal | None = None
    position_id: UUID | None = None


class RequestedDish(Request):
    product_id: UUID
    price: Decimal
    amount: Annotated[Decimal, Range(highest=Decimal("999.999"))]
    product_size_id: UUID | None = None
    comment: Text255 | None = None
    position_id: UUID | None = None
    modifiers: list[RequestedModifier] | None = None
    combo_information: ComboPart | None = None


class CompoundItem(Request):
    def __post_init__(self) -> None:
        raise bad_request("The sandbox does not simulate orders of compound items over the API.")


class RequestedCombo(Request):
    id: UUID
    name: str
    amount: int
    price: Decimal
    source_id: UUID
    program_id: Annotated[UUID, NOT_NULL] | None = None
    size_id: UUID | None = None


class OneTimeCustomer(Request):
    name: str


class RegularCustomer(Request):
    id: UUID | None = None
    name: Text60 | None = None
    surname: Text60 | None = None
    comment: Text60 | None = None
    gender: Annotated[str, Choice(_GENDERS), NOT_NULL] | None = None
    birthdate: datetime | None = None
    email: str | None = None
    should_receive_promo_actions_info: bool | None = None
    should_receive_order_status_notifications: bool | None = None


class RequestedStreet(Request):
    id: UUID | None = None
    name: Text60 | None = None
    city: Text60 | None = None
    classifier_id: Text255 | None = None


class _Door(Request):
    entrance: Text10 | None = None
    floor: Text10 | None = None
    doorphone: Text10 | None = None
    region_id: UUID | None = None


class CityAddress(_Door):
    line1: Annotated[str, Length(250)]
    flat: Text10 | None = None


class LegacyAddress(_Door):
    street: RequestedStreet
    house: str
    building: Text10 | None = None
    index: Text10 | None = None
    flat: Annotated[str, Length(100)] | None = None


class Coordinates(Request):
    latitude: Decimal
    longitude: Decimal


_ADDRESSES = Variants({"legacy": LegacyAddress, "city": CityAddress})


class DeliveryPoint(Request):
    address: Annotated[LegacyAddress | CityAddress, _ADDRESSES] | None = None
    coordinates: Coordinates | None = None
    external_cartography_id: Annotated[str, Length(100)] | None = None
    comment: Annotated[str, Length(500)] | None = None


class Guests(Request):
    count: int
    split_between_persons: bool | None = None


class RequestedDiscount(Request):
    discount_type_id: UUID
    sum: Annotated[Amount, NOT_NULL] | None = None
    selective_positions: list[UUID] | None = None


class LoyaltyDiscount(Request):
    def __post_init__(self) -> None:
        raise bad_request("The sandbox simulates discounts of type RMS only.")


class Card(Request):
    track: str


_DISCOUNTS = Variants({"RMS": RequestedDiscount, "iikoCard": LoyaltyDiscount})


class Discounts(Request):
    card: Card | None = None
    fixed_loyalty_discounts: bool | None = None
    discounts: list[Annotated[RequestedDiscount, _DISCOUNTS]] | None = None


class CardData(Request):
    number: str | None = None
    custom_data: str | None = None
    card_type: str | None = None


class ExternalData(Request):
    custom_data: str


class LoyaltyCardData(Request):
    type: Annotated[str, Choice(("Card", "External", "LoyaltyCard"))]
    credential: str
    search_scope: Annotated[str, Choice(_SCOPES)]


_DATA = Variants({"Card": CardData, "External": ExternalData, "LoyaltyCard": LoyaltyCardData})


class RequestedPayment(Request):
    """A payment as the client wrote it; the POS may not know its type."""

    payment_type_kind: str
    payment_type_id: UUID
    sum: Amount
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False
    is_prepay: bool = False
    number: str | None = None
    tips_type_id: Annotated[UUID, NOT_NULL] | None = None
    payment_additional_data: Annotated[CardData | ExternalData | LoyaltyCardData, _DATA] | None = None


class LoyaltyPayment(RequestedPayment):
    payment_additional_data: LoyaltyCardData | None = None


_TIPS_KINDS: dict[str, type] = dict.fromkeys(("Cash", "Card", "External"), RequestedPayment)
_KINDS = {
    "Cash": RequestedPayment,
    "Card": RequestedPayment,
    "LoyaltyCard": LoyaltyPayment,
    "External": RequestedPayment,
}
AnyPayment = Annotated[RequestedPayment, Variants(_KINDS, tag="paymentTypeKind")]
Tips = Annotated[RequestedPayment, Variants(_TIPS_KINDS, tag="paymentTypeKind")]


class Receipt(Request):
    need_receipt: bool
    is_internet_payment: bool = False
    email: Text255 | None = None
    settlement_place: Annotated[str, Length(500)] | None = None
    retail_address: Annotated[str, Length(256)] | None = None
    phone: Phone | None = None


class ExternalValue(Request):
    key: str
    value: str
    is_public: bool = False


_CUSTOMERS = Variants({"regular": RegularCustomer, "one-time": OneTimeCustomer})
_ITEMS = Variants({"Product": RequestedDish, "Compound": CompoundItem})
_SERVICES = Choice(tuple(service.value for service in ServiceType))


class RequestedOrder(Request):
    phone: Phone
    items: list[Annotated[RequestedDish, _ITEMS]]
    id: UUID | None = None
    menu_id: str | None = None
    external_number: Annotated[str, Length(50)] | None = None
    complete_before: datetime | None = None
    phone_extension: Annotated[str, Length(10, shortest=1)] | None = None
    order_type_id: UUID | None = None
    order_service_type: Annotated[str, _SERVICES] | None = None
    delivery_point: DeliveryPoint | None = None
    comment: str | None = None
    customer: Annotated[RegularCustomer | OneTimeCustomer, _CUSTOMERS] | None = None
    guests: Guests | None = None
    marketing_source_id: UUID | None = None
    operator_id: UUID | None = None
    delivery_duration: int | None = None
    delivery_zone: str | None = None
    price_category_id: UUID | None = None
    combos: list[RequestedCombo] | None = None
    payments: list[AnyPayment] | None = None
    tips: list[Tips] | None = None
    source_key: str | None = None
    discounts_info: Discounts | None = None
    loyalty_info: Loyalty | None = None
    cheque_additional_info: Receipt | None = None
    external_data: list[ExternalValue] | None = None


class CreationSettings(Request):
    transport_to_front_timeout: Annotated[int, Range(1)] | None = None
    check_stop_list: bool = False


class CreateRequest(OfRestaurant):
    order: RequestedOrder
    terminal_group_id: UUID | None = None
    create_order_settings: CreationSettings | None = None


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """A requested order, with what the cloud found by its ids."""

    id: UUID
    requested: RequestedOrder
    organization: Organization
    group: TerminalGroup
    service: ServiceType
    guest: RegularGuest | OneTimeGuest
    address: Address | None
    complete_before: datetime | None


def check_order(requested: RequestedOrder, group_id: UUID | None, organization: Organization) -> CheckedOrder:
    """Check what the cloud can see by itself.

    Raises:
        ApiError: it refuses the order at once.
    """
    due = requested.complete_before
    service = _find_service(requested, organization)
    _check_phone(requested.phone)
    return CheckedOrder(
        id=requested.id or uuid4(),
        requested=requested,
        organization=organization,
        group=find_group(organization, group_id),
        service=service,
        guest=_find_guest(requested.customer, organization),
        address=_find_point(requested, organization, is_needed=service is ServiceType.COURIER),
        complete_before=instant(due, organization.zone) if due else None,
    )


def _check_phone(phone: str) -> None:
    if not phone.startswith("+") or not phone[1:].isdigit():
        raise bad_request(
            f"order.phone: {phone!r} is not a phone, + and digits are expected.", "InvalidPhone"
        )


def _find_service(requested: RequestedOrder, organization: Organization) -> ServiceType:
    """Find the service by its name or by the order type; one of the two is needed."""
    if requested.order_service_type:
        return ServiceType(requested.order_service_type)
    dictionaries = organization.dictionaries
    services = {
        dictionaries.delivery_by_courier.id: ServiceType.COURIER,
        dictionaries.pickup.id: ServiceType.PICKUP,
    }
    if requested.order_type_id not in services:
        raise bad_request("order.orderTypeId: no order type of a delivery is named.", "OrderTypeNotFound")
    return services[requested.order_type_id]


def _find_guest(
    given: RegularCustomer | OneTimeCustomer | None, organization: Organization
) -> RegularGuest | OneTimeGuest:
    """Find the guest. That the request overwrites the restaurant's card of a known one is a guess."""
    if not isinstance(given, RegularCustomer):
        return OneTimeGuest(given.name if given else "Гость")
    known = find(organization.regulars, given.id)
    if known is None and given.name is None:
        raise bad_request("order.customer.name: a string is expected.", "CustomerNameNotSpecified")
    card = known or RegularGuest(given.id or uuid4(), "", "", "NotSpecified", "")
    return replace(
        card,
        name=card.name if given.name is None else given.name,
        surname=card.surname if given.surname is None else given.surname,
        comment=given.comment or card.comment,
        gender=given.gender or card.gender,
        birthdate=instant(given.birthdate, UTC) if given.birthdate else card.birthdate,
    )


def _find_point(requested: RequestedOrder, organization: Organization, *, is_needed: bool) -> Address | None:
    point = requested.delivery_point
    if point is None or point.address is None:
        if is_needed:
            raise bad_request("order.deliveryPoint.address: an object is expected.", "AddressNotFound")
        return None
    given, place = point.address, point.coordinates
    address = Address(
        flat=given.flat,
        entrance=given.entrance,
        floor=given.floor,
        doorphone=given.doorphone,
        region=_find_region(given.region_id, organization),
        coordinates=(float(place.latitude), float(place.longitude)) if place else None,
        cartography_id=point.external_cartography_id,
        comment=point.comment,
    )
    if isinstance(given, CityAddress):
        return replace(address, line1=given.line1)
    street = _find_street(given.street, organization)
    return replace(address, street=street, house=given.house, building=given.building, index=given.index)


def _find_region(region_id: UUID | None, organization: Organization) -> NamedRow | None:
    region = find(organization.city.regions, region_id)
    if region_id and region is None:
        raise bad_request(f"Region {region_id} is not found.", "AddressNotFound")
    return region


def _find_street(given: RequestedStreet, organization: Organization) -> Street:
    for street in organization.city.streets:
        if street.id == given.id or street.name == given.name:
            return street
    if not given.name:
        raise bad_request("order.deliveryPoint.address.street: it is not found.", "AddressNotFound")
    made_id = uuid5(organization.city.id, f"street/{given.name}")
    return Street(made_id, given.name, organization.latitude, organization.longitude)


def check_payments(
    requested: list[RequestedPayment] | None, organization: Organization
) -> tuple[Payment, ...]:
    """Turn them into payments of the order.

    Raises:
        Refused: the POS does not know the type, or refuses the payment.
    """
    return tuple(_check(each, organization) for each in requested or ())


def _check(requested: RequestedPayment, organization: Organization) -> Payment:
    dictionaries, is_external = organization.dictionaries, requested.is_processed_externally
    kind = find(dictionaries.payment_types, requested.payment_type_id)
    if kind is None or kind.request_kind != requested.payment_type_kind:
        what = f"{requested.payment_type_id} of kind {requested.payment_type_kind}"
        raise Refused(f"Payment type {what} is not found", "PaymentTypeNotFound")
    if not requested.sum:
        raise Refused("Payment sum should be positive", "PaymentSumShouldBePositive")
    if is_external and kind.processing not in {"External", "Both"}:
        raise Refused("PaymentType should be CanBeExternalProcessed", "PaymentTypeCanNotBeUsedAsExternal")
    tips_id, tips_types = requested.tips_type_id, dictionaries.tips_types
    tips_type = get_row(tips_id, tips_types, "Tips type ", "TipsTypeNotApplicable") if tips_id else None
    return Payment(
        kind,
        requested.sum,
        is_settled=is_external,
        is_processed_externally=is_external,
        is_fiscalized_externally=requested.is_fiscalized_externally,
        is_prepay=requested.is_prepay,
        tips_type=tips_type,
    )
