"""``deliveries/create``: from a client's wish to an order that its till takes, or does not.

What the cloud can see is refused at once; what only the till knows (dishes, payment types) comes as
an order whose creation failed. Prices are the menu's: those of the request are read and not used.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID, uuid4, uuid5

from sandbox.api_errors import ApiError, answer
from sandbox.asked_order import AskedDish, AskedOrder, read_order
from sandbox.basket import FREE_DELIVERY_FROM, take_discounts
from sandbox.calls import Call, Operations
from sandbox.menu import Modifier, Product
from sandbox.money import ZERO, percent_of
from sandbox.order import (
    CreationError,
    CreationStatus,
    DeliveryStatus,
    Discount,
    Dish,
    Extra,
    Line,
    Order,
    Payment,
    Service,
    ServiceType,
    Stamps,
)
from sandbox.payments import check_payments
from sandbox.rules import Refused
from sandbox.wire import Json, order_info
from sandbox.world import DiscountType, Organization

_UNASKED_READY_IN = timedelta(minutes=60)


def create(call: Call) -> Json:
    """Take a new order: stored in the cloud at once, by the till a little later."""
    organization = call.organization()
    asked = read_order(call.body, organization)
    _check_stop_list(call, asked)
    if call.stage.kitchen.knows(asked.id):
        return answer(orderInfo=_duplicate(asked, organization))
    refusal, order = _build(asked, organization, call)
    born = call.stage.kitchen.admit(order, call.now, refusal=refusal, timeout_s=asked.timeout_s)
    return {"correlationId": str(born.operation_id), "orderInfo": order_info(born)}


def _duplicate(asked: AskedOrder, organization: Organization) -> Json:
    """Answer for an id that there is: a 200 that says Error, as some refusals do (help centre)."""
    return {
        "id": str(asked.id),
        "posId": None,
        "externalNumber": asked.body.text_or_none("externalNumber"),
        "organizationId": str(organization.id),
        "timestamp": 0,
        "creationStatus": CreationStatus.ERROR.value,
        "errorInfo": {
            "code": "DuplicatedOrderId",
            "message": f"Order with id {asked.id} already exists",
            "description": None,
            "additionalData": None,
            "errorReason": "DuplicatedOrderId",
        },
        "order": None,
    }


def _check_stop_list(call: Call, asked: AskedOrder) -> None:
    settings = call.body.part_or_none("createOrderSettings")
    if settings is None or not settings.flag("checkStopList"):
        return
    stops = call.stage.kitchen.asides.stops
    gone = [each for each in asked.dishes if stops.has_run_out(asked.group, each.product_id)]
    if gone:
        raise ApiError(HTTPStatus.FORBIDDEN, f"Product {gone[0].product_id} is in the stop list.")


def _build(asked: AskedOrder, organization: Organization, call: Call) -> tuple[CreationError | None, Order]:
    """Make the order; when its till will refuse it, its dishes and payments stay out."""
    try:
        _check_time(asked, call.now)
        lines, discounts = read_lines(asked, organization)
        payments = check_payments(asked.payments, organization)
    except Refused as refused:
        refusal = CreationError(refused.reason or "Common", refused.message)
        return refusal, _order(asked, organization, call, (), (), ())
    return None, _order(asked, organization, call, lines, payments, discounts)


def _check_time(asked: AskedOrder, now: datetime) -> None:
    if asked.complete_before and asked.complete_before < now:
        raise Refused("Complete-before time is in the past", "TooSmallDeliveryDate")


def _order(
    asked: AskedOrder,
    organization: Organization,
    call: Call,
    lines: tuple[Line, ...],
    payments: tuple[Payment, ...],
    discounts: tuple[Discount, ...],
) -> Order:
    body, guests = asked.body, asked.body.part_or_none("guests")
    complete_before = asked.complete_before or call.now + _UNASKED_READY_IN
    shared = [each for each in body.parts_or_none("externalData") if each.flag("isPublic")]
    return Order(
        id=asked.id,
        pos_id=uuid5(asked.id, "pos"),
        number=call.stage.kitchen.next_number(organization),
        external_number=body.text_or_none("externalNumber"),
        operation_id=uuid4(),
        revision=0,
        organization=organization,
        terminal_group=asked.group,
        service=asked.service,
        creation=CreationStatus.IN_PROGRESS,
        status=DeliveryStatus.UNCONFIRMED,
        guest=asked.guest,
        phone=asked.phone,
        address=asked.address,
        guests_count=guests.whole("count", lowest=1) if guests else 1,
        comment=body.text_or_none("comment"),
        delivery_zone=None,
        operator=None,
        lines=lines,
        discount=discounts[0] if discounts else None,
        more_discounts=discounts[1:],
        payments=payments,
        complete_before=complete_before,
        is_asap=asked.complete_before is None,
        promised_minutes=max(0, round((complete_before - call.now) / timedelta(minutes=1))),
        stamps=Stamps(received_by_api=call.now),
        source_key=body.text_or_none("sourceKey"),
        external_data=tuple((each.text("key"), each.text("value")) for each in shared),
    )


def read_lines(
    asked: AskedOrder, organization: Organization
) -> tuple[tuple[Line, ...], tuple[Discount, ...]]:
    """Make the till's lines of an order, with its discounts spread over the dishes.

    Raises:
        Refused: the till does not take it like this.
    """
    if not asked.dishes:
        raise Refused("Order has no items", "OrderItemsNotExists")
    lines: list[Line] = [_dish(each, organization) for each in asked.dishes]
    if asked.service is ServiceType.COURIER:
        is_free = sum((line.total for line in lines), ZERO) >= FREE_DELIVERY_FROM
        delivery = organization.menu.delivery
        lines.append(Service(delivery, ZERO if is_free else delivery.price))
    discounts = _discounts(asked, organization, lines)
    return take_discounts(tuple(lines), discounts), discounts


def _dish(asked: AskedDish, organization: Organization) -> Dish:
    product = next((each for each in organization.menu.dishes if each.id == asked.product_id), None)
    if product is None:
        raise Refused(f"Product {asked.product_id} is not found", "ProductNotFound")
    size = next((each for each in product.sizes if each.id == asked.size_id), None)
    if size is None and asked.size_id:
        raise Refused(f"Product size {asked.size_id} is not found", "ProductSizeNotFound")
    return Dish(
        position_id=asked.position_id,
        product=product,
        size=size or (product.sizes[0] if product.sizes else None),
        amount=asked.amount,
        extras=tuple(
            Extra(uuid5(asked.position_id, str(extra_id)), _modifier(product, extra_id), amount)
            for extra_id, amount in asked.extras
        ),
        comment=asked.comment,
    )


def _modifier(product: Product, modifier_id: UUID) -> Modifier:
    for modifier in product.modifiers.modifiers if product.modifiers else ():
        if modifier.id == modifier_id:
            return modifier
    raise Refused(f"Modifier {modifier_id} is not found", "ProductNotFound")


def _discounts(asked: AskedOrder, organization: Organization, lines: list[Line]) -> tuple[Discount, ...]:
    """Take the discounts asked for, each of what the dishes cost before any."""
    dishes = sum((charge for line in lines for charge in line.charges), ZERO)
    taken: list[Discount] = []
    for type_id, given in asked.discounts:
        kind = next((one for one in organization.dictionaries.all_discounts if one.id == type_id), None)
        if kind is None:
            raise Refused(f"Discount type {type_id} is not found", "DiscountCardNotFound")
        if not kind.is_manual:
            raise Refused(f"Discount {kind.name} can not be given by hand", "InvalidDiscountItem")
        if (kind.mode == "FlexibleSum") is (given is None):
            raise Refused("Discount sum is given for flexible types only", "DiscountSumNotSpecified")
        if kind.least is not None and dishes < kind.least:
            continue  # "If order amount is less than specified threshold, discount does not apply."
        rest = dishes - sum((one.sum for one in taken), ZERO)
        taken.append(Discount(kind, min(_sum_of(kind, given, dishes), rest)))
    return tuple(taken)


def _sum_of(kind: DiscountType, given: Decimal | None, dishes: Decimal) -> Decimal:
    if kind.percent is not None:
        return percent_of(dishes, kind.percent)
    return kind.sum if kind.sum is not None else given or ZERO


OPERATIONS: Operations = {"deliveries/create": create}
