"""Data that tests share: a full run of the engine, and an order made to measure."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from uuid import UUID

from sandbox.catalogue.world import Organization, build_world
from sandbox.engine.clock import Pace
from sandbox.engine.engine import Engine
from sandbox.orders.order import (
    Address,
    CreationStatus,
    DeliveryStatus,
    Dish,
    DishModifier,
    Order,
    Payment,
    Service,
    ServiceType,
    Stamps,
)
from sandbox.webhooks.events import Event, OrderChange

OPENED_AT = datetime(2026, 3, 14, 13, 42, 8, 51_000, tzinfo=UTC)
CREATED_FOR = timedelta(minutes=25)
RUN_FOR = timedelta(minutes=35)


def make_engine(*, seed: int = 1, speed: float = 20, rate: float = 3) -> Engine:
    return Engine(build_world(seed), opened_at=OPENED_AT, pace=Pace(speed), orders_per_minute=rate)


def simulate(engine: Engine, *, length: timedelta, step: timedelta) -> list[Event]:
    happened: list[Event] = []
    now = OPENED_AT
    while now < OPENED_AT + length:
        now += step
        happened += engine.tick(now)
    return happened


@cache
def full_run() -> tuple[Event, ...]:
    """Give half an hour of the default world, with the ends of the orders created until ``CREATED_FOR``."""
    return tuple(simulate(make_engine(rate=6), length=RUN_FOR, step=timedelta(seconds=1)))


@cache
def quiet_day() -> tuple[Event, ...]:
    """Give a day with hardly a delivery: stop lists, shifts and the hall."""
    return tuple(simulate(make_engine(rate=0.001), length=timedelta(days=1), step=timedelta(minutes=1)))


def order_changes() -> list[OrderChange]:
    return [each for each in full_run() if isinstance(each, OrderChange)]


def histories() -> dict[UUID, list[OrderChange]]:
    """Give the changes of each order that was created early enough to have ended."""
    found: dict[UUID, list[OrderChange]] = {}
    for change in order_changes():
        found.setdefault(change.order.id, []).append(change)
    return {key: history for key, history in found.items() if history[0].at < OPENED_AT + CREATED_FOR}


def beryozka() -> Organization:
    return build_world(1).organizations[0]


def make_order(**changes: object) -> Order:
    """Make order №142 of a café in Tyumen: two pizzas with extras, a drink, 149 for the delivery."""
    cafe = beryozka()
    pizza, drink = cafe.menu.dishes[0], next(d for d in cafe.menu.dishes if d.name.startswith("Морс"))
    assert pizza.modifiers is not None
    lines = (
        Dish(
            UUID(int=11),
            pizza,
            pizza.sizes[1],
            Decimal(2),
            (DishModifier(UUID(int=12), pizza.modifiers.modifiers[0]),),
        ),
        Dish(UUID(int=13), drink, None, Decimal(1), comment="без льда"),
        Service(cafe.menu.delivery, Decimal(149)),
    )
    order = Order(
        id=UUID(int=1),
        pos_id=UUID(int=2),
        number=142,
        external_number="WEB-20260314-184208-1",
        operation_id=UUID(int=3),
        revision=1773495728051,
        organization=cafe,
        terminal_group=cafe.terminal_groups[0],
        service=ServiceType.COURIER,
        creation=CreationStatus.SUCCESS,
        status=DeliveryStatus.WAIT_COOKING,
        guest=cafe.regulars[0],
        phone=cafe.regulars[0].phone,
        address=Address(cafe.city.streets[0], "61", "18", None, None),
        guests_count=1,
        comment=None,
        delivery_zone="Центр",
        operator=None,
        lines=lines,
        discount=None,
        payments=(Payment(cafe.dictionaries.cash, Decimal(1800)),),
        complete_before=OPENED_AT.replace(hour=14, minute=40, second=0, microsecond=0),
        is_asap=True,
        promised_minutes=58,
        stamps=Stamps(received_by_api=OPENED_AT, received_from_front=OPENED_AT, created=OPENED_AT),
    )
    return replace(order, **changes)  # type: ignore[arg-type]  # the caller names fields of Order


def wait_until(is_so: Callable[[], bool], *, timeout_s: float = 10) -> None:
    """Wait for what another thread or process does; fail when it does not."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)
