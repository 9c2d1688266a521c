"""The inbox in partitions by month: where a row lies, repeats over months, and a month that goes whole."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from tests.builders import cloud_event, drain, inbox, make_organization, post, soi_message
from webhooks.models.inbox import EventStatus, WebhookEvent
from webhooks.processing import months
from webhooks.processing.months import drop_months, forget_lost_keys, make_months
from webhooks.processing.retention import forget_old_events
from webhooks.replay import replay_event

JANUARY = datetime(2031, 1, 10, 12, tzinfo=UTC)
FEBRUARY = datetime(2031, 2, 10, 12, tzinfo=UTC)
LATER = datetime(2031, 2, 20, tzinfo=UTC)
"""With ``DAYS`` January lies wholly behind the retention, and of February nothing but its first days."""
DAYS = 15

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_months() -> list[str]:
    return make_months(now=JANUARY)[:2]


def bring(client: Client, *events: object, received: datetime, status: str = "") -> list[int]:
    """Deliver and apply; the events then look as if they had come at ``received``."""
    before = set(WebhookEvent.objects.values_list("pk", flat=True))
    for event in events:
        assert post(client, event).status_code == 200
    drain()
    new = WebhookEvent.objects.exclude(pk__in=before)
    pks = list(new.order_by("pk").values_list("pk", flat=True))
    changes = {"status": status} if status else {}
    WebhookEvent.objects.filter(pk__in=pks).update(received_at=received, **changes)
    check_now()
    return pks


def check_now() -> None:
    """Check what waits for the end of the transaction: it is in the way of changing tables."""
    connection.check_constraints()


def select(statement: str, *parameters: str | int | datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def partition_of(pk: int) -> str:
    [(name,)] = select("SELECT tableoid::regclass::text FROM webhook_events WHERE id = %s", pk)
    return str(name)


def keys() -> int:
    [(count,)] = select("SELECT count(*) FROM webhook_event_keys")
    return int(count)


def counts() -> list[tuple[int, int]]:
    return [(event.pk, event.duplicates) for event in inbox()]


# --- where rows lie ------------------------------------------------------------------------------------


def test_this_month_and_two_ahead_are_made_once() -> None:
    now = datetime(2031, 11, 30, 23, 59, tzinfo=UTC)

    assert make_months(now=now) == [
        "webhook_events_2031_11",
        "webhook_events_2031_12",
        "webhook_events_2032_01",
    ]
    assert make_months(now=now) == []
    assert make_months(now=now + timedelta(minutes=1)) == ["webhook_events_2032_02"]


def test_clock_that_jumped_leaves_no_month_out() -> None:
    make_months(now=datetime(2035, 6, 1, tzinfo=UTC))

    assert make_months(now=JANUARY) == [f"webhook_events_2031_0{month}" for month in (1, 2, 3)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Yekaterinburg", "America/New_York"])
def test_months_end_at_midnight_utc_wherever_the_server_stands(zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
    make_months(now=JANUARY)
    edge = datetime(2031, 2, 1, tzinfo=UTC)

    last = WebhookEvent.objects.create(dedup_key="last", received_at=edge - timedelta(microseconds=1))
    first = WebhookEvent.objects.create(dedup_key="first", received_at=edge)

    assert (partition_of(last.pk), partition_of(first.pk)) == (
        "webhook_events_2031_01",
        "webhook_events_2031_02",
    )
    assert make_months(now=JANUARY) == []


def test_event_without_a_month_is_kept_and_moves_into_its_month(client: Client) -> None:
    make_organization()
    (pk,) = bring(client, [cloud_event()], received=JANUARY)
    assert partition_of(pk) == "webhook_events_other"
    before = WebhookEvent.objects.filter(pk=pk).values().get()

    make_months(now=JANUARY)

    assert partition_of(pk) == "webhook_events_2031_01"
    assert WebhookEvent.objects.filter(pk=pk).values().get() == before
    post(client, [cloud_event()])
    assert counts() == [(pk, 1)]


# --- repeats -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_months")
@pytest.mark.parametrize("event", [cloud_event(), soi_message()], ids=["Cloud", "SOI"])
def test_repeat_in_another_month_is_counted_on_its_row(client: Client, event: object) -> None:
    make_organization()
    (pk,) = bring(client, event, received=JANUARY)

    assert bring(client, event, [cloud_event(order_id="2"), cloud_event(order_id="2")], received=FEBRUARY)

    assert [(row.duplicates, row.received_at) for row in inbox()] == [(1, JANUARY), (1, FEBRUARY)]
    assert inbox()[0].pk == pk
    assert keys() == 2


def test_deleted_event_takes_its_key_along(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(), cloud_event(order_id="2")], received=JANUARY)

    WebhookEvent.objects.filter(entity_key="2").delete()

    assert keys() == 1
    (news,) = bring(client, [cloud_event(order_id="2")], received=JANUARY)
    assert [(event.pk, event.duplicates) for event in inbox()][1:] == [(news, 0)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("commits", [True, False])
def test_same_body_in_two_processes_waits_for_the_first(client: Client, commits: bool) -> None:
    make_organization()
    first_is_in, answer = threading.Event(), threading.Event()

    def first() -> None:
        try:
            with transaction.atomic():
                post(Client(), [cloud_event()])
                first_is_in.set()
                answer.wait(20)
                transaction.set_rollback(not commits)
        finally:
            connection.close()

    def second() -> None:
        try:
            post(Client(), [cloud_event()])
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for work in (first, second)]
    threads[0].start()
    assert first_is_in.wait(20)
    threads[1].start()
    wait_until(lambda: bool(select("SELECT 1 FROM pg_locks WHERE NOT granted")))
    answer.set()
    for thread in threads:
        thread.join()

    assert [event.duplicates for event in inbox()] == [int(commits)]
    assert keys() == 1


def wait_until(is_so: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(400):
        if is_so():
            return
        pause.wait(0.02)
    pytest.fail("It did not come about.")


# --- a month that goes ---------------------------------------------------------------------------------


@pytest.fixture(params=["dropped", "row by row"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a month go both ways: what stays is the same."""
    if request.param == "row by row":
        monkeypatch.setattr(months, "KEPT_AT_MOST", -1)
    return str(request.param)


