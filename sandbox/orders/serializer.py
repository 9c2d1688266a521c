"""What the vendor's Cloud API writes of orders, as JSON of its schema.

``eventTime`` and the two ``whenReceived…`` are UTC, all other dates of an order are local to its
terminal (vendor's OpenAPI document).
"""

from collections.abc import Collection
from datetime import UTC, timedelta
from decimal import Decimal

from sandbox.catalogue.money import ZERO, kopecks
from sandbox.catalogue.world import Employee, Organization, RegularGuest
from sandbox.http.vendor_json import Json, falses, named, nulls, pick, render, to_json
from sandbox.orders.order import (
    Address,
    Cancellation,
    ComboPart,
    CreationError,
    CreationStatus,
    Discount,
    Dish,
    DishModifier,
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

_COOKING_AND_ROAD = timedelta(minutes=45)


def order_info(order: Order, external_keys: Collection[str] = ()) -> Json:
    """Render the order with its wrapper; the order itself is there only once the POS accepted it.

    Of the shop's own data only what ``external_keys`` names is given.
    """
    is_accepted = order.creation is CreationStatus.SUCCESS
    info = {
        **pick(order, "id external_number"),
        "posId": order.pos_id if is_accepted else None,
        "organizationId": order.organization.id,
        "timestamp": order.revision,
        "creationStatus": order.creation,
        "errorInfo": creation_error(order.error),
        "order": _order(order, external_keys) if is_accepted else None,
    }
    return render(info, order.organization.zone)


def creation_error(error: CreationError | None) -> Json | None:
    if error is None:
        return None
    return {
        **pick(error, "code message"),
        **nulls("description additionalData"),
        "errorReason": None if error.is_timeout else error.code,
    }


def _order(order: Order, external_keys: Collection[str]) -> Json:
    shown = [{"key": key, "value": value} for key, value in order.external_data if key in external_keys]
    courier = {
        "courier": employee(order.courier),
        "isCourierSelectedManually": order.is_courier_chosen_by_hand,
    }
    return {
        **pick(order, "status number comment source_key menu_id marketing_source price_category is_deleted"),
        **pick(order, "tracking_link phone phone_extension delivery_zone complete_before is_asap sum"),
        **nulls("parentDeliveryId conception indexInCourierRoute"),
        "terminalGroupId": order.terminal_group.id,
        "externalCourierService": order.courier_service,
        "loyaltyInfo": _loyalty(order.loyalty),
        "externalData": shown or None,
        "guestsInfo": {"count": order.guests_count, "splitBetweenPersons": order.splits_bill},
        "orderType": _order_type(order),
        "problem": _problem(order),
        "cancelInfo": _cancel_info(order.cancellation),
        "customer": customer(order.guest),
        "courierInfo": courier if order.courier else None,
        "operator": employee(order.operator),
        "deliveryPoint": _delivery_point(order.address, order.organization) if order.address else None,
        **_moved("movedFrom", order.moved_from, order),
        **_moved("movedTo", order.moved_to, order),
        **_dates(order),
        "processedPaymentsSum": order.settled_sum,
        "items": [_item(line, order) for line in order.lines],
        "combos": [pick(each, "id name amount price source_id size") for each in order.combos],
        "payments": [_payment(payment, order) for payment in order.payments],
        "tips": [_tips(payment, order) for payment in order.tips],
        "discounts": [discount_item(discount) for discount in order.discounts],
    }


def _order_type(order: Order) -> Json:
    dictionaries = order.organization.dictionaries
    is_delivery = order.service is ServiceType.COURIER
    row = dictionaries.delivery_by_courier if is_delivery else dictionaries.pickup
    return {**named(row), "orderServiceType": order.service}


def _loyalty(loyalty: Loyalty | None) -> Json | None:
    if loyalty is None:
        return None
    discounts = loyalty.dynamic_discounts or ()
    return {
        "coupon": loyalty.coupon,
        "appliedManualConditions": loyalty.applicable_manual_conditions or [],
        "dynamicDiscounts": [pick(each, "manual_condition_id sum") for each in discounts],
    }


def _problem(order: Order) -> Json | None:
    if order.problem is None:
        return None
    description = order.problem.description if order.problem.is_open else None
    return {"hasProblem": order.problem.is_open, "description": description}


def _cancel_info(cancellation: Cancellation | None) -> Json | None:
    if cancellation is None:
        return None
    return {"whenCancelled": cancellation.at, **pick(cancellation, "cause comment")}


def customer(guest: RegularGuest | OneTimeGuest | None) -> Json | None:
    if guest is None:
        return None
    if isinstance(guest, OneTimeGuest):
        return {"type": "one-time", "name": guest.name}
    return {
        "type": "regular",
        **pick(guest, "id name surname comment gender"),
        "inBlacklist": False,
        "blacklistReason": None,
        "birthdate": to_json(guest.birthdate, UTC),
    }


def employee(person: Employee | None) -> Json | None:
    return pick(person, "id name phone") if person else None


def _moved(where: str, other: object, order: Order) -> Json:
    """Name the order that this one was moved from or to, in the same terminal group."""
    places = (other, order.terminal_group.id, order.organization.id) if other else (None, None, None)
    names = (f"{where}DeliveryId", f"{where}TerminalGroupId", f"{where}OrganizationId")
    return dict(zip(names, places, strict=True))


def _delivery_point(address: Address, organization: Organization) -> Json:
    street = address.street
    place = address.coordinates or ((street.latitude, street.longitude) if street else None)
    return {
        "coordinates": {"latitude": place[0], "longitude": place[1]} if place else None,
        "address": {
            "street": {**named(street), "city": named(organization.city)} if street else None,
            **pick(address, "index house building flat entrance floor doorphone region line1"),
        },
        "externalCartographyId": address.cartography_id,
        "comment": address.comment,
    }


def _dates(order: Order) -> Json:
    stamps = order.stamps
    created = stamps.created or order.complete_before
    return {
        "whenCreated": created,
        "cookingStartTime": max(created, order.complete_before - _COOKING_AND_ROAD),
        "deliveryDuration": order.promised_minutes,
        "estimatedTime": order.estimated,
        "lockedAt": order.locked,
        "whenReceivedByApi": to_json(stamps.received_by_api, UTC),
        "whenReceivedFromFront": to_json(stamps.received_from_front, UTC),
        "whenConfirmed": stamps.confirmed,
        "whenPrinted": stamps.printed,
        "whenCookingCompleted": stamps.cooked,
        "whenPacked": stamps.packed,
        "whenBillPrinted": stamps.bill_printed,
        "whenSended": stamps.sent,
        "whenDelivered": stamps.delivered,
        "whenClosed": stamps.closed,
    }


# --- dishes and money ---


def discount_item(discount: Discount) -> Json:
    return {
        "discountType": discount.type,
        "sum": discount.sum,
        **nulls("selectivePositions selectivePositionsWithSum"),
    }


def _payment(payment: Payment, order: Order) -> Json:
    return {
        "paymentType": pick(payment.type, "id name kind"),
        "isPreliminary": order.stamps.closed is None,
        "isExternal": order.came_over_api,
        **pick(payment, "sum is_processed_externally is_fiscalized_externally is_prepay"),
    }


def _tips(payment: Payment, order: Order) -> Json:
    # The document lets tips name no type, but never null.
    return {**_payment(payment, order), **(pick(payment, "tips_type") if payment.tips_type else {})}


def _item(line: Line, order: Order) -> Json:
    combo = line.combo if isinstance(line, Dish) else None
    return {
        "status": line.status,
        "deleted": _deletion(order.cancellation),
        "amount": line.amount if isinstance(line, Dish) else 1.0,
        "comment": None if isinstance(line, Service) else line.comment,
        "whenPrinted": order.stamps.printed,
        "comboInformation": _combo_part(combo),
        **_content(line, is_deleted=order.cancellation is not None),
    }


def _content(line: Line, *, is_deleted: bool) -> Json:
    match line:
        case Dish():
            return dish(line, is_deleted=is_deleted)
        case HalfAndHalf():
            return {
                "type": "Compound",
                "size": None,
                "primaryComponent": _half(line.first, is_deleted=is_deleted),
                "secondaryComponent": _half(line.second, is_deleted=is_deleted) if line.second else None,
                "commonModifiers": [],
                "template": line.template,
            }
        case Service():
            return {"type": "Service", "size": None, "service": named(line.product), "cost": line.cost}


def _combo_part(part: ComboPart | None) -> Json | None:
    if part is None:
        return None
    group = {"groupId": part.combo_group_id, "groupName": part.combo_group_name}
    return {**pick(part, "combo_id combo_source_id"), **group}


def _deletion(cancellation: Cancellation | None) -> Json | None:
    if cancellation is None:
        return None
    removal, comment = cancellation.removal, cancellation.comment
    return {"deletionMethod": {"id": removal.id, "comment": comment, "removalType": named(removal)}}


def dish(line: Dish, *, is_deleted: bool) -> Json:
    """Render a dish; its ``resultSum`` holds its modifiers and is what remains after the discount."""
    return {
        "type": "Product",
        "product": named(line.product),
        **pick(line, "size price cost position_id"),
        "modifiers": [_modifier(each, line, is_deleted=is_deleted) for each in line.modifiers],
        **_price_marks(line.total, is_deleted=is_deleted),
    }


def _price_marks(total: Decimal, *, is_deleted: bool) -> Json:
    return {"pricePredefined": False, "taxPercent": None, "resultSum": ZERO if is_deleted else total}


def _modifier(chosen: DishModifier, line: Dish, *, is_deleted: bool) -> Json:
    """Render a modifier; its ``resultSum`` is of one portion and before the discount."""
    return {
        "product": named(chosen.modifier),
        **pick(chosen, "amount position_id"),
        **falses("amountIndependentOfParentAmount hideIfDefaultAmount"),
        "productGroup": line.product.modifiers,
        "price": chosen.modifier.price,
        "deleted": None,
        **dict.fromkeys(("defaultAmount", "freeOfChargeAmount"), 0),
        **_price_marks(kopecks(chosen.price_per_portion), is_deleted=is_deleted),
    }


def _half(half: Half, *, is_deleted: bool) -> Json:
    return {
        "product": named(half.product),
        "modifiers": [],
        **dict.fromkeys(("price", "cost"), half.product.price),
        "positionId": half.position_id,
        **_price_marks(half.total, is_deleted=is_deleted),
    }
