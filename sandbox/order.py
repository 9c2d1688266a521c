"""A delivery order at one moment of its life.

Everything here is frozen: a change makes a new order, so one that was announced stays as it was.
Instants are aware and in UTC; ``wire`` turns them into what the vendor writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sandbox.menu import Modifier, PizzaOfHalves, Product, Size
from sandbox.money import ZERO, kopecks
from sandbox.world import (
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


class CreationStatus(StrEnum):
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    ERROR = "Error"


class ServiceType(StrEnum):
    COURIER = "DeliveryByCourier"
    PICKUP = "DeliveryByClient"


@dataclass(frozen=True, slots=True)
class Extra:
    """A modifier chosen for a dish; goes with every portion of it."""

    position_id: UUID
    modifier: Modifier
    amount: int = 1

    @property
    def price_per_portion(self) -> Decimal:
        return self.modifier.price * self.amount


@dataclass(frozen=True, slots=True)
class Dish:
    """So many portions of one product, or so many kilograms."""

    position_id: UUID
    product: Product
    size: Size | None
    amount: Decimal
    extras: tuple[Extra, ...] = ()
    comment: str | None = None
    discount: Decimal = ZERO
    status: ItemStatus = ItemStatus.ADDED

    @property
    def price(self) -> Decimal:
        return self.size.price if self.size else self.product.price

    @property
    def cost(self) -> Decimal:
        return kopecks(self.price * self.amount)

    @property
    def charges(self) -> tuple[Decimal, ...]:
        """What a discount is taken from, part by part."""
        extras = sum((extra.price_per_portion for extra in self.extras), ZERO)
        return (self.cost + kopecks(extras * self.amount),)

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
    """One pizza of two halves."""

    template: PizzaOfHalves
    first: Half
    second: Half
    comment: str | None = None
    status: ItemStatus = ItemStatus.ADDED

    @property
    def charges(self) -> tuple[Decimal, ...]:
        return self.first.product.price, self.second.product.price

    @property
    def total(self) -> Decimal:
        return self.first.total + self.second.total

    def discounted(self, parts: tuple[Decimal, ...]) -> HalfAndHalf:
        first, second = parts
        return replace(
            self, first=replace(self.first, discount=first), second=replace(self.second, discount=second)
        )


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

    ``is_processed_externally``: as the request said; None is a payment of the till's own, where the type
    says it.
    """

    type: PaymentType
    sum: Decimal
    is_settled: bool = False
    is_processed_externally: bool | None = None
    is_fiscalized_externally: bool = False

    @property
    def is_taken_outside(self) -> bool:
        said = self.is_processed_externally
        return self.type.processed_outside if said is None else said


@dataclass(frozen=True, slots=True)
class OneTimeGuest:
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    street: Street
    house: str
    flat: str | None
    entrance: str | None
    floor: str | None


@dataclass(frozen=True, slots=True)
class CreationError:
    """Why the till did not take the order; ``is_timeout``: it may still do so when it is back."""

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
    the API, of the last change for one that was taken at the till.
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
    operator: Employee | None
    lines: tuple[Line, ...]
    discount: Discount | None
    payments: tuple[Payment, ...]
    complete_before: datetime
    is_asap: bool
    promised_minutes: int
    stamps: Stamps = field(default_factory=Stamps)
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
    estimated_time: datetime | None = None

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

    @property
    def is_over(self) -> bool:
        """Tell whether the kitchen is done with it. One that failed at creation may come back."""
        return self.status in {DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED}