@pytest.mark.usefixtures("two_months")
def test_dropped_month_leaves_what_has_to_stay(client: Client, way: str) -> None:
    make_organization()
    bring(client, [cloud_event(order_id=f"gone-{at}") for at in range(3)], received=JANUARY)
    waiting = bring(client, [cloud_event(order_id=f"waiting-{at}") for at in range(3)], received=JANUARY)
    (original,) = bring(client, [cloud_event(order_id="replayed")], received=JANUARY)
    replay = replay_event(event_id=original).pk
    (mended,) = bring(client, [cloud_event(order_id="mended")], received=JANUARY)
    mending = replay_event(event_id=mended).pk
    drain()
    WebhookEvent.objects.filter(pk=mended).update(status=EventStatus.DEAD)
    WebhookEvent.objects.filter(pk=replay).update(received_at=FEBRUARY)
    WebhookEvent.objects.filter(pk=mending).update(received_at=JANUARY)
    soi_dead = bring(client, soi_message(orderStatus="ON_WAY"), received=JANUARY, status=EventStatus.DEAD)
    soi_after = bring(client, soi_message(orderStatus="WAITING"), received=JANUARY)
    (fresh,) = bring(client, [cloud_event(order_id="fresh")], received=FEBRUARY)
    for pk, status in zip(waiting, (EventStatus.PENDING, EventStatus.FAILED, EventStatus.DEAD), strict=True):
        WebhookEvent.objects.filter(pk=pk).update(status=status)
    check_now()

    assert forget_old_events(days=DAYS, now=LATER) == 3

    kept = [*waiting, original, replay, mended, mending, *soi_dead, *soi_after, fresh]
    assert [event.pk for event in inbox()] == sorted(kept)
    place = "webhook_events_2031_01" if way == "row by row" else "webhook_events_other"
    assert {partition_of(pk) for pk in {*kept} - {replay, fresh}} == {place}
    assert keys() == len(kept)


