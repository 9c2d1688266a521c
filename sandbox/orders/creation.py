"""``deliveries/create``: stores a requested order, which its POS accepts or refuses a little later.

What the cloud can see is refused at once; what only the POS knows (dishes, payment types) comes as
an order whose creation failed. Prices are the menu's: those of the request are read and not used.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID, uuid4, uuid5

from sandbox.catalogue.menu import Product
from sandbox.catalogue.money import ZERO, percent_of
from sandbox.catalogue.world import DiscountType, Organization, Row
from sandbox.http.call import Call, operation
from sandbox.http.request import ApiError
from sandbox.http.vendor_json import Json, answer
from sandbox.orders.order import (
    Combo,
    CreationError,
    CreationStatus,
    DeliveryStatus,
    Discount,
    Dish,
    DishModifier,
    Line,
    Order,
    ServiceType,
    Stamps,
    delivery_line,
    take_discounts,
)
from sandbox.orders.order_request import (
    CheckedOrder,
    CreateRequest,
    RequestedCombo,
    RequestedDish,
    RequestedModifier,
    check_order,
    check_payments,
)
from sandbox.orders.pos import Refused, get_row
from sandbox.orders.serializer import order_info

_DEFAULT_READY_IN = timedelta(minutes=60)


@operation("deliveries/create")
def create(call: Call, request: CreateRequest) -> Json:
    """Accept a new order: stored in the cloud at once, by the POS a little later."""
    settings = request.create_order_settings
    checked = check_order(request.order, request.terminal_group_id, call.organization(request))
    if settings and settings.check_stop_list:
        _check_stop_list(call, checked)
    if call.simulator.engine.knows(checked.id):
        return answer(orderInfo=_duplicate(checked))
    bare = _bare_order(checked, call)
    try:
        order, refusal = _as_pos_reads_it(bare, checked, call.now), None
    except Refused as refused:
        order, refusal = bare, CreationError(refused.reason or "Common", refused.message)
    timeout_s = settings.transport_to_front_timeout if settings else None
    created = call.simulator.engine.add_order(order, call.now, refusal=refusal, timeout_s=timeout_s)
    return {"correlationId": created.operation_id, "orderInfo": order_info(created)}


def _duplicate(checked: CheckedOrder) -> Json:
    """Answer for an id that there is: a 200 that says Error, as some refusals do (help centre)."""
    return {
        "id": checked.id,
        "posId": None,
        "externalNumber": checked.requested.external_number,
        "organizationId": checked.organization.id,
        "timestamp": 0,
        "creationStatus": CreationStatus.ERROR,
        "errorInfo": {
            "code": "DuplicatedOrderId",
            "message": f"Order with id {checked.id} already exists",
            "description": None,
            "additionalData": None,
            "errorReason": "DuplicatedOrderId",
        },
        "order": None,
    }


def _check_stop_list(call: Call, checked: CheckedOrder) -> None:
    stops = call.simulator.engine.side_events.stops
    for dish in checked.requested.items:
        if stops.has_run_out(checked.group, dish.product_id):
            raise ApiError(HTTPStatus.FORBIDDEN, f"Product {dish.product_id} is in the stop list.")


def _bare_order(checked: CheckedOrder, call: Call) -> Order:
    """Make the order without what only the POS can read."""
    requested, guests = checked.requested, checked.requested.guests
    complete_before = checked.complete_before or call.now + _DEFAULT_READY_IN
    minutes = max(0, round((complete_before - call.now) / timedelta(minutes=1)))
    asked_minutes = requested.delivery_duration
    return Order(
        id=checked.id,
        pos_id=uuid5(checked.id, "pos"),
        number=call.simulator.engine.next_number(checked.organization),
        external_number=requested.external_number,
        operation_id=uuid4(),
        revision=0,
        organization=checked.organization,
        terminal_group=checked.group,
        service=checked.service,
        creation=CreationStatus.IN_PROGRESS,
        status=DeliveryStatus.UNCONFIRMED,
        guest=checked.guest,
        phone=requested.phone,
        address=checked.address,
        guests_count=guests.count if guests else 1,
        comment=requested.comment,
        delivery_zone=requested.delivery_zone,
        complete_before=complete_before,
        is_asap=checked.complete_before is None,
        promised_minutes=minutes if asked_minutes is None else asked_minutes,
        stamps=Stamps(received_by_api=call.now),
        source_key=requested.source_key,
        external_data=tuple(
            (each.key, each.value) for each in requested.external_data or () if each.is_public
        ),
        menu_id=requested.menu_id,
        phone_extension=requested.phone_extension,
        splits_bill=bool(guests and guests.split_between_persons),
        loyalty=requested.loyalty_info,
    )


def _as_pos_reads_it(order: Order, checked: CheckedOrder, now: datetime) -> Order:
    """Add what only the POS can read.

    Raises:
        Refused: the POS does not accept the order.
    """
    if checked.complete_before and checked.complete_before < now:
        raise Refused("Complete-before time is in the past", "TooSmallDeliveryDate")
    requested, organization = checked.requested, checked.organization
    dictionaries = organization.dictionaries
    return replace(
        with_lines(order, checked),
        payments=check_payments(requested.payments, organization),
        tips=check_payments(requested.tips, organization),
        combos=tuple(_combo(each, organization) for each in requested.combos or ()),
        operator=_find(requested.operator_id, organization.operators, "UserNotFound"),
        marketing_source=_find(
            requested.marketing_source_id, dictionaries.marketing_sources, "MarketingSourceNotFound"
        ),
        price_category=_find(requested.price_category_id, dictionaries.price_categories, "Common"),
    )


def _find(row_id: UUID | None, rows: Iterable[Row], code: str) -> Row | None:
    return get_row(row_id, rows, code=code) if row_id else None


def with_lines(order: Order, checked: CheckedOrder) -> Order:
    """Put the requested dishes into the order, with its discounts spread over them.

    Raises:
        Refused: the POS does not accept them.
    """
    if not checked.requested.items:
        raise Refused("Order has no items", "OrderItemsNotExists")
    lines: list[Line] = [_dish(each, checked.organization) for each in checked.requested.items]
    if checked.service is ServiceType.COURIER:
        lines.append(delivery_line(checked.organization.menu, lines))
    discounts = _discounts(checked, lines)
    return replace(
        order,
        lines=take_discounts(tuple(lines), *discounts),
        discount=discounts[0] if discounts else None,
        more_discounts=discounts[1:],
    )


def _dish(requested: RequestedDish, organization: Organization) -> Dish:
    product = get_row(requested.product_id, organization.menu.dishes, "Product ", "ProductNotFound")
    size, size_id = product.sizes[0] if product.sizes else None, requested.product_size_id
    if size_id:
        size = get_row(size_id, product.sizes, "Product size ", "ProductSizeNotFound")
    position_id = requested.position_id or uuid4()
    return Dish(
        position_id=position_id,
        product=product,
        size=size,
        amount=requested.amount,
        modifiers=tuple(_modifier(each, product, position_id) for each in requested.modifiers or ()),
        comment=requested.comment,
        combo=requested.combo_information,
    )


def _modifier(requested: RequestedModifier, product: Product, dish_position: UUID) -> DishModifier:
    choices = product.modifiers.modifiers if product.modifiers else ()
    modifier = get_row(requested.product_id, choices, "Modifier ", "ProductNotFound")
    position_id = requested.position_id or uuid5(dish_position, str(requested.product_id))
    return DishModifier(position_id, modifier, requested.amount)


def _combo(requested: RequestedCombo, organization: Organization) -> Combo:
    sizes = [size for dish in organization.menu.dishes for size in dish.sizes]
    size = _find(requested.size_id, sizes, "ProductSizeNotFound")
    return Combo(requested.id, requested.name, requested.amount, requested.price, requested.source_id, size)


def _discounts(checked: CheckedOrder, lines: list[Line]) -> tuple[Discount, ...]:
    """Take the requested discounts, each of what the dishes cost before any."""
    info, known = checked.requested.discounts_info, checked.organization.dictionaries.all_discounts
    dishes = sum((charge for line in lines for charge in line.charges), ZERO)
    taken: list[Discount] = []
    for requested in (info.discounts if info else None) or ():
        kind = get_row(requested.discount_type_id, known, "Discount type ", "DiscountCardNotFound")
        if not kind.is_manual:
            raise Refused(f"Discount {kind.name} can not be given by hand", "InvalidDiscountItem")
        if (kind.mode == "FlexibleSum") is (requested.sum is None):
            raise Refused("Discount sum is given for flexible types only", "DiscountSumNotSpecified")
        if kind.least is not None and dishes < kind.least:
            continue  # "If order amount is less than specified threshold, discount does not apply."
        rest = dishes - sum((one.sum for one in taken), ZERO)
        taken.append(Discount(kind, min(_sum_of(kind, requested.sum, dishes), rest)))
    return tuple(taken)


def _sum_of(kind: DiscountType, given: Decimal | None, dishes: Decimal) -> Decimal:
    if kind.percent is not None:
        return percent_of(dishes, kind.percent)
    return kind.sum if kind.sum is not None else given or ZERO
