"""A delivery order at one moment of its life.

Everything here is frozen: a change makes a new order, so one that was announced stays as it was.
Instants are aware and in UTC; ``serializer`` turns them into what the vendor writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from uuid import UUID

from sandbox.catalogue.menu import Menu, Modifier, PizzaOfHalves, Product, Size
from sandbox.catalogue.money import ZERO, kopecks, split
from sandbox.catalogue.world import (
    DiscountType,
    Employee,
    NamedRow,
    Organization,
    PaymentType,
    RegularGuest,
    Street,
    TerminalGroup,
)


class DeliveryStatus(StrEnum):
    UNCONFIRMED = "Unconfirmed"
    WAIT_COOKING = "WaitCooking"
    COOKING_STARTED = "CookingStarted"
    COOKING_COMPLETED = "CookingCompleted"
    WAITING = "Waiting"
    ON_WAY = "OnWay"
    DELIVERED = "Delivered"
    CLOSED = "Closed"
    CANCELLED = "Cancelled"


class ItemStatus(StrEnum):
    ADDED = "Added"
    PRINTED = "PrintedNotCooking"
    COOKING = "CookingStarted"
    COOKED = "CookingCompleted"
    SERVED = "Served"


FREE_DELIVERY_FROM = Decimal(1500)
_ITEM_STATUSES = list(ItemStatus)


class CreationStatus(StrEnum):
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    ERROR = "Error"


class ServiceType(StrEnum):
    COURIER = "DeliveryByCourier"
    PICKUP = "DeliveryByClient"


@dataclass(frozen=True, slots=True)
class DishModifier:
    """A modifier chosen for a dish; goes with every portion of it."""

    position_id: UUID
    modifier: Modifier
    amount: Decimal = Decimal(1)

    @property
    def price_per_portion(self) -> Decimal:
        return self.modifier.price * self.amount


@dataclass(frozen=True, slots=True)
class Combo:
    """A combo of the marketing; its price is for one and changes nothing here, the dishes have theirs."""

    id: UUID
    name: str
    amount: int
    price: Decimal
    source_id: UUID
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class ComboPart:
    """The place of a dish in a combo."""

    combo_id: UUID
    combo_source_id: UUID
    combo_group_id: UUID
    combo_group_name: str | None = None


@dataclass(frozen=True, slots=True)
class Dish:
    """So many portions of one product, or so many kilograms."""

    position_id: UUID
    product: Product
    size: Size | None
    amount: Decimal
    modifiers: tuple[DishModifier, ...] = ()
    comment: str | None = None
    discount: Decimal = ZERO
    status: ItemStatus = ItemStatus.ADDED
    combo: ComboPart | None = None

    @property
    def price(self) -> Decimal:
        return self.size.price if self.size else self.product.price

    @property
    def cost(self) -> Decimal:
        return kopecks(self.price * self.amount)

    @property
    def charges(self) -> tuple[Decimal, ...]:
        """What a discount is taken from, part by part."""
        modifiers = sum((each.price_per_portion for each in self.modifiers), ZERO)
        return (self.cost + kopecks(modifiers * self.amount),)

    @property
    def total(self) -> Decimal:
        return sum(self.charges, ZERO) - self.discount

    def discounted(self, parts: tuple[Decimal, ...]) -> Dish:
        return replace(self, discount=parts[0])


@dataclass(frozen=True, slots=True)
class Half:
    position_id: UUID
    product: Product
    discount: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.product.price - self.discount


@dataclass(frozen=True, slots=True)
class HalfAndHalf:
    """One pizza of two halves, or of one component alone, as some menus have every pizza."""

    template: PizzaOfHalves
    first: Half
    second: Half | None
    comment: str | None = None
    status: ItemStatus = ItemStatus.ADDED

    @property
    def halves(self) -> tuple[Half, ...]:
        return (self.first, self.second) if self.second else (self.first,)

    @property
    def charges(self) -> tuple[Decimal, ...]:
        return tuple(half.product.price for half in self.halves)

    @property
    def total(self) -> Decimal:
        return sum((half.total for half in self.halves), ZERO)

    def discounted(self, parts: tuple[Decimal, ...]) -> HalfAndHalf:
        first, *rest = (replace(half, discount=part) for half, part in zip(self.halves, parts, strict=True))
        return replace(self, first=first, second=rest[0] if rest else None)


@dataclass(frozen=True, slots=True)
class Service:
    """The delivery itself; no discount touches it."""

    product: Product
    cost: Decimal
    status: ItemStatus = ItemStatus.ADDED

    @property
    def charges(self) -> tuple[Decimal, ...]:
        return ()

    @property
    def total(self) -> Decimal:
        return self.cost

    def discounted(self, parts: tuple[Decimal, ...]) -> Service:
        return self


Line = Dish | HalfAndHalf | Service


@dataclass(frozen=True, slots=True)
class Discount:
    type: DiscountType
    sum: Decimal


@dataclass(frozen=True, slots=True)
class Payment:
    """``is_settled``: the money is here; before that the payment is what the guest promised.

    The three flags are the client's. ``tips_type`` is of tips alone.
    """

    type: PaymentType
    sum: Decimal
    is_settled: bool = False
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False
    is_prepay: bool = False
    tips_type: NamedRow | None = None


def delivery_line(menu: Menu, lines: list[Line]) -> Service:
    """Make the line of the delivery, which is free from a certain sum on."""
    is_free = sum((line.total for line in lines), ZERO) >= FREE_DELIVERY_FROM
    return Service(menu.delivery, ZERO if is_free else menu.delivery.price)


def take_discounts(lines: tuple[Line, ...], *discounts: Discount) -> tuple[Line, ...]:
    """Spread discounts, as if they were one, over the dishes in proportion to what they cost."""
    if not discounts:
        return lines
    total = sum((discount.sum for discount in discounts), ZERO)
    parts = iter(split(total, [charge for line in lines for charge in line.charges]))
    return tuple(line.discounted(tuple(islice(parts, len(line.charges)))) for line in lines)


@dataclass(frozen=True, slots=True)
class OneTimeGuest:
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the meal goes: a street with a house, or all of that in one line.

    ``coordinates``, latitude and longitude, are the street's where a client names none.
    """

    street: Street | None = None
    house: str | None = None
    flat: str | None = None
    entrance: str | None = None
    floor: str | None = None
    building: str | None = None
    doorphone: str | None = None
    index: str | None = None
    region: NamedRow | None = None
    line1: str | None = None
    coordinates: tuple[float, float] | None = None
    cartography_id: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DynamicDiscount:
    manual_condition_id: UUID
    sum: Decimal