@pytest.mark.usefixtures("two_months")
def test_after_a_month_went_repeats_of_what_stayed_are_repeats_and_others_are_new(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(order_id="gone")], received=JANUARY)
    (dead,) = bring(client, [cloud_event(order_id="dead")], received=JANUARY, status=EventStatus.DEAD)
    forget_old_events(days=DAYS, now=LATER)

    (new,) = bring(client, [cloud_event(order_id="gone"), cloud_event(order_id="dead")], received=LATER)

    assert counts() == [(dead, 1), (new, 0)]


@pytest.mark.usefixtures("two_months")
def test_nothing_goes_while_a_day_of_the_month_is_kept(client: Client) -> None:
    make_organization()
    last = datetime(2031, 1, 31, 23, tzinfo=UTC)
    _old, young = bring(client, [cloud_event(), cloud_event(order_id="2")], received=JANUARY)
    WebhookEvent.objects.filter(pk=young).update(received_at=last)

    assert forget_old_events(days=DAYS, now=last + timedelta(days=DAYS)) == 1

    assert [event.pk for event in inbox()] == [young]
    assert partition_of(young) == "webhook_events_2031_01"


@contextmanager
def killed_at(beginning: str) -> Iterator[None]:
    """End the connection's work at a statement, as a worker that is killed ends."""

    def wrapper(execute: Any, sql: str, *args: Any) -> Any:
        if sql.lstrip().startswith(beginning):
            raise OperationalError("killed")
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper), pytest.raises(OperationalError, match="killed"):
        yield


@pytest.mark.usefixtures("two_months")
@pytest.mark.parametrize(
    "statement", ["LOCK", "ALTER TABLE webhook_events DETACH", "INSERT INTO webhook_events", "DROP TABLE"]
)
def test_worker_killed_while_it_drops_a_month_changed_nothing(client: Client, statement: str) -> None:
    make_organization()
    pks = bring(client, [cloud_event(), cloud_event(order_id="2")], received=JANUARY)

    with killed_at(statement):
        forget_old_events(days=DAYS, now=LATER)

    assert [event.pk for event in inbox()] == pks
    assert {partition_of(pk) for pk in pks} == {"webhook_events_2031_01"}
    assert forget_old_events(days=DAYS, now=LATER) == 2


@pytest.mark.usefixtures("two_months")
def test_worker_killed_before_the_keys_went_makes_no_event_a_repeat_of_nothing(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(), cloud_event(order_id="2")], received=JANUARY)
    with killed_at("DELETE FROM webhook_event_keys"):
        forget_old_events(days=DAYS, now=LATER)
    assert (WebhookEvent.objects.count(), keys()) == (0, 2)

    (again,) = bring(client, [cloud_event()], received=LATER)
    post(client, [cloud_event()])

    assert counts() == [(again, 1)]
    forget_lost_keys()
    assert keys() == 1


@pytest.mark.django_db(transaction=True)
def test_month_in_use_waits_and_its_rows_go_one_by_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    monkeypatch.setattr(months, "_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    bring(client, [cloud_event()], received=datetime(2020, 1, 1, tzinfo=UTC))
    there = months.months()
    other = connection.copy()

    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE webhook_events IN ACCESS SHARE MODE")
            assert forget_old_events(days=DAYS, now=LATER) == 1
            cursor.execute("ROLLBACK")
    finally:
        other.close()

    assert inbox() == []
    assert months.months() == there


def test_month_of_which_too_much_stays_is_not_dropped(
    client: Client, two_months: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    monkeypatch.setattr(months, "KEPT_AT_MOST", 1)
    bring(client, [cloud_event(), cloud_event(order_id="2")], received=JANUARY, status=EventStatus.DEAD)

    assert drop_months(before=LATER - timedelta(days=DAYS)) == 0

    assert two_months[0] in [month.name for month in months.months()]
