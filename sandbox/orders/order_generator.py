"""Generates orders: who orders what, where to, for when and how it is paid."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId, Menu, ModifierGroup, PizzaOfHalves, Product
from sandbox.catalogue.money import ZERO, percent_of
from sandbox.catalogue.world import Dictionaries, Organization, RegularGuest
from sandbox.engine.clock import Pace
from sandbox.orders.order import (
    Address,
    CreationStatus,
    DeliveryStatus,
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
    ServiceType,
    Stamps,
    delivery_line,
    take_discounts,
)

_SHARE_OF_HALVES = 0.2
_ONE_IN_SO_MANY_IS_WHOLE = 3
_SHARE_WITH_MODIFIERS = 0.45
_SHARE_WITH_COMMENT = 0.15
_SHARE_WITH_DISCOUNT = 0.25
_SHARE_OVER_API = 0.75
_SHARE_BY_COURIER = 0.7
_SHARE_REGULAR = 0.7
_SHARE_UNCONFIRMED = 0.7
_SHARE_WITH_REMARK = 0.4
_SHARE_PREORDERED = 0.15
_SHARE_TAKEN_OFFLINE = 0.3
_SHARE_BY_SWITCHBOARD = 0.08
_SHARE_IN_ONE_LINE = 0.1
_SHARE_WITH_DOORPHONE = 0.3
_SHARE_WITH_BOOKS = 0.15
_SHARE_WITH_COUPON = 0.06
_SHARE_WITH_TIPS = 0.06


@dataclass(frozen=True, slots=True)
class OrderContext:
    """What is known before anything random. ``sequence`` counts the orders of the whole run."""

    at: datetime
    organization: Organization
    sequence: int
    number: int
    make_id: MakeId
    pace: Pace

    @property
    def external_number(self) -> str:
        """The shop's number; no two runs of the sandbox give the same one."""
        local = self.at.astimezone(self.organization.zone)
        return f"WEB-{local:%Y%m%d-%H%M%S}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class _Promise:
    created: datetime
    complete_before: datetime
    is_asap: bool

    @property
    def minutes(self) -> int:
        return round((self.complete_before - self.created) / timedelta(minutes=1))


def generate_order(context: OrderContext, random: Random) -> Order:
    """Generate a new order. One that came over the API waits for the POS to accept it."""
    organization = context.organization
    over_api = organization.uses_soi or random.random() < _SHARE_OVER_API
    service = ServiceType.COURIER if random.random() < _SHARE_BY_COURIER else ServiceType.PICKUP
    guest, phone = _choose_guest(organization, random)
    lines = choose_lines(organization.menu, service, context.make_id, random)
    discount = _choose_discount(lines, organization.dictionaries, random)
    lines = take_discounts(lines, discount) if discount else lines
    promise = _promise(context, random, may_be_offline=not over_api)
    born = Order(
        id=context.make_id("order"),
        pos_id=context.make_id("pos"),
        number=context.number,
        external_number=context.external_number if over_api else None,
        operation_id=context.make_id("creation"),
        revision=0,
        organization=organization,
        terminal_group=random.choice(organization.terminal_groups),
        service=service,
        creation=CreationStatus.IN_PROGRESS if over_api else CreationStatus.SUCCESS,
        status=_first_status(random, over_api=over_api),
        guest=guest,
        phone=phone,
        address=_choose_address(organization, random) if service is ServiceType.COURIER else None,
        guests_count=random.choices((1, 2, 4), (6, 3, 1))[0],
        comment=random.choice(names.COMMENTS) if random.random() < _SHARE_WITH_REMARK else None,
        delivery_zone=random.choice(names.DELIVERY_ZONES) if service is ServiceType.COURIER else None,
        operator=None if over_api else random.choice(organization.operators),
        lines=lines,
        discount=discount,
        payments=_choose_payments(lines, organization.dictionaries, random),
        complete_before=promise.complete_before,
        is_asap=promise.is_asap,
        promised_minutes=promise.minutes,
        stamps=_first_stamps(context.at, promise, over_api=over_api),
    )
    # A random generator of its own: other orders do not change.
    return _with_rarities(born, Random(f"{born.id}/rarities")) if over_api else born