@dataclass(frozen=True, slots=True)
class Loyalty:
    """Coupons and conditions of the request; they are given back and have no effect."""

    coupon: str | None = None
    applicable_manual_conditions: list[UUID] | None = None
    dynamic_discounts: list[DynamicDiscount] | None = None


@dataclass(frozen=True, slots=True)
class CreationError:
    """Why the POS refused the order; after a timeout it may still accept it when it is back online."""

    code: str
    message: str
    is_timeout: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    is_open: bool
    description: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    at: datetime
    cause: NamedRow
    comment: str | None
    removal: NamedRow


@dataclass(frozen=True, slots=True)
class Stamps:
    """When each thing was done; None is not yet."""

    received_by_api: datetime | None = None
    received_from_front: datetime | None = None
    created: datetime | None = None
    confirmed: datetime | None = None
    printed: datetime | None = None
    cooked: datetime | None = None
    packed: datetime | None = None
    bill_printed: datetime | None = None
    sent: datetime | None = None
    delivered: datetime | None = None
    closed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """``revision`` is the vendor's ``timestamp``: milliseconds, and it grows with every change.

    ``operation_id`` is the vendor's ``correlationId``: of the creation for an order that came over
    the API, of the last change for one that was taken at the POS.
    """

    id: UUID
    pos_id: UUID
    number: int
    external_number: str | None
    operation_id: UUID
    revision: int
    organization: Organization
    terminal_group: TerminalGroup
    service: ServiceType
    creation: CreationStatus
    status: DeliveryStatus
    guest: RegularGuest | OneTimeGuest
    phone: str
    address: Address | None
    guests_count: int
    comment: str | None
    delivery_zone: str | None
    complete_before: datetime
    is_asap: bool
    promised_minutes: int
    stamps: Stamps = field(default_factory=Stamps)
    operator: Employee | None = None
    lines: tuple[Line, ...] = ()
    discount: Discount | None = None
    payments: tuple[Payment, ...] = ()
    error: CreationError | None = None
    courier: Employee | None = None
    is_courier_chosen_by_hand: bool = False
    problem: Problem | None = None
    cancellation: Cancellation | None = None
    source_key: str | None = None
    tracking_link: str | None = None
    more_discounts: tuple[Discount, ...] = ()
    moved_from: UUID | None = None
    moved_to: UUID | None = None
    external_data: tuple[tuple[str, str], ...] = ()
    menu_id: str | None = None
    phone_extension: str | None = None
    splits_bill: bool = False
    marketing_source: NamedRow | None = None
    price_category: NamedRow | None = None
    courier_service: NamedRow | None = None
    loyalty: Loyalty | None = None
    combos: tuple[Combo, ...] = ()
    tips: tuple[Payment, ...] = ()
    estimated: datetime | None = None
    locked: datetime | None = None
    is_deleted: bool = False

    @property
    def sum(self) -> Decimal:
        """What the guest pays. A cancelled order has all its dishes deleted and costs nothing."""
        return ZERO if self.cancellation else sum((line.total for line in self.lines), ZERO)

    @property
    def discounts(self) -> tuple[Discount, ...]:
        return (*((self.discount,) if self.discount else ()), *self.more_discounts)

    @property
    def settled_sum(self) -> Decimal:
        return sum((payment.sum for payment in self.payments if payment.is_settled), ZERO)

    @property
    def came_over_api(self) -> bool:
        return self.stamps.received_by_api is not None

    def stamped(self, **stamps: datetime | None) -> Order:
        """Give the order with these times."""
        return replace(self, stamps=replace(self.stamps, **stamps))

    def with_items(self, status: ItemStatus) -> Order:
        """Bring every item to ``status``, but none back."""
        reached = _ITEM_STATUSES.index(status)
        lines = (
            replace(line, status=status) if _ITEM_STATUSES.index(line.status) < reached else line
            for line in self.lines
        )
        return replace(self, lines=tuple(lines))

    @property
    def open_problem(self) -> str | None:
        return self.problem.description if self.problem and self.problem.is_open else None

    @property
    def is_over(self) -> bool:
        """Whether the restaurant is done with it. One that failed at creation may come back."""
        return self.is_deleted or self.status in {DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED}
