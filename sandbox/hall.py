"""The hall: table orders and reserves, and what the vendor writes about them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from uuid import UUID

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId
from sandbox.catalogue.money import ZERO, percent_of
from sandbox.catalogue.world import Employee, Organization, RegularGuest, TerminalGroup
from sandbox.http.vendor_json import Json, falses, named, nulls, pick, render
from sandbox.orders.order import CreationError, Discount, Dish, ItemStatus, take_discounts
from sandbox.orders.serializer import creation_error, customer, discount_item, dish, employee

_SHARE_REFUSED_BY_GUEST = 0.25
_SHARE_REFUSED_BY_POS = 0.12
_SHARE_WITH_CARD = 0.3
_SHARE_OF_BANQUETS = 0.3
_TABLE_ERROR = CreationError("TerminalGroupDisabled", "Terminal group is disabled.")
_RESERVE_ERROR = CreationError("DuplicatedReserveId", "Reserve already exists.")


class TableStatus(StrEnum):
    NEW = "New"
    BILL = "Bill"
    CLOSED = "Closed"


class ReserveStatus(StrEnum):
    NEW = "New"
    STARTED = "Started"
    CLOSED = "Closed"


@dataclass(frozen=True, slots=True)
class TableOrder:
    """What one table eats. ``revision`` is the vendor's ``timestamp``."""

    id: UUID
    pos_id: UUID
    number: int
    organization: Organization
    terminal_group: TerminalGroup
    table: UUID
    waiter: Employee
    guests_count: int
    lines: tuple[Dish, ...]
    created: datetime
    revision: int = 0
    external_number: str | None = None
    error: CreationError | None = None
    status: TableStatus = TableStatus.NEW
    bill_printed: datetime | None = None
    closed: datetime | None = None
    guest: RegularGuest | None = None
    discount: Discount | None = None

    @property
    def sum(self) -> Decimal:
        return sum((line.total for line in self.lines), ZERO)


@dataclass(frozen=True, slots=True)
class Reserve:
    """A table kept for a guest. ``cancel_reason`` is the vendor's word, None unless called off."""

    id: UUID
    organization: Organization
    table: UUID
    guest: RegularGuest
    guests_count: int
    starts: datetime
    minutes: int
    revision: int = 0
    external_number: str | None = None
    error: CreationError | None = None
    status: ReserveStatus = ReserveStatus.NEW
    came: datetime | None = None
    cancel_reason: str | None = None
    banquet: TableOrder | None = None


def seat_guests(
    organization: Organization, number: int, at: datetime, make_id: MakeId, random: Random
) -> TableOrder:
    """Seat guests who order two or three dishes."""
    chosen = random.sample(organization.menu.dishes, k=random.randint(2, 3))
    order = TableOrder(
        id=make_id("table order"),
        pos_id=make_id("table order at the till"),
        number=number,
        organization=organization,
        terminal_group=random.choice(organization.terminal_groups),
        table=random.choice(organization.tables),
        waiter=random.choice(organization.operators),
        guests_count=random.randint(1, 4),
        lines=tuple(
            Dish(
                position_id=make_id(f"position/{product.id}"),
                product=product,
                size=product.sizes[0] if product.sizes else None,
                amount=Decimal(1),
                comment=random.choice((*names.DISH_COMMENTS, None, None, None)),
            )
            for product in chosen
        ),
        created=at,
    )
    return _with_card(order, Random(f"{order.id}/card"))


def _with_card(order: TableOrder, rng: Random) -> TableOrder:
    """Let a part of the guests show a card, and get a discount by it."""
    if rng.random() >= _SHARE_WITH_CARD:
        return order
    kind = order.organization.dictionaries.discounts[0]
    dishes = sum((charge for line in order.lines for charge in line.charges), ZERO)
    discount = Discount(kind, percent_of(dishes, kind.percent or ZERO))
    lines = take_discounts(order.lines, discount)
    return replace(
        order,
        guest=rng.choice(order.organization.regulars),
        discount=discount,
        lines=tuple(line for line in lines if isinstance(line, Dish)),
    )


def refused_table_order(order: TableOrder) -> TableOrder | None:
    """Give the order as refused by the POS, for a part of them, which guests sent from a web page."""
    if Random(f"{order.id}/till").random() >= _SHARE_REFUSED_BY_POS:
        return None
    return replace(order, external_number=f"QR-{order.number}", error=_TABLE_ERROR)


def refused_reserve(reserve: Reserve) -> Reserve | None:
    """Give the reserve as refused by the POS, for a part of them."""
    rng = Random(f"{reserve.id}/till")
    if rng.random() >= _SHARE_REFUSED_BY_POS:
        return None
    return replace(reserve, external_number=f"SITE-{rng.randrange(10_000):04d}", error=_RESERVE_ERROR)


def ask_for_bill(order: TableOrder, at: datetime) -> TableOrder:
    return replace(order, status=TableStatus.BILL, bill_printed=at, lines=_lines_at(order, ItemStatus.COOKED))


