"""Transactions that commit late and workers that work at once: none is missed, none out of order."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import LazySettings
from django.db import connections, transaction

from core.database import db_clock
from core.jobs.loops import WorkerLoop
from orders.models.order import Order
from outbound.feed.fan_out import fan_out
from outbound.loops import Feed
from outbound.models.deliveries import Delivery
from outbound.models.events import OutboundEvent
from outbound.sending.sender import Sender
from outbound.tests.endpoints import listening, send_all, subscribe
from tests.builders import ORGANIZATION_ID, make_organization
from tests.hub_process import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _private(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()


def make_order(number: int) -> Order:
    return Order.objects.create(
        organization_id=ORGANIZATION_ID,
        iiko_order_id=f"o-{number}",
        status="Unconfirmed",
        updated_at=db_clock.now(),
    )


def move(order: Order, status: str) -> None:
    Order.objects.filter(pk=order.pk).update(status=status)


@contextmanager
def open_transaction(write: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Write in a transaction of another connection; gives what commits it."""
    is_written, may_commit = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                write()
                is_written.set()
                assert may_commit.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)

    def commit() -> None:
        may_commit.set()
        thread.join(20)

    thread.start()
    assert is_written.wait(20)
    try:
        yield commit
    finally:
        commit()


def steps() -> list[tuple[int | None, str]]:
    rows = OutboundEvent.objects.filter(position__isnull=False).order_by("position")
    return [(one.row_id, one.changes["status"]["to"]) for one in rows]


def test_what_commits_late_comes_late_and_is_not_missed() -> None:
    slow, quick = make_order(1), make_order(2)
    subscribe()

    with open_transaction(lambda: move(slow, "WaitCooking")) as commit:
        for status in ("WaitCooking", "CookingStarted"):
            move(quick, status)
            assert fan_out() == 1
        commit()
    move(slow, "Closed")
    assert fan_out() == 2

    assert steps() == [
        (quick.pk, "WaitCooking"),
        (quick.pk, "CookingStarted"),
        (slow.pk, "WaitCooking"),
        (slow.pk, "Closed"),
    ]
    assert list(OutboundEvent.objects.order_by("position").values_list("id", flat=True)) != list(
        OutboundEvent.objects.order_by("id").values_list("id", flat=True)
    )


def test_an_old_transaction_that_goes_on_elsewhere_holds_up_nobody() -> None:
    order, other = make_order(1), make_order(2)
    subscribe()

    with open_transaction(lambda: move(other, "WaitCooking")) as commit:
        move(order, "Closed")
        assert fan_out() == 1
        commit()


def test_a_transaction_that_began_earlier_and_wrote_later_is_later() -> None:
    """Its number is the smaller one: whoever went by the numbers of transactions would tell of it first."""
    order, elsewhere, long = make_order(1), make_order(2), make_order(3)
    subscribe()

    def begin() -> None:
        move(elsewhere, "WaitCooking")

    first_written, second_written = threading.Event(), threading.Event()

    def begin_then_write() -> None:
        begin()
        first_written.set()
        assert second_written.wait(20)
        move(order, "Closed")

    def in_between() -> None:
        assert first_written.wait(20)
        with open_transaction(lambda: move(long, "WaitCooking")) as end_long:
            move(order, "WaitCooking")
            second_written.set()
            is_over.wait(20)
            end_long()

    is_over = threading.Event()

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    helper = threading.Thread(target=run, args=(in_between,))
    helper.start()
    with open_transaction(begin_then_write) as commit:
        commit()
        assert fan_out() == 3
    is_over.set()
    helper.join(20)
    assert fan_out() == 1

    assert [step for step in steps() if step[0] == order.pk] == [
        (order.pk, "WaitCooking"),
        (order.pk, "Closed"),
    ]


def test_one_worker_at_a_time_puts_events_in_order() -> None:
    make_order(0)
    subscribe()
    make_order(1)

    with open_transaction(fan_out) as commit:
        assert fan_out() == 0, "the other one is at it"
        commit()

    assert fan_out() == 0
    assert Delivery.objects.count() == 1


def test_two_workers_at_once_send_each_message_once_and_in_order() -> None:
    orders = [make_order(number) for number in range(15)]
    statuses = ("WaitCooking", "CookingStarted", "OnWay", "Closed")
    stop = threading.Event()
    failures: list[Exception] = []

    def work(loop: WorkerLoop) -> None:
        try:
            while not stop.is_set():
                if not loop.turn():
                    stop.wait(0.01)
            loop.finish(within_s=5)
        except Exception as error:
            failures.append(error)
            raise
        finally:
            connections.close_all()

    with listening() as endpoint:
        subscribe(endpoint)
        threads = [
            threading.Thread(target=work, args=(loop,)) for loop in (Feed(), Feed(), Sender(), Sender())
        ]
        for thread in threads:
            thread.start()
        try:
            for status in statuses:
                for order in orders:
                    move(order, status)
            wait_until(lambda: Delivery.objects.filter(state="delivered").count() == 60, seconds=40)
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)

    assert failures == []
    assert len(endpoint.got) == len({one.message_id for one in endpoint.got}) == 60
    came: defaultdict[int, list[str]] = defaultdict(list)
    for got in endpoint.got:
        came[got.body["data"]["id"]].append(got.body["data"]["changes"]["status"]["to"])
    assert dict(came) == {order.pk: list(statuses) for order in orders}


def test_nothing_is_left_after_all_is_sent() -> None:
    with listening() as endpoint:
        subscribe(endpoint)
        for number in range(30):
            make_order(number)
        send_all()

    assert len(endpoint.got) == 30
    assert not Delivery.objects.pending().exists()