def _with_rarities(order: Order, random: Random) -> Order:
    """Add what only a part of the orders have."""
    dictionaries = order.organization.dictionaries
    if random.random() < _SHARE_BY_SWITCHBOARD:
        order = replace(order, phone_extension=str(random.randint(100, 9999)))
    if order.address and random.random() < _SHARE_IN_ONE_LINE:
        order = replace(order, address=_in_one_line(order.address, order.organization))
    elif order.address and random.random() < _SHARE_WITH_DOORPHONE:
        door = replace(order.address, doorphone=f"{random.randint(1, 99)}К", comment="Вход со двора")
        order = replace(order, address=door)
    if random.random() < _SHARE_WITH_BOOKS:
        order = replace(
            order,
            marketing_source=random.choice(dictionaries.marketing_sources),
            price_category=random.choice(dictionaries.price_categories),
        )
    if random.random() < _SHARE_WITH_COUPON:
        order = replace(order, loyalty=Loyalty(f"ВЕСНА-{random.randint(10, 99)}"))
    if random.random() < _SHARE_WITH_TIPS:
        order = replace(order, tips=(_tips(dictionaries, random),))
    return order


def _in_one_line(address: Address, organization: Organization) -> Address:
    street = f"{address.street.name}, " if address.street else ""
    line = f"{organization.city.name}, {street}{address.house}"
    return replace(address, street=None, house=None, line1=line)


def _tips(dictionaries: Dictionaries, random: Random) -> Payment:
    return Payment(
        dictionaries.card_online,
        Decimal(random.choice((50, 100, 150))),
        is_processed_externally=True,
        tips_type=dictionaries.tips_types[0],
    )


def _first_status(random: Random, *, over_api: bool) -> DeliveryStatus:
    if over_api and random.random() < _SHARE_UNCONFIRMED:
        return DeliveryStatus.UNCONFIRMED
    return DeliveryStatus.WAIT_COOKING


def _first_stamps(at: datetime, promise: _Promise, *, over_api: bool) -> Stamps:
    if over_api:
        return Stamps(received_by_api=at)
    return Stamps(received_from_front=at, created=promise.created, confirmed=promise.created)


def _choose_guest(organization: Organization, random: Random) -> tuple[RegularGuest | OneTimeGuest, str]:
    if random.random() < _SHARE_REGULAR:
        regular = random.choice(organization.regulars)
        return regular, regular.phone
    name, _, _ = names.person(random)
    return OneTimeGuest(name), names.phone(random.randint(5000, 9999))


def _choose_address(organization: Organization, random: Random) -> Address:
    lives_in_flat = random.random() < 0.8
    return Address(
        street=random.choice(organization.city.streets),
        house=str(random.randint(1, 120)),
        flat=str(random.randint(1, 180)) if lives_in_flat else None,
        entrance=str(random.randint(1, 6)) if lives_in_flat else None,
        floor=str(random.randint(1, 9)) if lives_in_flat else None,
    )


def _promise(context: OrderContext, random: Random, *, may_be_offline: bool) -> _Promise:
    if may_be_offline and random.random() < _SHARE_TAKEN_OFFLINE:
        return _promise_of_offline_order(context, random)
    if random.random() < _SHARE_PREORDERED:
        ready = _rounded_up(context.at + timedelta(minutes=random.uniform(90, 180)), minutes=15)
        return _Promise(context.at, ready, is_asap=False)
    ready = _rounded_up(context.at + timedelta(minutes=random.uniform(45, 75)), minutes=5)
    return _Promise(context.at, ready, is_asap=True)


def _promise_of_offline_order(context: OrderContext, random: Random) -> _Promise:
    """Promise an order that the POS took while it was offline: the cloud gets it late.

    These are the orders that are late at a high speed.
    """
    created = context.at - timedelta(minutes=random.uniform(30, 55))
    return _Promise(created, context.at + context.pace.wall(random.uniform(8, 20)), is_asap=True)