def pay(order: TableOrder, at: datetime) -> TableOrder:
    return replace(order, status=TableStatus.CLOSED, closed=at, lines=_lines_at(order, ItemStatus.SERVED))


def _lines_at(order: TableOrder, status: ItemStatus) -> tuple[Dish, ...]:
    return tuple(replace(line, status=status) for line in order.lines)


def keep_table(organization: Organization, at: datetime, make_id: MakeId, random: Random) -> Reserve:
    """Reserve a table some hours ahead."""
    ahead = timedelta(minutes=30 * random.randint(3, 8))
    starts = (at + ahead).replace(minute=random.choice((0, 30)), second=0, microsecond=0)
    reserve = Reserve(
        id=make_id("reserve"),
        organization=organization,
        table=random.choice(organization.tables),
        guest=random.choice(organization.regulars),
        guests_count=random.randint(2, 6),
        starts=starts,
        minutes=random.choice((90, 120)),
    )
    rng = Random(f"{reserve.id}/banquet")
    if rng.random() >= _SHARE_OF_BANQUETS:
        return reserve
    number = rng.randint(900, 999)
    return replace(reserve, banquet=seat_guests(organization, number, at, make_id, rng))


def end_of_reserve(reserve: Reserve, at: datetime, random: Random) -> Reserve:
    """Let the guests come, or call it off."""
    if random.random() < _SHARE_REFUSED_BY_GUEST:
        reason = random.choice(("ClientNotAppeared", "ClientRefused", "Other"))
        return replace(reserve, status=ReserveStatus.CLOSED, cancel_reason=reason)
    return replace(reserve, status=ReserveStatus.STARTED, came=at)


# --- as the vendor writes them ---


def table_order_info(order: TableOrder) -> Json:
    info = {
        **_wrapper(order, order.error),
        "posId": None if order.error else order.pos_id,
        "order": None if order.error else _table_order(order),
    }
    return render(info, order.organization.zone)


def _wrapper(row: TableOrder | Reserve, error: CreationError | None) -> Json:
    return {
        **pick(row, "id external_number"),
        "organizationId": row.organization.id,
        "timestamp": row.revision,
        "creationStatus": "Error" if error else "Success",
        "errorInfo": creation_error(error),
    }


def _table_order(order: TableOrder) -> Json:
    return {
        "tableIds": [order.table],
        "customer": customer(order.guest),
        "phone": order.guest.phone if order.guest else None,
        "status": order.status,
        "whenCreated": order.created,
        "waiter": employee(order.waiter),
        **nulls("tabName priceCategory"),
        "splitOrderBetweenCashRegisters": "Disabled",
        **_bill(order),
    }


def _bill(order: TableOrder) -> Json:
    """Render what a table order and the order of a banquet have in common."""
    is_closed = order.status is TableStatus.CLOSED
    return {
        **nulls("menuId sourceKey conception loyaltyInfo externalData"),
        **pick(order, "sum number"),
        "whenBillPrinted": order.bill_printed,
        "whenClosed": order.closed,
        "guestsInfo": {"count": order.guests_count, "splitBetweenPersons": False},
        "items": [
            {
                **pick(line, "status amount comment"),
                **nulls("deleted comboInformation"),
                "whenPrinted": order.created,
                **dish(line, is_deleted=False),
            }
            for line in order.lines
        ],
        "combos": [],
        "payments": [_payment(order)] if is_closed else [],
        "tips": [],
        "discounts": [discount_item(order.discount)] if order.discount else [],
        "orderType": {**named(order.organization.dictionaries.in_the_hall), "orderServiceType": "Common"},
        "terminalGroupId": order.terminal_group.id,
        "processedPaymentsSum": order.sum if is_closed else 0.0,
    }


def _payment(order: TableOrder) -> Json:
    return {
        "paymentType": pick(order.organization.dictionaries.card_to_courier, "id name kind"),
        "sum": order.sum,
        **falses("isPreliminary isExternal isProcessedExternally isFiscalizedExternally isPrepay"),
    }


def reserve_info(reserve: Reserve) -> Json:
    info = {
        **_wrapper(reserve, reserve.error),
        "isDeleted": False,
        "reserve": None if reserve.error else _reserve(reserve),
    }
    return render(info, reserve.organization.zone)


def _reserve(reserve: Reserve) -> Json:
    return {
        **pick(reserve, "guests_count status cancel_reason"),
        **nulls("comment eventType"),
        "customer": customer(reserve.guest),
        "phone": reserve.guest.phone,
        "durationInMinutes": reserve.minutes,
        "shouldRemind": True,
        "tableIds": [reserve.table],
        # Which clock these two follow is not stated (OpenAPI, Reserve): the terminal's is a guess.
        "estimatedStartTime": reserve.starts,
        "guestsComingTime": reserve.came,
        "order": _bill(reserve.banquet) if reserve.banquet else None,
    }
