"""``GET orders?updated_since=…``: whoever asks as the documentation says misses no change."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from orders.models.order import Order
from tests.builders import (
    REVISION,
    authorized,
    cloud_event,
    deliver,
    drain,
    inbox,
    make_key,
    make_organization,
)
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.worker import run_batch

URL = "/api/v1/orders"
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def key() -> str:
    make_organization()
    return make_key()


def get(key: str, url: str = URL, **query: Any) -> dict[str, Any]:
    response = Client().get(url, query, headers=authorized(key))
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def changed(key: str, *, since: str = LONG_AGO, **query: Any) -> list[str]:
    return [row["iiko_order_id"] for row in get(key, updated_since=since, **query)["results"]]


class Integrator:
    """Asks as the documentation says and keeps the newest of what it was told of each order."""

    def __init__(self, key: str, *, limit: int = 50) -> None:
        self.key = key
        self.limit = limit
        self.since = LONG_AGO
        self.seen: dict[int, str] = {}

    def poll(self, between_pages: Callable[[], None] = lambda: None) -> list[int]:
        told: list[int] = []
        page = get(self.key, updated_since=self.since, limit=self.limit)
        while True:
            for row in page["results"]:
                self.seen[row["id"]] = self.since = row["updated_at"]
                told.append(row["id"])
            if page["next"] is None:
                return told
            between_pages()
            page = get(self.key, page["next"])


def stored() -> dict[int, datetime]:
    return dict(Order.objects.values_list("id", "updated_at"))


def agreed(integrator: Integrator) -> bool:
    return {pk: datetime.fromisoformat(text) for pk, text in integrator.seen.items()} == stored()


# --- one at a time -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_changes_come_oldest_first_and_no_two_of_a_batch_at_one_moment(key: str) -> None:
    deliver(*(cloud_event(order_id=f"o-{at}") for at in range(5)))
    drain()
    deliver(cloud_event(order_id="o-1", status="OnWay", timestamp=REVISION + 1))
    drain()

    assert changed(key) == ["o-0", "o-2", "o-3", "o-4", "o-1"]
    assert len(set(stored().values())) == 5


@pytest.mark.django_db
def test_last_change_seen_is_where_the_next_answer_begins(key: str) -> None:
    integrator = Integrator(key)
    deliver(*(cloud_event(order_id=f"o-{at}") for at in range(3)))
    drain()

    first, again = integrator.poll(), integrator.poll()
    deliver(cloud_event(order_id="o-0", status="OnWay", timestamp=REVISION + 1))
    drain()
    later = integrator.poll()

    assert (len(first), again, later) == (3, first[-1:], [first[-1], first[0]])
    assert agreed(integrator)


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_order_that_changes_between_two_pages_makes_no_other_be_missed(key: str, limit: int) -> None:
    deliver(*(cloud_event(order_id=f"o-{at}") for at in range(7)))
    drain()
    integrator = Integrator(key, limit=limit)
    statuses = iter(range(2))

    def change() -> None:
        if (step := next(statuses, None)) is not None:
            deliver(cloud_event(order_id=f"o-{step}", status="OnWay", timestamp=REVISION + 1))
            drain()

    told = integrator.poll(change)

    assert agreed(integrator)
    assert len(told) <= 9


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_orders_of_one_moment_are_all_told(key: str, limit: int) -> None:
    deliver(*(cloud_event(order_id=f"o-{at}") for at in range(7)))
    drain()
    moment = Order.objects.earliest("updated_at").updated_at
    Order.objects.exclude(iiko_order_id="o-6").update(updated_at=moment)
    integrator = Integrator(key, limit=limit)

    integrator.poll()

    assert agreed(integrator)


@pytest.mark.django_db
def test_next_keeps_the_other_filters(key: str) -> None:
    deliver(*(cloud_event(order_id=f"o-{at}", status=("OnWay", "Waiting")[at % 2]) for at in range(6)))
    drain()

    first = get(key, updated_since=LONG_AGO, status="OnWay", limit=2)
    second = get(key, first["next"])

    assert [row["iiko_order_id"] for row in first["results"] + second["results"]] == ["o-0", "o-2", "o-4"]
    assert (first["count"], second["next"], second["previous"]) == (3, None, None)


@pytest.mark.django_db
def test_list_that_asks_for_no_changes_is_paged_as_before(key: str) -> None:
    deliver(*(cloud_event(order_id=f"o-{at}") for at in range(3)))
    drain()

    page = get(key, limit=2, updated_since="")

    assert [row["iiko_order_id"] for row in page["results"]] == ["o-2", "o-1"]
    assert "skip=2" in page["next"]


# --- two at once -------------------------------------------------------------------------------------


@contextmanager
def batch_in_work(*, fails: bool = False) -> Iterator[None]:
    """Run a worker on a connection of its own that has applied what is due and not committed it yet."""
    applied, go_on = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                assert run_batch() > 0
                applied.set()
                assert go_on.wait(20)
                transaction.set_rollback(fails)
        finally:
            applied.set()
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert applied.wait(20)
    try:
        yield
    finally:
        go_on.set()
        thread.join(20)


def events_of_two_partitions() -> tuple[dict[str, Any], dict[str, Any]]:
    """Two orders that two workers can have in hand at once."""
    first = cloud_event(order_id=str(uuid4()), external_number=None)
    while True:
        second = cloud_event(order_id=str(uuid4()), external_number=None)
        deliver(first, second)
        partitions = {event.partition for event in inbox()}
        WebhookEvent.objects.all().delete()
        if len(partitions) == 2:
            return first, second


@pytest.mark.django_db(transaction=True)
def test_change_that_is_committed_late_is_not_skipped(key: str) -> None:
    first, second = events_of_two_partitions()
    ids = [first["eventInfo"]["id"], second["eventInfo"]["id"]]
    integrator = Integrator(key)
    deliver(first)

    with batch_in_work():
        deliver(second)
        assert run_batch() == 1
        while_in_work = integrator.poll()
        shown = [row["iiko_order_id"] for row in get(key)["results"]]
    integrator.poll()

    assert while_in_work == []
    assert shown == ids[1:]  # the list itself waits for nobody
    assert changed(key) == ids
    assert agreed(integrator)
    assert len(integrator.seen) == 2


@pytest.mark.django_db(transaction=True)
def test_batch_that_is_rolled_back_holds_nothing_up(key: str) -> None:
    first, second = events_of_two_partitions()
    deliver(first)

    with batch_in_work(fails=True):
        deliver(second)
        assert run_batch() == 1
        assert changed(key) == []

    assert changed(key) == [second["eventInfo"]["id"]]


@pytest.mark.django_db(transaction=True)
def test_what_was_committed_before_is_told_while_a_batch_is_in_work(key: str) -> None:
    first, second = events_of_two_partitions()
    deliver(first)
    drain()
    deliver(second)

    with batch_in_work():
        assert changed(key) == [first["eventInfo"]["id"]]


@pytest.mark.django_db(transaction=True)
def test_transaction_that_changes_no_order_holds_nothing_up(key: str) -> None:
    deliver(cloud_event(order_id="o-1"))
    drain()
    ready, done = threading.Event(), threading.Event()

    def linger() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id(), pg_advisory_xact_lock(1, 1)")
                ready.set()
                assert done.wait(20)
        finally:
            ready.set()
            connection.close()

    thread = threading.Thread(target=linger)
    thread.start()
    assert ready.wait(20)
    deliver(cloud_event(order_id="o-2"))
    drain()
    told = changed(key)
    done.set()
    thread.join(20)

    assert told == ["o-1", "o-2"]


@pytest.mark.django_db(transaction=True)
def test_integrator_beside_busy_workers_misses_nothing(key: str) -> None:
    orders = [str(uuid4()) for _ in range(24)]
    for step, status in enumerate(("WaitCooking", "CookingStarted", "Waiting", "OnWay", "Closed")):
        deliver(
            *(
                cloud_event(order_id=one, external_number=None, status=status, timestamp=REVISION + step)
                for one in orders
            )
        )
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while WebhookEvent.objects.unfinished().exists():
                with transaction.atomic():
                    run_batch(limit=random.randint(1, 5))
                    time.sleep(random.uniform(0, 0.03))
        except BaseException as error:  # noqa: BLE001  # raised again in the test's thread
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    integrator = Integrator(key, limit=4)
    while any(worker.is_alive() for worker in workers):
        integrator.poll()
    integrator.poll()

    assert errors == []
    assert set(WebhookEvent.objects.values_list("status", flat=True)) <= {"processed", "stale"}
    assert len(integrator.seen) == 24
    assert agreed(integrator)
