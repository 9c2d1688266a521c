from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from sandbox.catalogue.world import build_world
from sandbox.engine import engine as engine_module
from sandbox.engine.clock import Pace
from sandbox.engine.engine import Engine
from sandbox.orders.order import CreationStatus, DeliveryStatus, ItemStatus, OneTimeGuest, Order, ServiceType
from sandbox.orders.transitions import replacement_of
from sandbox.tests.builders import (
    OPENED_AT,
    full_run,
    histories,
    make_engine,
    order_changes,
    simulate,
)
from sandbox.webhooks.events import (
    Event,
    OrderChange,
    ReserveChange,
    ShiftChange,
    StopListChange,
    TableOrderChange,
    UndocumentedEvent,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
STATUSES = list(DeliveryStatus)


def _orders(events: list[Event]) -> list[Order]:
    return [each.order for each in events if isinstance(each, OrderChange)]


def _ends() -> list[OrderChange]:
    return [history[-1] for history in histories().values()]


def test_same_seed_and_opening_give_the_same_events_however_often_it_ticks() -> None:
    often, again, once = (
        simulate(make_engine(), length=10 * MINUTE, step=step) for step in (SECOND / 4, SECOND, 10 * MINUTE)
    )

    assert len(often) > 100
    assert often == again == once


def test_another_seed_gives_other_events() -> None:
    def statuses(seed: int) -> list[str]:
        events = simulate(make_engine(seed=seed), length=10 * MINUTE, step=10 * MINUTE)
        return [order.status for order in _orders(events)]

    assert statuses(1) != statuses(2)


def test_next_run_of_a_seed_has_other_orders() -> None:
    later = Engine(build_world(1), opened_at=OPENED_AT + HOUR, pace=Pace(20))

    orders, others = _orders(later.tick(OPENED_AT + 2 * HOUR)), [each.order for each in order_changes()]

    assert {order.id for order in orders} & {order.id for order in others} == set()
    numbers = [{one.external_number for one in each if one.external_number} for each in (orders, others)]
    assert numbers[0] & numbers[1] == set()


def test_timestamps_are_the_milliseconds_of_the_change_and_grow() -> None:
    for change in order_changes():
        assert 0 <= change.order.revision - int(change.at.timestamp() * 1000) <= 1
    for history in histories().values():
        revisions = [change.order.revision for change in history]
        assert revisions == sorted(set(revisions))


def test_events_come_in_the_order_they_happened() -> None:
    instants = [each.at for each in full_run()]

    assert instants == sorted(instants)
    assert instants[0] == OPENED_AT + SECOND


def test_every_order_comes_to_its_end_and_then_nothing_happens_to_it() -> None:
    ends = Counter(
        order.status if order.creation is CreationStatus.SUCCESS else order.creation
        for order in (change.order for change in _ends())
        if not order.is_deleted
    )

    assert set(ends) == {DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED, CreationStatus.ERROR}
    assert ends[DeliveryStatus.CLOSED] > 10 * ends[CreationStatus.ERROR]
    for history in histories().values():
        assert not any(change.order.is_over for change in history[:-1])


def test_only_a_courier_who_comes_back_turns_an_order_back() -> None:
    turns = [
        (before.order.status, after.order.status)
        for history in histories().values()
        for before, after in pairwise(history)
        if STATUSES.index(after.order.status) < STATUSES.index(before.order.status)
    ]

    assert set(turns) == {(DeliveryStatus.ON_WAY, DeliveryStatus.WAITING)}


def test_every_status_is_seen() -> None:
    assert {change.order.status for change in order_changes()} == set(DeliveryStatus)
    assert {change.order.creation for change in order_changes()} == set(CreationStatus)
    assert {line.status for change in order_changes() for line in change.order.lines} == set(ItemStatus)


def test_items_follow_the_order() -> None:
    reached = {
        DeliveryStatus.UNCONFIRMED: {ItemStatus.ADDED},
        DeliveryStatus.WAIT_COOKING: {ItemStatus.ADDED, ItemStatus.PRINTED},
        DeliveryStatus.COOKING_STARTED: {ItemStatus.COOKING, ItemStatus.COOKED},
        DeliveryStatus.COOKING_COMPLETED: {ItemStatus.COOKED},
        DeliveryStatus.WAITING: {ItemStatus.COOKED},
        DeliveryStatus.ON_WAY: {ItemStatus.COOKED},
        DeliveryStatus.DELIVERED: {ItemStatus.SERVED},
        DeliveryStatus.CLOSED: {ItemStatus.SERVED},
        DeliveryStatus.CANCELLED: set(ItemStatus),
    }
    for change in order_changes():
        assert {line.status for line in change.order.lines} <= reached[change.order.status]


def test_pickup_knows_no_road() -> None:
    pickups = [change.order for change in order_changes() if change.order.service is ServiceType.PICKUP]

    assert pickups
    for order in pickups:
        assert order.status not in {DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED}
        assert (order.courier, order.address) == (None, None)


def test_delivery_on_its_way_has_a_courier_of_the_restaurant_or_of_a_service() -> None:
    on_way = [c.order for c in order_changes() if c.order.status is DeliveryStatus.ON_WAY]
    by_service = [order for order in on_way if order.courier_service]

    assert {(order.courier, bool(order.tracking_link)) for order in by_service} == {(None, True)}
    assert len(by_service) < len(on_way)
    assert all(order.courier_service or order.courier in order.organization.couriers for order in on_way)


def test_order_taken_back_from_the_road_is_deleted_and_replaced_under_its_number() -> None:
    ends = [change.order for change in _ends() if change.order.is_deleted]

    assert ends
    for gone in ends:
        replacement = histories()[replacement_of(gone).id]
        first = replacement[0].order
        assert gone.status is DeliveryStatus.ON_WAY
        assert (first.number, first.status) == (gone.number, DeliveryStatus.WAITING)
        assert first.pos_id != gone.pos_id
        assert replacement[-1].order.status is DeliveryStatus.CLOSED


def test_an_order_over_the_api_waits_for_its_pos_and_one_from_the_pos_does_not() -> None:
    replacements = {replacement_of(change.order).id for change in _ends()}
    for history in histories().values():
        first = history[0].order
        opens = [change.opens for change in history]
        if first.id in replacements:
            continue
        if first.external_number:
            assert first.creation is CreationStatus.IN_PROGRESS
            assert opens == [False, True, *[False] * (len(history) - 2)]
        else:
            assert (first.creation, opens[0]) == (CreationStatus.SUCCESS, True)
            assert first.operator in first.organization.operators


def test_some_orders_are_accepted_after_their_creation_had_timed_out() -> None:
    returned = [
        history
        for history in histories().values()
        if CreationStatus.ERROR in {change.order.creation for change in history}
        and history[-1].order.creation is CreationStatus.SUCCESS
    ]

    assert returned
    for history in returned:
        failed = next(change.order for change in history if change.order.error)
        assert failed.error is not None
        assert failed.error.message.startswith("Creation timeout expired")
        assert history[-1].order.error is None


def test_orders_are_varied() -> None:
    orders = [change.order for change in _ends()]
    couriers = [{change.order.courier for change in history} - {None} for history in histories().values()]
    kinds = {payment.type.kind for order in orders for payment in order.payments}

    assert any(isinstance(order.guest, OneTimeGuest) for order in orders)
    assert any(order.discount for order in orders)
    assert any(change.order.open_problem for change in order_changes())
    assert kinds == {"Cash", "Card", "External"}
    assert any(len(each) == 2 for each in couriers)


def test_some_orders_are_late_and_most_are_not() -> None:
    closed = [change for change in _ends() if change.order.status is DeliveryStatus.CLOSED]
    late = [change for change in closed if change.at > change.order.complete_before]

    assert 0 < len(late) < len(closed) / 5


def test_stop_lists_shifts_and_the_hall_change_beside_the_orders() -> None:
    aside = [each for each in full_run() if not isinstance(each, OrderChange)]
    kinds = {StopListChange, ShiftChange, TableOrderChange, ReserveChange, UndocumentedEvent}

    assert {type(each) for each in aside} == kinds
    assert not any(each.organization.uses_soi for each in aside)
    assert len({each.operation_id for each in aside}) == len(aside)


def test_couriers_at_work_from_the_opening_are_announced_within_a_minute() -> None:
    engine = make_engine(rate=0.001)
    cloud = [each for each in engine.world.organizations if not each.uses_soi]
    at_work = {courier.id for each in cloud for courier in engine.couriers_on_shift(each)}

    happened = simulate(engine, length=MINUTE, step=SECOND)

    announced = {each.courier.id for each in happened if isinstance(each, ShiftChange)}
    assert announced == at_work
    assert len(announced) >= 6


def test_two_couriers_at_least_stay_at_work() -> None:
    engine = make_engine(rate=0.001)

    for number in range(1, 301):
        engine.tick(OPENED_AT + number * 5 * MINUTE)
        assert min(len(engine.couriers_on_shift(each)) for each in engine.world.organizations) >= 2


def test_without_a_rate_nothing_happens() -> None:
    assert simulate(make_engine(rate=0), length=24 * HOUR, step=HOUR) == []


def test_rate_is_orders_a_minute() -> None:
    happened = simulate(make_engine(rate=60), length=10 * MINUTE, step=10 * MINUTE)

    assert 540 < len({order.id for order in _orders(happened)}) < 660


def test_higher_speed_needs_less_time() -> None:
    def first_duration(speed: float) -> timedelta:
        events = simulate(make_engine(speed=speed), length=3 * HOUR, step=MINUTE)
        changes = [each for each in events if isinstance(each, OrderChange)]
        mine = [change.at for change in changes if change.order.id == changes[0].order.id]
        return mine[-1] - mine[0]

    slow, fast = first_duration(2), first_duration(20)

    assert 5 * MINUTE < slow < 40 * MINUTE
    assert abs(slow - 10 * fast) < timedelta(milliseconds=1)


def test_postponed_engine_has_nothing_to_catch_up_with() -> None:
    engine, night = make_engine(rate=60), 8 * HOUR

    engine.scheduler.postpone(night)

    assert engine.tick(OPENED_AT + night) == []
    assert len(engine.tick(OPENED_AT + night + SECOND)) == 1


def test_orders_that_are_over_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FORGET_AFTER", 3 * HOUR)
    engine = make_engine()
    simulate(engine, length=HOUR, step=MINUTE)
    early = {order.id for order in engine.orders()} - {order.id for order in engine.open_orders()}

    engine.tick(OPENED_AT + 5 * HOUR)

    kept = {order.id for order in engine.orders()}
    assert early
    assert early & kept == set()
    assert kept


def test_orders_that_are_over_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "REMEMBER_AT_MOST", 20)
    engine = make_engine(rate=60)

    engine.tick(OPENED_AT + 30 * MINUTE)

    assert len(list(engine.orders())) - len(engine.open_orders()) == 20
