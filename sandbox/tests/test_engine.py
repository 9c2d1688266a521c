from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from sandbox.catalogue.world import build_world
from sandbox.engine import engine as engine_module
from sandbox.engine.clock import Pace
from sandbox.engine.engine import Engine
from sandbox.orders.order import CreationStatus, DeliveryStatus, ItemStatus, OneTimeGuest, ServiceType
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
    OrderChange,
    ReserveChange,
    ShiftChange,
    StopListChange,
    TableOrderChange,
    UndocumentedEvent,
)

SECOND = timedelta(seconds=1)
TEN_MINUTES = timedelta(minutes=10)
STATUSES = list(DeliveryStatus)


def test_same_seed_and_opening_tell_the_same_story() -> None:
    assert simulate(make_engine(), length=TEN_MINUTES, step=SECOND) == simulate(
        make_engine(), length=TEN_MINUTES, step=SECOND
    )


def test_story_does_not_depend_on_how_often_it_is_looked_at() -> None:
    looked_often = simulate(make_engine(), length=TEN_MINUTES, step=SECOND / 4)
    looked_once = simulate(make_engine(), length=TEN_MINUTES, step=TEN_MINUTES)

    assert len(looked_often) > 100
    assert looked_often == looked_once


def test_another_seed_tells_another_story() -> None:
    def shown(seed: int) -> list[str]:
        story = simulate(make_engine(seed=seed), length=TEN_MINUTES, step=TEN_MINUTES)
        return [each.order.status for each in story if isinstance(each, OrderChange)]

    assert shown(1) != shown(2)


def test_next_run_of_a_seed_has_other_orders() -> None:
    later = Engine(build_world(1), opened_at=OPENED_AT + timedelta(hours=1), pace=Pace(20))

    happened = later.tick(OPENED_AT + timedelta(hours=2))

    orders = [each.order for each in happened if isinstance(each, OrderChange)]
    mine = [each.order for each in order_changes()]
    assert {order.id for order in orders} & {order.id for order in mine} == set()
    assert {o.external_number for o in orders if o.external_number} & {
        o.external_number for o in mine
    } == set()


def test_timestamps_grow_with_every_change_of_an_order() -> None:
    for history in histories().values():
        revisions = [change.order.revision for change in history]
        assert revisions == sorted(set(revisions))


def test_timestamps_are_the_milliseconds_of_the_change() -> None:
    for change in order_changes():
        assert 0 <= change.order.revision - int(change.at.timestamp() * 1000) <= 1


def test_events_come_in_the_order_they_happened() -> None:
    instants = [each.at for each in full_run()]

    assert instants == sorted(instants)
    assert instants[0] == OPENED_AT + SECOND


def test_every_order_comes_to_its_end() -> None:
    ends = Counter(
        history[-1].order.status
        if history[-1].order.creation is CreationStatus.SUCCESS
        else history[-1].order.creation
        for history in histories().values()
        if not history[-1].order.is_deleted
    )

    assert set(ends) == {DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED, CreationStatus.ERROR}
    assert ends[DeliveryStatus.CLOSED] > 10 * ends[CreationStatus.ERROR]


def test_nothing_happens_to_an_order_that_is_over() -> None:
    for history in histories().values():
        assert [change.order.is_over for change in history[:-1]] == [False] * (len(history) - 1)


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
    }
    for change in order_changes():
        if change.order.status in reached:
            assert {line.status for line in change.order.lines} <= reached[change.order.status]


def test_pickup_knows_no_road() -> None:
    pickups = [change.order for change in order_changes() if change.order.service is ServiceType.PICKUP]

    assert pickups
    for order in pickups:
        assert order.status not in {DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED}
        assert (order.courier, order.address) == (None, None)


def test_delivery_on_its_way_has_a_courier_of_the_restaurant() -> None:
    on_way = [c.order for c in order_changes() if c.order.status is DeliveryStatus.ON_WAY]

    assert on_way
    by_service = [order for order in on_way if order.courier_service]
    own = [order for order in on_way if not order.courier_service]
    assert by_service
    assert all(order.courier in order.organization.couriers for order in own)
    assert {(order.courier, bool(order.tracking_link)) for order in by_service} == {(None, True)}


def test_order_taken_back_from_the_road_is_deleted_and_made_again_with_its_number() -> None:
    ends = [history[-1].order for history in histories().values() if history[-1].order.is_deleted]

    assert ends
    for gone in ends:
        again = histories()[replacement_of(gone).id]
        assert gone.status is DeliveryStatus.ON_WAY
        assert (again[0].order.number, again[0].order.status) == (gone.number, DeliveryStatus.WAITING)
        assert again[0].order.pos_id != gone.pos_id
        assert again[-1].order.status is DeliveryStatus.CLOSED


