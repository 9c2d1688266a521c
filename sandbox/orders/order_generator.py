"""Generates orders: who orders what, where to, for when and how it is paid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId
from sandbox.catalogue.money import ZERO
from sandbox.catalogue.world import Dictionaries, Employee, Organization, RegularGuest
from sandbox.engine.clock import Pace
from sandbox.orders.cart import choose_discount, choose_lines, choose_payments, take_discount
from sandbox.orders.order import (
    Address,
    CreationStatus,
    DeliveryStatus,
    Line,
    Loyalty,
    OneTimeGuest,
    Order,
    Payment,
    ServiceType,
    Stamps,
)

_SHARE_OVER_API = 0.75
_SHARE_BY_COURIER = 0.7
_SHARE_REGULAR = 0.7
_SHARE_UNCONFIRMED = 0.7
_SHARE_WITH_COMMENT = 0.4
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
    discount = choose_discount(lines, organization.dictionaries, random)
    lines = take_discount(lines, discount)
    promise = _promise(context, random, may_be_offline=not over_api)
    born = Order(
        id=context.make_id("order"),
        pos_id=context.make_id("pos"),
        number=context.number,
        external_number=_external_number(context) if over_api else None,
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
        comment=random.choice(names.COMMENTS) if random.random() < _SHARE_WITH_COMMENT else None,
        delivery_zone=random.choice(names.DELIVERY_ZONES) if service is ServiceType.COURIER else None,
        operator=_choose_operator(organization, random, over_api=over_api),
        lines=lines,
        discount=discount,
        payments=choose_payments(_sum(lines), organization.dictionaries, random),
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


def _sum(lines: tuple[Line, ...]) -> Decimal:
    return sum((line.total for line in lines), ZERO)


def _external_number(context: OrderContext) -> str:
    """Make the shop's number; no two runs of the sandbox give the same one."""
    born = context.at.astimezone(context.organization.zone)
    return f"WEB-{born:%Y%m%d-%H%M%S}-{context.sequence}"


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


def _choose_operator(organization: Organization, random: Random, *, over_api: bool) -> Employee | None:
    return None if over_api else random.choice(organization.operators)


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
