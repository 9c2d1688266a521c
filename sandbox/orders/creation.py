"""``deliveries/create``: from a client's wish to an order that its till takes, or does not.

What the cloud can see is refused at once; what only the till knows (dishes, payment types) comes as
an order whose creation failed. Prices are the menu's: those of the request are read and not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Protocol, TypeVar
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue.menu import Modifier, Product
from sandbox.catalogue.money import ZERO, percent_of
from sandbox.catalogue.world import DiscountType, Employee, NamedRow, Organization
from sandbox.http.call import Call, Operations
from sandbox.http.errors import ApiError, answer
from sandbox.orders.cart import FREE_DELIVERY_FROM, take_discounts
from sandbox.orders.order import (
    Combo,
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
from sandbox.orders.order_request import (
    OrderRequest,
    RequestedCombo,
    RequestedDish,
    RequestedModifier,
    read_order,
)
from sandbox.orders.payments import check_payments
from sandbox.orders.rules import Refused
from sandbox.orders.serializer import Json, order_info

_UNASKED_READY_IN = timedelta(minutes=60)


class _HasId(Protocol):
    @property
    def id(self) -> UUID: ...


_Row = TypeVar("_Row", bound=_HasId)


def create(call: Call) -> Json:
    """Take a new order: stored in the cloud at once, by the till a little later."""
    organization = call.organization()
    requested = read_order(call.body, organization)
    _check_stop_list(call, requested)
    if call.simulator.engine.knows(requested.id):
        return answer(orderInfo=_duplicate(requested, organization))
    refusal, order = _build(requested, organization, call)
    born = call.simulator.engine.add_order(order, call.now, refusal=refusal, timeout_s=requested.timeout_s)
    return {"correlationId": str(born.operation_id), "orderInfo": order_info(born)}


def _duplicate(requested: OrderRequest, organization: Organization) -> Json:
    """Answer for an id that there is: a 200 that says Error, as some refusals do (help centre)."""
    return {
        "id": str(requested.id),
        "posId": None,
        "externalNumber": requested.body.text_or_none("externalNumber"),
        "organizationId": str(organization.id),
        "timestamp": 0,
        "creationStatus": CreationStatus.ERROR.value,
        "errorInfo": {
            "code": "DuplicatedOrderId",
            "message": f"Order with id {requested.id} already exists",
            "description": None,
            "additionalData": None,
            "errorReason": "DuplicatedOrderId",
        },
        "order": None,
    }


def _check_stop_list(call: Call, requested: OrderRequest) -> None:
    settings = call.body.part_or_none("createOrderSettings")
    if settings is None or not settings.flag("checkStopList"):
        return
    stops = call.simulator.engine.side_events.stops
    gone = [each for each in requested.dishes if stops.has_run_out(requested.group, each.product_id)]
    if gone:
        raise ApiError(HTTPStatus.FORBIDDEN, f"Product {gone[0].product_id} is in the stop list.")


def _build(
    requested: OrderRequest, organization: Organization, call: Call
) -> tuple[CreationError | None, Order]:
    """Make the order; when its till will refuse it, its dishes and payments stay out."""
    try:
        _check_time(requested, call.now)
        lines, discounts = read_lines(requested, organization)
        bill = _Bill(
            lines=lines,
            discounts=discounts,
            payments=check_payments(requested.payments, organization),
            tips=check_payments(requested.tips, organization),
            combos=tuple(_combo(each, organization) for each in requested.combos),
            dictionaries=_read_books(requested, organization),
        )
    except Refused as refused:
        refusal = CreationError(refused.reason or "Common", refused.message)
        return refusal, _order(requested, organization, call, _Bill())
    return None, _order(requested, organization, call, bill)


@dataclass(frozen=True, slots=True)
class _Books:
    """What the client names by the ids of the restaurant's books."""

    operator: Employee | None = None
    marketing_source: NamedRow | None = None
    price_category: NamedRow | None = None


@dataclass(frozen=True, slots=True)
class _Bill:
    """What only the till can read."""

    lines: tuple[Line, ...] = ()
    discounts: tuple[Discount, ...] = ()
    payments: tuple[Payment, ...] = ()
    tips: tuple[Payment, ...] = ()
    combos: tuple[Combo, ...] = ()
    dictionaries: _Books = _Books()


def _read_books(requested: OrderRequest, organization: Organization) -> _Books:
    body, dictionaries = requested.body, organization.dictionaries
    return _Books(
        _found(body.id_or_none("operatorId"), organization.operators, "UserNotFound"),
        _found(
            body.id_or_none("marketingSourceId"), dictionaries.marketing_sources, "MarketingSourceNotFound"
        ),
        _found(body.id_or_none("priceCategoryId"), dictionaries.price_categories, "Common"),
    )


def _found(row_id: UUID | None, rows: Sequence[_Row], code: str) -> _Row | None:
    """Give the row of an id.

    Raises:
        Refused: there is none.
    """
    row = next((each for each in rows if each.id == row_id), None)
    if row is None and row_id:
        raise Refused(f"{row_id} is not found", code)
    return row