def _rounded_up(instant: datetime, *, minutes: int) -> datetime:
    step = minutes * 60
    return datetime.fromtimestamp(-(-instant.timestamp() // step) * step, tz=instant.tzinfo)


# --- what is on the table, and how it is paid ---


def choose_lines(menu: Menu, service: ServiceType, make_id: MakeId, random: Random) -> tuple[Line, ...]:
    """Choose one to four different dishes, and the delivery where a courier brings them."""
    dishes = random.sample(menu.dishes, k=random.choices((1, 2, 3, 4), (3, 5, 3, 1))[0])
    lines: list[Line] = [_choose_dish(dish, make_id, random) for dish in dishes]
    if menu.pizza_of_halves and random.random() < _SHARE_OF_HALVES:
        lines.append(_choose_halves(menu.pizza_of_halves, make_id, random))
    if service is ServiceType.COURIER:
        lines.append(delivery_line(menu, lines))
    return tuple(lines)


def _choose_dish(product: Product, make_id: MakeId, random: Random) -> Dish:
    key = f"position/{product.id}"
    return Dish(
        position_id=make_id(key),
        product=product,
        size=random.choice(product.sizes) if product.sizes else None,
        amount=_choose_amount(product, random),
        modifiers=_choose_modifiers(product.modifiers, key, make_id, random),
        comment=random.choice(names.DISH_COMMENTS) if random.random() < _SHARE_WITH_COMMENT else None,
    )


def _choose_amount(product: Product, random: Random) -> Decimal:
    if product.by_weight:
        return Decimal(random.randint(250, 900)) / 1000
    return Decimal(random.choices((1, 2, 3), (7, 2, 1))[0])


def _choose_modifiers(
    group: ModifierGroup | None, key: str, make_id: MakeId, random: Random
) -> tuple[DishModifier, ...]:
    if group is None or random.random() > _SHARE_WITH_MODIFIERS:
        return ()
    chosen = random.sample(group.modifiers, k=random.randint(1, 2))
    return tuple(
        DishModifier(make_id(f"{key}/{modifier.id}"), modifier, Decimal(random.choices((1, 2), (4, 1))[0]))
        for modifier in chosen
    )


def _choose_halves(template: PizzaOfHalves, make_id: MakeId, random: Random) -> HalfAndHalf:
    """Choose two halves, or for a part of them the first alone; both draw the same random numbers."""
    first, second = random.sample(template.halves, k=2)
    other = make_id("position/second half")
    is_whole = other.int % _ONE_IN_SO_MANY_IS_WHOLE == 0
    return HalfAndHalf(
        template, Half(make_id("position/first half"), first), None if is_whole else Half(other, second)
    )


def _choose_discount(lines: tuple[Line, ...], dictionaries: Dictionaries, random: Random) -> Discount | None:
    """Give a part of the guests a discount on the dishes."""
    if random.random() > _SHARE_WITH_DISCOUNT:
        return None
    kind = random.choice(dictionaries.discounts)
    dishes = sum((charge for line in lines for charge in line.charges), ZERO)
    if kind.percent is None:
        return Discount(kind, min(Decimal(100), dishes))
    return Discount(kind, percent_of(dishes, kind.percent))


def _choose_payments(
    lines: tuple[Line, ...], dictionaries: Dictionaries, random: Random
) -> tuple[Payment, ...]:
    """Choose how the guest pays; for some that is decided only at the door."""
    way = random.choices(("cash", "card", "online", "bonuses", "later"), (30, 20, 32, 10, 8))[0]
    total = sum((line.total for line in lines), ZERO)
    paid_online = partial(Payment, is_settled=True, is_processed_externally=True)
    match way:
        case "cash":
            return (Payment(dictionaries.cash, total),)
        case "card":
            return (Payment(dictionaries.card_to_courier, total),)
        case "online":
            return (paid_online(dictionaries.card_online, total, is_prepay=True),)
        case "bonuses":
            bonuses = percent_of(total, Decimal(random.randint(5, 30)))
            rest = Payment(dictionaries.cash, total - bonuses)
            return paid_online(dictionaries.bonuses, bonuses), rest
    return ()
