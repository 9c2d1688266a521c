"""The worker: poison, retries, death, partitions, two workers, stopping."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from orders.models.order import Order
from tests.builders import ORDER_ID, REVISION, cloud_event, deliver, drain, inbox, make_organization, post
from webhooks.models.inbox import RETRY_PAUSES, WebhookEvent
from webhooks.processing import claims, handlers
from webhooks.processing.handlers.base import Claimed, EventResult
from webhooks.processing.handlers.deliveries import apply_deliveries
from webhooks.processing.worker import run_batch

POISON = "Poison"


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Make a handler that fails for any batch with an order in status Poison; collects the batches it saw."""
    seen: list[list[int]] = []

    def handler(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
        seen.append([event.id for event in events])
        results = apply_deliveries(events, now)
        if any(event.payload["eventInfo"]["order"]["status"] == POISON for event in events):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return results

    monkeypatch.setitem(handlers.HANDLERS, "DeliveryOrderUpdate", handler)
    return seen


def make_due() -> None:
    WebhookEvent.objects.unfinished().update(due_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_poison_event_hurts_only_itself(poison: list[list[int]]) -> None:
    make_organization()
    good = [cloud_event(order_id=str(uuid4())) for _ in range(5)]
    deliver(*good[:3], cloud_event(status=POISON), *good[3:])

    drain()

    assert Order.objects.count() == 5
    assert not Order.objects.filter(iiko_order_id=ORDER_ID).exists()
    assert sorted(WebhookEvent.objects.values_list("status", flat=True)) == ["failed"] + ["processed"] * 5


@pytest.mark.django_db
def test_later_event_of_the_same_order_is_not_held_up_by_a_failed_one(poison: list[list[int]]) -> None:
    make_organization()
    deliver(cloud_event(status=POISON), cloud_event(status="OnWay", timestamp=REVISION + 1))

    drain()

    assert Order.objects.get().status == "OnWay"


@pytest.mark.django_db
def test_failures_are_retried_with_growing_pauses_and_end_dead(poison: list[list[int]]) -> None:
    make_organization()
    deliver(cloud_event(status=POISON))
    pauses = []

    for _ in RETRY_PAUSES:
        before = timezone.now()
        drain()
        (event,) = inbox()
        assert (event.status, event.reason) == ("failed", "error")
        assert event.processed_at is None
        pauses.append(round((event.due_at - before).total_seconds()))
        make_due()
    drain()

    (event,) = inbox()
    assert (event.status, event.attempts) == ("dead", len(RETRY_PAUSES) + 1)
    assert event.processing_error.startswith("DataError: division by zero")
    assert pauses == [1, 5, 30, 120, 600, 1800, 3600, 10800]
    make_due()
    assert drain() == 0


@pytest.mark.django_db
def test_failed_event_is_applied_once_the_cause_is_gone(
    poison: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    deliver(cloud_event(status=POISON))
    drain()
    monkeypatch.setitem(handlers.HANDLERS, "DeliveryOrderUpdate", apply_deliveries)

    assert drain() == 0
    make_due()
    assert drain() == 1

    (event,) = inbox()
    assert (event.status, event.attempts, event.processing_error) == ("processed", 2, "")
    assert Order.objects.get().raw_status == POISON


@pytest.mark.django_db
def test_stored_payload_that_cannot_be_read_back_is_dead_and_alone() -> None:
    make_organization()
    deliver(cloud_event(), cloud_event(order_id=str(uuid4())))
    WebhookEvent.objects.filter(entity_key=ORDER_ID).update(payload=[1, 2])

    drain()

    assert sorted(event.status for event in inbox()) == ["dead", "processed"]
    assert Order.objects.count() == 1


@pytest.mark.django_db
def test_batch_takes_no_more_than_its_limit() -> None:
    make_organization()
    deliver(*(cloud_event(order_id=str(uuid4())) for _ in range(30)))

    counts = []
    while count := run_batch(limit=7):
        counts.append(count)

    assert sum(counts) == 30
    assert max(counts) <= 7


@pytest.mark.django_db
def test_batch_needs_a_bounded_number_of_queries(django_assert_max_num_queries: Any) -> None:
    make_organization()
    events = [cloud_event(order_id=str(uuid4())) for _ in range(60)]
    deliver(*events)

    with django_assert_max_num_queries(60):
        assert run_batch(limit=300) == 60


@pytest.mark.django_db
def test_drain_applies_all_that_is_due_and_says_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    make_organization()
    deliver(*(cloud_event(order_id=str(uuid4())) for _ in range(12)))

    call_command("worker", "--drain")

    assert capsys.readouterr().out == "Applied 12 events.\n"
    assert Order.objects.count() == 12


# --- memory ----------------------------------------------------------------------------------------------

LARGE_TEXT = "x" * (claims.LARGE_BYTES + 1)


class Deadly:
    """A handler that dies of large events as a killed process would: nothing of its own is recorded."""

    def __init__(self, death: BaseException) -> None:
        self.death: BaseException | None = death
        self.batches: list[int] = []

    def __call__(self, events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
        self.batches.append(len(events))
        if self.death and any(
            event.payload["eventInfo"]["order"]["comment"] == LARGE_TEXT for event in events
        ):
            raise self.death
        return apply_deliveries(events, now)


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Deadly:
    handler = Deadly(KeyboardInterrupt())
    monkeypatch.setitem(handlers.HANDLERS, "DeliveryOrderUpdate", handler)
    return handler


@pytest.mark.django_db
@pytest.mark.parametrize(("most_bytes", "most_events"), [(20_000, 7), (1, 1)])
def test_batch_takes_no_more_text_than_its_limit(
    monkeypatch: pytest.MonkeyPatch, most_bytes: int, most_events: int
) -> None:
    make_organization()
    deliver(*(cloud_event(order_id=str(uuid4())) for _ in range(30)))
    monkeypatch.setattr(claims, "BATCH_BYTES", most_bytes)

    counts = []
    while count := run_batch():
        counts.append(count)

    assert sum(counts) == 30
    assert max(counts) == most_events


@pytest.mark.django_db
def test_large_event_is_applied_alone_and_counts_one_attempt(deadly: Deadly) -> None:
    deadly.death = None
    make_organization()
    deliver(*(cloud_event(order_id=str(uuid4())) for _ in range(3)), cloud_event(comment=LARGE_TEXT))

    assert run_batch() == 4

    assert deadly.batches == [3, 1]
    assert [(event.status, event.attempts, event.processing_error) for event in inbox()] == [
        ("processed", 1, "")
    ] * 4
    assert Order.objects.get(iiko_order_id=ORDER_ID).comment == LARGE_TEXT


@pytest.mark.django_db
def test_event_that_kills_its_worker_is_charged_and_dead_in_the_end(deadly: Deadly) -> None:
    make_organization()
    deliver(cloud_event(order_id=str(uuid4())), cloud_event(comment=LARGE_TEXT))
    attempts = []

    for _ in range(len(RETRY_PAUSES) + 1):
        with pytest.raises(KeyboardInterrupt):
            run_batch()
        attempts.append(inbox()[1].attempts)
        make_due()

    harmless, deadly_one = inbox()
    assert (harmless.status, harmless.attempts) == ("processed", 1)
    assert attempts == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (deadly_one.status, deadly_one.reason) == ("dead", "error")
    assert deadly_one.processing_error.startswith(
        "The worker ran out of memory or was stopped while applying this event"
    )
    assert run_batch() == 0
    assert not Order.objects.filter(iiko_order_id=ORDER_ID).exists()


@pytest.mark.django_db
def test_large_event_is_applied_once_there_is_memory(deadly: Deadly) -> None:
    make_organization()
    deliver(cloud_event(comment=LARGE_TEXT))
    with pytest.raises(KeyboardInterrupt):
        run_batch()
    deadly.death = None
    make_due()

    assert drain() == 1

    (event,) = inbox()
    assert (event.status, event.attempts, event.processing_error) == ("processed", 2, "")


@pytest.mark.django_db
def test_memory_error_of_a_handler_is_recorded_on_the_event(deadly: Deadly) -> None:
    deadly.death = MemoryError()
    make_organization()
    deliver(cloud_event(order_id=str(uuid4())), cloud_event(comment=LARGE_TEXT))

    assert run_batch() == 2

    harmless, large = inbox()
    assert harmless.status == "processed"
    assert (large.status, large.attempts, large.processing_error) == ("failed", 1, "MemoryError: ")


@pytest.mark.django_db
def test_large_event_the_database_cannot_hand_over_is_charged(
    deadly: Deadly, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    deliver(cloud_event(order_id=str(uuid4())), cloud_event(comment=LARGE_TEXT))
    monkeypatch.setattr(claims, "_ONE", "SELECT 1 / 0 WHERE %s > 0 AND %s > 0")

    assert drain() == 2

    assert [(event.status, event.attempts) for event in inbox()] == [("processed", 1), ("failed", 1)]


@pytest.mark.django_db
def test_batch_that_does_not_fit_into_memory_is_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    deliver(*(cloud_event(order_id=str(uuid4())) for _ in range(5)))
    room = [3]

    def loads(text: str) -> Any:
        room[0] -= 1
        if room[0] == 0:
            raise MemoryError
        return json.loads(text, parse_float=Decimal)

    monkeypatch.setattr("webhooks.processing.claims.loads", loads)

    assert run_batch() == 1
    assert drain() == 4
    assert [(event.status, event.attempts) for event in inbox()] == [("processed", 1)] * 5


# --- two at once -----------------------------------------------------------------------------------------


def in_threads(*works: Callable[[], None]) -> None:
    """Run each in a thread with a connection of its own; raises what any of them raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
def test_partition_in_work_is_left_to_its_worker() -> None:
    make_organization()
    deliver(cloud_event())
    (event,) = inbox()
    counts: list[int] = []

    with transaction.atomic():
        assert claims.claim([event.partition], limit=10).events[0].id == event.id
        in_threads(lambda: counts.append(run_batch()))

    assert counts == [0]
    assert run_batch() == 1


@pytest.mark.django_db(transaction=True)
def test_worker_that_dies_in_a_batch_leaves_everything_as_it_was() -> None:
    make_organization()
    deliver(cloud_event())

    def die() -> None:
        with transaction.atomic():
            batch = claims.claim(claims.busy_partitions(), limit=10)
            apply_deliveries(batch.events, timezone.now())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_threads(die)

    assert not Order.objects.exists()
    assert [event.status for event in inbox()] == ["pending"]
    assert drain() == 1
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_workers_on_the_same_orders_lose_no_change(round_: int) -> None:
    """SOI by external id and Cloud by iiko's id lie in different partitions, so their batches truly meet."""
    from tests.builders import soi_message

    make_organization()
    orders = [(str(uuid4()), f"S-{number}") for number in range(40)]
    for order_id, external in orders:
        deliver(
            *(
                cloud_event(
                    order_id=order_id, external_number=external, status=status, timestamp=REVISION + step
                )
                for step, status in enumerate(("WaitCooking", "CookingStarted", "OnWay", "Closed"))
            )
        )
        post(Client(), soi_message(kind="CREATE", external_id=external, order_id=None, orderStatus="WAITING"))
        post(Client(), soi_message(external_id=external, order_id=None, orderStatus="ON_WAY"))

    def work() -> None:
        for _ in range(2000):
            if run_batch(limit=9) == 0:
                if not WebhookEvent.objects.unfinished().exists():
                    return
                time.sleep(0.02)

    in_threads(work, work, work)

    assert set(WebhookEvent.objects.values_list("status", flat=True)) <= {"processed", "stale"}
    assert Order.objects.count() == 40
    for order in Order.objects.all():
        assert (order.status, order.amount_minor, order.revision) == ("Closed", 165100, REVISION + 3)
        assert order.soi_external_id == order.external_order_id
        assert order.restaurant_name == "Кафе «Сирень»"


@pytest.mark.django_db(transaction=True)
def test_connection_that_broke_since_the_last_webhook_is_replaced() -> None:
    make_organization()
    deliver(cloud_event())
    pid = connection.connection.info.backend_pid

    def terminate() -> None:
        with connection.cursor() as cursor:
            # Waits until it is gone: else it may go in the middle of a later test.
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            assert cursor.fetchone() == (True,)

    in_threads(terminate)
    deliver(cloud_event(order_id=str(uuid4())))

    assert len(inbox()) == 2


@pytest.mark.django_db(transaction=True)
def test_silent_holder_of_a_partition_is_ended_and_a_busy_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    deliver(cloud_event())
    holds, ended, failed = threading.Event(), threading.Event(), threading.Event()

    def silent(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
        results = apply_deliveries(events, now)
        holds.set()
        assert ended.wait(30)
        return results

    monkeypatch.setitem(handlers.HANDLERS, "DeliveryOrderUpdate", silent)

    def stalled() -> None:
        with pytest.raises(DatabaseError):
            run_batch()
        failed.set()

    def healthy() -> None:
        assert holds.wait(30)
        assert (run_batch(), claims.end_stalled_claims(silent_s=30)) == (0, 0)
        assert claims.end_stalled_claims(silent_s=0) == 1
        monkeypatch.setitem(handlers.HANDLERS, "DeliveryOrderUpdate", apply_deliveries)
        ended.set()
        assert failed.wait(30)
        assert run_batch() == 1

    in_threads(stalled, healthy)

    assert [(event.status, event.attempts) for event in inbox()] == [("processed", 1)]
    assert Order.objects.count() == 1