def _check_time(requested: OrderRequest, now: datetime) -> None:
    if requested.complete_before and requested.complete_before < now:
        raise Refused("Complete-before time is in the past", "TooSmallDeliveryDate")


def _order(requested: OrderRequest, organization: Organization, call: Call, bill: _Bill) -> Order:
    body, guests = requested.body, requested.body.part_or_none("guests")
    complete_before = requested.complete_before or call.now + _UNASKED_READY_IN
    minutes = max(0, round((complete_before - call.now) / timedelta(minutes=1)))
    requested_minutes = body.integer_or_none("deliveryDuration")
    shared = [each for each in body.parts_or_none("externalData") if each.flag("isPublic")]
    return Order(
        id=requested.id,
        pos_id=uuid5(requested.id, "pos"),
        number=call.simulator.engine.next_number(organization),
        external_number=body.text_or_none("externalNumber"),
        operation_id=uuid4(),
        revision=0,
        organization=organization,
        terminal_group=requested.group,
        service=requested.service,
        creation=CreationStatus.IN_PROGRESS,
        status=DeliveryStatus.UNCONFIRMED,
        guest=requested.guest,
        phone=requested.phone,
        address=requested.address,
        guests_count=guests.integer("count") if guests else 1,
        comment=body.text_or_none("comment"),
        delivery_zone=body.text_or_none("deliveryZone"),
        operator=bill.dictionaries.operator,
        lines=bill.lines,
        discount=bill.discounts[0] if bill.discounts else None,
        more_discounts=bill.discounts[1:],
        payments=bill.payments,
        complete_before=complete_before,
        is_asap=requested.complete_before is None,
        promised_minutes=minutes if requested_minutes is None else requested_minutes,
        stamps=Stamps(received_by_api=call.now),
        source_key=body.text_or_none("sourceKey"),
        external_data=tuple((each.text("key"), each.text("value")) for each in shared),
        menu_id=body.text_or_none("menuId"),
        phone_extension=body.text_or_none("phoneExtension"),
        splits_bill=guests is not None and guests.flag_or_none("splitBetweenPersons"),
        marketing_source=bill.dictionaries.marketing_source,
        price_category=bill.dictionaries.price_category,
        loyalty=requested.loyalty,
        combos=bill.combos,
        tips=bill.tips,
    )


def read_lines(
    requested: OrderRequest, organization: Organization
) -> tuple[tuple[Line, ...], tuple[Discount, ...]]:
    """Make the till's lines of an order, with its discounts spread over the dishes.

    Raises:
        Refused: the till does not take it like this.
    """
    if not requested.dishes:
        raise Refused("Order has no items", "OrderItemsNotExists")
    lines: list[Line] = [_dish(each, organization) for each in requested.dishes]
    if requested.service is ServiceType.COURIER:
        is_free = sum((line.total for line in lines), ZERO) >= FREE_DELIVERY_FROM
        delivery = organization.menu.delivery
        lines.append(Service(delivery, ZERO if is_free else delivery.price))
    discounts = _discounts(requested, organization, lines)
    return take_discounts(tuple(lines), discounts), discounts


def _dish(requested: RequestedDish, organization: Organization) -> Dish:
    product = next((each for each in organization.menu.dishes if each.id == requested.product_id), None)
    if product is None:
        raise Refused(f"Product {requested.product_id} is not found", "ProductNotFound")
    size = next((each for each in product.sizes if each.id == requested.size_id), None)
    if size is None and requested.size_id:
        raise Refused(f"Product size {requested.size_id} is not found", "ProductSizeNotFound")
    return Dish(
        position_id=requested.position_id,
        product=product,
        size=size or (product.sizes[0] if product.sizes else None),
        amount=requested.amount,
        extras=tuple(_extra(each, requested, product) for each in requested.extras),
        comment=requested.comment,
        combo=requested.combo,
    )


def _extra(requested: RequestedModifier, dish: RequestedDish, product: Product) -> Extra:
    position_id = requested.position_id or uuid5(dish.position_id, str(requested.product_id))
    return Extra(position_id, _modifier(product, requested.product_id), requested.amount)


def _combo(requested: RequestedCombo, organization: Organization) -> Combo:
    sizes = [size for dish in organization.menu.dishes for size in dish.sizes]
    size = _found(requested.size_id, sizes, "ProductSizeNotFound")
    return Combo(requested.id, requested.name, requested.amount, requested.price, requested.source_id, size)


def _modifier(product: Product, modifier_id: UUID) -> Modifier:
    for modifier in product.modifiers.modifiers if product.modifiers else ():
        if modifier.id == modifier_id:
            return modifier
    raise Refused(f"Modifier {modifier_id} is not found", "ProductNotFound")


def _discounts(
    requested: OrderRequest, organization: Organization, lines: list[Line]
) -> tuple[Discount, ...]:
    """Take the discounts asked for, each of what the dishes cost before any."""
    dishes = sum((charge for line in lines for charge in line.charges), ZERO)
    taken: list[Discount] = []
    for type_id, given in requested.discounts:
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