def test_an_order_over_the_api_starts_unborn_and_one_from_the_till_does_not() -> None:
    for history in histories().values():
        first = history[0].order
        if first.id in {replacement_of(each[-1].order).id for each in histories().values()}:
            continue  # taken back from the road
        if first.external_number:
            assert (first.creation, history[0].opens) == (CreationStatus.IN_PROGRESS, False)
            assert [change.opens for change in history[1:]] == [True] + [False] * (len(history) - 2)
        else:
            assert (first.creation, history[0].opens) == (CreationStatus.SUCCESS, True)
            assert first.operator in first.organization.operators


def test_some_orders_come_alive_after_their_creation_had_failed() -> None:
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


def test_life_is_varied() -> None:
    orders = [history[-1].order for history in histories().values()]

    assert any(isinstance(order.guest, OneTimeGuest) for order in orders)
    assert any(order.discount for order in orders)
    assert any(change.order.problem and change.order.problem.is_open for change in order_changes())
    assert {payment.type.kind for order in orders for payment in order.payments} == {
        "Cash",
        "Card",
        "External",
    }
    assert any(
        len({change.order.courier for change in history if change.order.courier}) == 2
        for history in histories().values()
    )


def test_some_orders_are_late_and_most_are_not() -> None:
    closed = [
        history[-1] for history in histories().values() if history[-1].order.status is DeliveryStatus.CLOSED
    ]
    late = [change for change in closed if change.at > change.order.complete_before]

    assert 0 < len(late) < len(closed) / 5


def test_stop_lists_and_shifts_change_beside_the_orders() -> None:
    aside = [each for each in full_run() if not isinstance(each, OrderChange)]

    assert {type(each) for each in aside} == {
        StopListChange,
        ShiftChange,
        TableOrderChange,
        ReserveChange,
        UndocumentedEvent,
    }
    assert not any(each.organization.uses_soi for each in aside)
    assert len({each.operation_id for each in aside}) == len(aside)


def test_whoever_is_there_at_the_opening_is_told_of_within_a_minute() -> None:
    engine = make_engine(rate=0.001)
    there = {each.id for one in engine.world.organizations for each in engine.couriers_on_shift(one)}
    uses_soi = {each.id for one in engine.world.organizations if one.uses_soi for each in one.couriers}

    happened = simulate(engine, length=timedelta(minutes=1), step=timedelta(seconds=1))

    shown = {each.courier.id for each in happened if isinstance(each, ShiftChange)}
    assert shown == there - uses_soi
    assert len(shown) >= 6


def test_two_couriers_at_least_stay_at_work() -> None:
    engine = make_engine(rate=0.001)
    now = OPENED_AT

    for _ in range(300):
        now += timedelta(minutes=5)
        engine.tick(now)
        for organization in engine.world.organizations:
            assert len(engine.couriers_on_shift(organization)) >= 2


def test_without_a_rate_nothing_happens() -> None:
    assert simulate(make_engine(rate=0), length=timedelta(days=1), step=timedelta(hours=1)) == []


def test_rate_is_orders_a_minute() -> None:
    happened = simulate(make_engine(rate=60), length=TEN_MINUTES, step=TEN_MINUTES)

    born = {each.order.id for each in happened if isinstance(each, OrderChange)}
    assert 540 < len(born) < 660


def test_faster_kitchen_needs_less_time() -> None:
    def first_life(speed: float) -> timedelta:
        story = simulate(make_engine(speed=speed), length=timedelta(hours=3), step=timedelta(minutes=1))
        changes = [each for each in story if isinstance(each, OrderChange)]
        mine = [change.at for change in changes if change.order.id == changes[0].order.id]
        return mine[-1] - mine[0]

    slow, fast = first_life(2), first_life(20)

    assert timedelta(minutes=5) < slow < timedelta(minutes=40)
    assert abs(slow - 10 * fast) < timedelta(milliseconds=1)


def test_a_kitchen_that_slept_has_nothing_to_catch_up_with() -> None:
    engine = make_engine(rate=60)
    night = timedelta(hours=8)

    engine.postpone(night)

    assert engine.tick(OPENED_AT + night) == []
    assert len(engine.tick(OPENED_AT + night + SECOND)) == 1


def test_orders_that_are_over_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FORGET_AFTER", timedelta(hours=3))
    engine = make_engine()
    simulate(engine, length=timedelta(hours=1), step=timedelta(minutes=1))
    early = {order.id for order in engine.orders()} - {order.id for order in engine.open_orders()}

    play_on = OPENED_AT + timedelta(hours=5)
    engine.tick(play_on)

    kept = {order.id for order in engine.orders()}
    assert early
    assert early & kept == set()
    assert kept


def test_orders_that_are_over_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "REMEMBER_AT_MOST", 20)
    engine = make_engine(rate=60)

    engine.tick(OPENED_AT + timedelta(minutes=30))

    remembered = len(list(engine.orders()))
    assert remembered - len(engine.open_orders()) == 20
