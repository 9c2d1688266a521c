"""What the vendor's Cloud API writes: orders and events as JSON of its schema.

Dates are zoneless text. ``eventTime`` and the two ``whenReceived…`` are UTC, all other dates of an
order are local to its terminal (vendor's OpenAPI document). Numbers of money are doubles there, and
a double renders every sum of a restaurant to the kopeck.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from sandbox.catalogue.money import ZERO, kopecks
from sandbox.catalogue.world import Employee, Organization, RegularGuest
from sandbox.orders.order import (
    Address,
    Cancellation,
    Combo,
    ComboPart,
    CreationError,
    CreationStatus,
    Discount,
    Dish,
    Extra,
    Half,
    HalfAndHalf,
    Line,
    Loyalty,
    OneTimeGuest,
    Order,
    Payment,
    Service,
    ServiceType,
)

Json = dict[str, object]

_COOKING_AND_ROAD = timedelta(minutes=45)


class _Named(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...


def vendor_date(instant: datetime, zone: tzinfo) -> str:
    """Write an instant as ``yyyy-MM-dd HH:mm:ss.fff`` of the zone, without naming it."""
    local = instant.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def order_info(order: Order, external_keys: Collection[str] = ()) -> Json:
    """Render the order with its wrapper; the order itself is there only once the till took it.

    Of the shop's own data only what ``external_keys`` names is told.
    """
    is_taken = order.creation is CreationStatus.SUCCESS
    return {
        "id": str(order.id),
        "posId": str(order.pos_id) if is_taken else None,
        "externalNumber": order.external_number,
        "organizationId": str(order.organization.id),
        "timestamp": order.revision,
        "creationStatus": order.creation.value,
        "errorInfo": creation_error(order.error) if order.error else None,
        "order": _order(order, external_keys) if is_taken else None,
    }


def creation_error(error: CreationError) -> Json:
    return {
        "code": error.code,
        "message": error.message,
        "description": None,
        "additionalData": None,
        "errorReason": None if error.is_timeout else error.code,
    }


def _order(order: Order, external_keys: Collection[str]) -> Json:
    shown = [{"key": key, "value": value} for key, value in order.external_data if key in external_keys]
    return {
        "parentDeliveryId": None,
        "status": order.status.value,
        "number": order.number,
        "terminalGroupId": str(order.terminal_group.id),
        "comment": order.comment,
        "sourceKey": order.source_key,
        "menuId": order.menu_id,
        "marketingSource": named_or_null(order.marketing_source),
        "conception": None,
        "priceCategory": named_or_null(order.price_category),
        "externalCourierService": named_or_null(order.courier_service),
        "indexInCourierRoute": None,
        "loyaltyInfo": _loyalty(order.loyalty) if order.loyalty else None,
        "externalData": shown or None,
        "trackingLink": order.tracking_link,
        "isDeleted": order.is_deleted,
        "guestsInfo": {"count": order.guests_count, "splitBetweenPersons": order.splits_bill},
        "orderType": _order_type(order),
        "problem": _problem(order),
        "cancelInfo": _cancel_info(order.cancellation, order.organization.zone),
        **_people(order),
        **_place(order),
        **_dates(order),
        **_bill(order),
    }


def _order_type(order: Order) -> Json:
    dictionaries = order.organization.dictionaries
    is_delivery = order.service is ServiceType.COURIER
    row = dictionaries.delivery_by_courier if is_delivery else dictionaries.pickup
    return {**named(row), "orderServiceType": order.service.value}


def _loyalty(loyalty: Loyalty) -> Json:
    discounts = [
        {"manualConditionId": str(id_), "sum": float(sum_)} for id_, sum_ in loyalty.dynamic_discounts
    ]
    return {
        "coupon": loyalty.coupon,
        "appliedManualConditions": [str(each) for each in loyalty.conditions],
        "dynamicDiscounts": discounts,
    }


def _problem(order: Order) -> Json | None:
    if order.problem is None:
        return None
    description = order.problem.description if order.problem.is_open else None
    return {"hasProblem": order.problem.is_open, "description": description}


def _cancel_info(cancellation: Cancellation | None, zone: tzinfo) -> Json | None:
    if cancellation is None:
        return None
    return {
        "whenCancelled": vendor_date(cancellation.at, zone),
        "cause": named(cancellation.cause),
        "comment": cancellation.comment,
    }


# --- people and places ---


def _people(order: Order) -> Json:
    courier_info = {
        "courier": employee(order.courier),
        "isCourierSelectedManually": order.is_courier_chosen_by_hand,
    }
    return {
        "customer": _customer(order),
        "phone": order.phone,
        "phoneExtension": order.phone_extension,
        "courierInfo": courier_info if order.courier else None,
        "operator": employee(order.operator),
    }


def _customer(order: Order) -> Json:
    guest = order.guest
    if isinstance(guest, OneTimeGuest):
        return {"type": "one-time", "name": guest.name}
    return regular_guest(guest)


def regular_guest(guest: RegularGuest) -> Json:
    return {
        "type": "regular",
        "id": str(guest.id),
        "name": guest.name,
        "surname": guest.surname,
        "comment": guest.comment,
        "gender": guest.gender,
        "inBlacklist": False,
        "blacklistReason": None,
        "birthdate": date_or_null(guest.birthdate, UTC),
    }


def employee(person: Employee | None) -> Json | None:
    if person is None:
        return None
    return {"id": str(person.id), "name": person.name, "phone": person.phone}


def _place(order: Order) -> Json:
    return {
        "deliveryPoint": _delivery_point(order.address, order.organization) if order.address else None,
        "deliveryZone": order.delivery_zone,
        **_moved("movedFrom", order.moved_from, order),
        **_moved("movedTo", order.moved_to, order),
    }


def _moved(where: str, other: UUID | None, order: Order) -> Json:
    """Name the order that this one was moved from or to: in the same restaurant, and with the same tills."""
    places = (other, order.terminal_group.id, order.organization.id) if other else (None, None, None)
    names = ("DeliveryId", "TerminalGroupId", "OrganizationId")
    return {f"{where}{name}": str(id_) if id_ else None for name, id_ in zip(names, places, strict=True)}


def _delivery_point(address: Address, organization: Organization) -> Json:
    street = address.street
    place = address.coordinates or ((street.latitude, street.longitude) if street else None)
    return {
        "coordinates": {"latitude": place[0], "longitude": place[1]} if place else None,
        "address": {
            "street": {**named(street), "city": named(organization.city)} if street else None,
            "index": address.index,
            "house": address.house,
            "building": address.building,
            "flat": address.flat,
            "entrance": address.entrance,
            "floor": address.floor,
            "doorphone": address.doorphone,
            "region": named_or_null(address.region),
            "line1": address.line1,
        },
        "externalCartographyId": address.cartography_id,
        "comment": address.comment,
    }


# --- dates ---


def _dates(order: Order) -> Json:
    zone, stamps = order.organization.zone, order.stamps
    created = stamps.created or order.complete_before
    return {
        "completeBefore": vendor_date(order.complete_before, zone),
        "whenCreated": vendor_date(created, zone),
        "cookingStartTime": vendor_date(max(created, order.complete_before - _COOKING_AND_ROAD), zone),
        "deliveryDuration": order.promised_minutes,
        "isAsap": order.is_asap,
        "estimatedTime": date_or_null(order.estimated, zone),
        "lockedAt": date_or_null(order.locked, zone),
        "whenReceivedByApi": date_or_null(stamps.received_by_api, UTC),
        "whenReceivedFromFront": date_or_null(stamps.received_from_front, UTC),
        "whenConfirmed": date_or_null(stamps.confirmed, zone),
        "whenPrinted": date_or_null(stamps.printed, zone),
        "whenCookingCompleted": date_or_null(stamps.cooked, zone),
        "whenPacked": date_or_null(stamps.packed, zone),
        "whenBillPrinted": date_or_null(stamps.bill_printed, zone),
        "whenSended": date_or_null(stamps.sent, zone),
        "whenDelivered": date_or_null(stamps.delivered, zone),
        "whenClosed": date_or_null(stamps.closed, zone),
    }


def date_or_null(instant: datetime | None, zone: tzinfo) -> str | None:
    return vendor_date(instant, zone) if instant else None


# --- dishes and money ---


def _bill(order: Order) -> Json:
    return {
        "sum": float(order.sum),
        "processedPaymentsSum": float(order.settled_sum),
        "items": [_item(line, order) for line in order.lines],
        "combos": [_combo(each) for each in order.combos],
        "payments": [_payment(payment, order) for payment in order.payments],
        "tips": [_tips(payment, order) for payment in order.tips],
        "discounts": [discount_item(discount) for discount in order.discounts],
    }


def discount_item(discount: Discount) -> Json:
    return {
        "discountType": named(discount.type),
        "sum": float(discount.sum),
        "selectivePositions": None,
        "selectivePositionsWithSum": None,
    }


def _combo(combo: Combo) -> Json:
    return {
        **named(combo),
        "amount": combo.amount,
        "price": float(combo.price),
        "sourceId": str(combo.source_id),
        "size": named_or_null(combo.size),
    }


def _payment(payment: Payment, order: Order) -> Json:
    is_closed = order.stamps.closed is not None
    return {
        "paymentType": {**named(payment.type), "kind": payment.type.kind},
        "sum": float(payment.sum),
        "isPreliminary": not is_closed,
        "isExternal": order.came_over_api,
        "isProcessedExternally": payment.is_processed_externally,
        "isFiscalizedExternally": payment.is_fiscalized_externally,
        "isPrepay": payment.is_prepay,
    }


def _tips(payment: Payment, order: Order) -> Json:
    # The document lets tips name no type, but never null.
    tips_type = {"tipsType": named(payment.tips_type)} if payment.tips_type else {}
    return {**_payment(payment, order), **tips_type}


def _item(line: Line, order: Order) -> Json:
    amount = line.amount if isinstance(line, Dish) else Decimal(1)
    shared = {
        "status": line.status.value,
        "deleted": _deletion(order.cancellation),
        "amount": float(amount),
        "comment": None if isinstance(line, Service) else line.comment,
        "whenPrinted": date_or_null(order.stamps.printed, order.organization.zone),
        "comboInformation": _combo_part(line.combo) if isinstance(line, Dish) and line.combo else None,
    }
    is_deleted = order.cancellation is not None
    match line:
        case Dish():
            return {**shared, **dish(line, is_deleted=is_deleted)}
        case HalfAndHalf():
            return {**shared, **_half_and_half(line, is_deleted=is_deleted)}
        case Service():
            cost = float(line.cost)
            return {**shared, "type": "Service", "size": None, "service": named(line.product), "cost": cost}


def _combo_part(part: ComboPart) -> Json:
    return {
        "comboId": str(part.combo_id),
        "comboSourceId": str(part.source_id),
        "groupId": str(part.group_id),
        "groupName": part.group_name,
    }


def _deletion(cancellation: Cancellation | None) -> Json | None:
    if cancellation is None:
        return None
    method = {
        "id": str(cancellation.removal.id),
        "comment": cancellation.comment,
        "removalType": named(cancellation.removal),
    }
    return {"deletionMethod": method}


def dish(line: Dish, *, is_deleted: bool) -> Json:
    """Render a dish; its ``resultSum`` holds its modifiers and is what remains after the discount."""
    modifiers = line.product.modifiers
    group = named(modifiers) if modifiers else None
    return {
        "type": "Product",
        "product": named(line.product),
        "size": named(line.size) if line.size else None,
        "modifiers": [_modifier(extra, group, is_deleted=is_deleted) for extra in line.extras],
        "price": float(line.price),
        "cost": float(line.cost),
        "pricePredefined": False,
        "positionId": str(line.position_id),
        "taxPercent": None,
        "resultSum": float(ZERO if is_deleted else line.total),
    }


def _modifier(extra: Extra, group: Json | None, *, is_deleted: bool) -> Json:
    """Render a modifier; its ``resultSum`` is of one portion and before the discount."""
    return {
        "product": named(extra.modifier),
        "amount": float(extra.amount),
        "amountIndependentOfParentAmount": False,
        "productGroup": group,
        "price": float(extra.modifier.price),
        "pricePredefined": False,
        "resultSum": float(ZERO if is_deleted else kopecks(extra.price_per_portion)),
        "deleted": None,
        "positionId": str(extra.position_id),
        "defaultAmount": 0,
        "hideIfDefaultAmount": False,
        "taxPercent": None,
        "freeOfChargeAmount": 0,
    }


def _half_and_half(pizza: HalfAndHalf, *, is_deleted: bool) -> Json:
    return {
        "type": "Compound",
        "size": None,
        "primaryComponent": _half(pizza.first, is_deleted=is_deleted),
        "secondaryComponent": _half(pizza.second, is_deleted=is_deleted) if pizza.second else None,
        "commonModifiers": [],
        "template": named(pizza.template),
    }


def _half(half: Half, *, is_deleted: bool) -> Json:
    price = float(half.product.price)
    return {
        "product": named(half.product),
        "modifiers": [],
        "price": price,
        "cost": price,
        "pricePredefined": False,
        "positionId": str(half.position_id),
        "taxPercent": None,
        "resultSum": float(ZERO if is_deleted else half.total),
    }


def named(row: _Named) -> Json:
    return {"id": str(row.id), "name": row.name}


def named_or_null(row: _Named | None) -> Json | None:
    return named(row) if row else None
