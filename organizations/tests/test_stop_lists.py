"""Stop lists: a webhook says whose list changed, iiko is asked once, and intervals keep its answer."""

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListGroup, StopListItem, StopListReading
from organizations.stop_lists import refresh
from organizations.stop_lists.refresh import ListChange, note_changes, read_lists, sweep, want_all, want_lists
from tests.acting import HandClock
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    stop_list_event,
)
from tests.simulated_iiko import SimulatedIiko, linked, refusal

pytestmark = pytest.mark.django_db

SECOND_GROUP_ID = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9"
UNKNOWN_GROUP_ID = "2c3d4e5f-6071-4829-93a4-b5c6d7e8f9a0"
SOUP = "11aa22bb-33cc-44dd-95ee-66ff77008899"
PIZZA = "22bb33cc-44dd-45ee-86ff-770088991122"
LARGE = "33cc44dd-55ee-46ff-9700-889911223344"
TASK = "organizations.tasks.read_stop_lists"


def entry(product_id: str = SOUP, balance: Any = 0.0, **changes: Any) -> dict[str, Any]:
    """Make an entry of a list, as iiko writes it."""
    usual = {"productId": product_id, "balance": balance, "sizeId": None, "sku": None, "dateAdd": None}
    return usual | changes


def answered(
    *entries: dict[str, Any],
    group: str | None = TERMINAL_GROUP_ID,
    organization_id: str = ORGANIZATION_ID,
    more: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    items = [*([{"terminalGroupId": group, "items": list(entries)}] if group else []), *more]
    return {"terminalGroupStopLists": [{"organizationId": organization_id, "items": items}]}


class Restaurant:
    """A restaurant with two terminal groups, iiko as the test plays it, and the workers' clock."""

    def __init__(self, iiko: SimulatedIiko) -> None:
        self.iiko = iiko
        self.clock = HandClock()
        self.organization = linked(make_organization())
        make_terminal_group(self.organization)
        make_terminal_group(self.organization, iiko_id=SECOND_GROUP_ID, name="Сирень, вокзал")

    def changes(self, *groups: str, is_full: bool = False) -> None:
        """Apply a message, on the workers' clock."""
        named = groups or (TERMINAL_GROUP_ID,)
        note_changes([ListChange(ORGANIZATION_ID, group, is_full) for group in named], now=self.clock())

    def says(self, *entries: dict[str, Any], **more: Any) -> None:
        """Set what iiko answers from now on."""
        if self._has_answer:
            self.iiko.forget("stop_lists")
        self._has_answer = True
        self.iiko.answers("stop_lists", answered(*entries, **more))

    _has_answer = False

    def reads(self, *entries: dict[str, Any], **more: Any) -> datetime:
        """Report a change, let time pass and have a worker read these entries; return when."""
        self.says(*entries, **more)
        self.changes()
        self.clock.move(3)
        read_lists(ORGANIZATION_ID, clock=self.clock)
        return self.clock()

    @property
    def calls(self) -> list[Any]:
        return self.iiko.bodies("stop_lists")


@pytest.fixture
def restaurant(iiko: SimulatedIiko) -> Restaurant:
    return Restaurant(iiko)


def intervals(**where: Any) -> list[tuple[Any, ...]]:
    """List product, balance, whether it is out, since and until, of each row in the order of creation."""
    rows = StopListItem.objects.filter(**where).order_by("id")
    return [(one.product_id, one.balance, one.is_out_of_stock, one.since, one.until) for one in rows]


def reading() -> StopListReading:
    return StopListReading.objects.get(organization_id=ORGANIZATION_ID)


def jobs() -> list[tuple[str, datetime | None]]:
    rows = ProcrastinateJob.objects.filter(task_name=TASK).order_by("id")
    return [(job.args["organization_id"], job.scheduled_at) for job in rows]


# --- the message ---------------------------------------------------------------------------------------


def test_message_queues_a_job_and_makes_no_call(restaurant: Restaurant) -> None:
    assert post(Client(), [stop_list_event(is_full=True)]).status_code == 200
    drain()

    group = StopListGroup.objects.get()
    assert (group.terminal_group_id, group.changes, group.is_full) == (TERMINAL_GROUP_ID, 1, True)
    assert group.changed_since == group.changed_at
    assert [(event.status, event.reason) for event in inbox()] == [("processed", "")]
    assert restaurant.iiko.operations() == []
    assert group.changed_at is not None
    assert jobs() == [(ORGANIZATION_ID, group.changed_at + timedelta(seconds=2))]


def test_ten_messages_are_one_call(restaurant: Restaurant) -> None:
    restaurant.says(entry())
    for number in range(10):
        assert (
            post(Client(), [stop_list_event(event_time=f"2026-03-14 06:00:0{number}.000")]).status_code == 200
        )
        drain()
    assert [one for one, _at in jobs()] == [ORGANIZATION_ID]
    assert StopListGroup.objects.get().changes == 10

    restaurant.clock.move(12)
    for _ in range(3):
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert restaurant.calls == [
        {
            "organizationIds": [ORGANIZATION_ID],
            "terminalGroupsIds": [TERMINAL_GROUP_ID],
            "returnSize": True,
        }
    ]
    assert not StopListGroup.objects.due().exists()


def test_repeat_of_a_message_is_counted_and_costs_nothing(restaurant: Restaurant) -> None:
    for _ in range(3):
        post(Client(), [stop_list_event()])
    drain()

    assert (len(inbox()), StopListGroup.objects.get().changes, len(jobs())) == (1, 1, 1)


def test_messages_that_name_no_list_are_one_call_for_all(restaurant: Restaurant) -> None:
    restaurant.says(entry(), more=({"terminalGroupId": SECOND_GROUP_ID, "items": []},))
    for number in range(3):
        unclear = {"eventInfo": {"terminalGroupsStopListsUpdates": [{"isFull": True}] * number}}
        event = stop_list_event(event_time=f"2026-03-14 06:00:0{number}.000", envelope=unclear)
        post(Client(), [event])
        drain()
    assert [one for one, _at in jobs()] == [ORGANIZATION_ID]

    restaurant.clock.move(12)
    for _ in range(3):
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    (call,) = restaurant.calls
    assert call["terminalGroupsIds"] == sorted([TERMINAL_GROUP_ID, SECOND_GROUP_ID])
    assert not StopListGroup.objects.due().exists()


def test_message_of_an_unknown_restaurant_is_kept_with_a_reason() -> None:
    make_organization()

    post(Client(), [stop_list_event(organization_id=OTHER_ORGANIZATION_ID)])
    drain()

    assert [(one.status, one.reason) for one in inbox()] == [("ignored", "unknown_organization")]
    assert (StopListGroup.objects.count(), jobs()) == (0, [])


def test_full_is_remembered_until_the_list_is_read(restaurant: Restaurant) -> None:
    restaurant.changes(is_full=True)
    restaurant.changes()
    assert StopListGroup.objects.get().is_full

    restaurant.reads()
    restaurant.changes()

    assert not StopListGroup.objects.get().is_full


# --- when iiko is asked ----------------------------------------------------------------------------------


def test_worker_waits_until_it_is_quiet(restaurant: Restaurant) -> None:
    restaurant.says()
    restaurant.changes()
    restaurant.clock.move(1.5)
    restaurant.changes()
    restaurant.clock.move(1)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert restaurant.calls == []
    assert jobs()[-1][1] == restaurant.clock() + timedelta(seconds=1)

    restaurant.clock.move(1)
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert len(restaurant.calls) == 1


def test_stream_of_messages_does_not_starve_the_list(restaurant: Restaurant) -> None:
    restaurant.says()
    for _ in range(11):
        restaurant.changes()
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)
        restaurant.clock.move(1)

    assert len(restaurant.calls) == 1


def test_all_due_groups_of_a_restaurant_are_one_call(restaurant: Restaurant) -> None:
    restaurant.says()
    restaurant.changes(TERMINAL_GROUP_ID, SECOND_GROUP_ID)
    restaurant.clock.move(3)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert [call["terminalGroupsIds"] for call in restaurant.calls] == [
        sorted([TERMINAL_GROUP_ID, SECOND_GROUP_ID])
    ]


def test_group_that_is_not_known_here_is_not_named_to_iiko(restaurant: Restaurant) -> None:
    restaurant.says(entry(), group=UNKNOWN_GROUP_ID)
    restaurant.changes(UNKNOWN_GROUP_ID)
    restaurant.clock.move(3)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert restaurant.calls == [{"organizationIds": [ORGANIZATION_ID], "returnSize": True}]
    assert [row.terminal_group_id for row in StopListItem.objects.all()] == [UNKNOWN_GROUP_ID]
    assert not StopListGroup.objects.due().exists()


def test_change_during_the_call_causes_one_more(restaurant: Restaurant) -> None:
    def while_answering(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if len(restaurant.calls) == 0:
            restaurant.changes()
            # A second worker, meanwhile: the lease keeps it away.
            restaurant.clock.move(4)
            read_lists(ORGANIZATION_ID, clock=restaurant.clock)
        return 200, {}, json.dumps(answered(entry()))

    restaurant.iiko.mock.add_callback(
        "POST", "https://iiko.example/api/1/stop_lists", callback=while_answering
    )
    restaurant.changes()
    restaurant.clock.move(3)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert (len(restaurant.calls), StopListGroup.objects.due().count()) == (1, 1)

    restaurant.clock.move(3)
    for _ in range(2):
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert (len(restaurant.calls), StopListGroup.objects.due().count()) == (2, 0)


def test_nothing_due_asks_nothing(restaurant: Restaurant) -> None:
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    read_lists("no-such-restaurant", clock=restaurant.clock)

    assert restaurant.iiko.operations() == []


def test_restaurant_that_is_switched_off_is_not_asked_about(restaurant: Restaurant) -> None:
    restaurant.changes()
    Organization.objects.update(is_active=False)
    restaurant.clock.move(60)

    sweep(now=restaurant.clock())
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert (restaurant.iiko.operations(), len(jobs())) == ([], 1)


# --- failures --------------------------------------------------------------------------------------------


def test_failures_are_shown_and_retried_with_growing_pauses(restaurant: Restaurant) -> None:
    restaurant.iiko.answers("stop_lists", refusal("Busy"), status=400)
    restaurant.changes()
    restaurant.clock.move(3)
    began = restaurant.clock()
    pauses = []

    for _ in range(4):
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)
        retry_at = reading().retry_at
        assert retry_at is not None
        pauses.append((retry_at - restaurant.clock()).total_seconds())
        read_lists(ORGANIZATION_ID, clock=restaurant.clock)  # too early: nobody is asked
        assert jobs()[-1] == (ORGANIZATION_ID, retry_at)
        restaurant.clock.now = retry_at

    row = reading()
    assert (pauses, len(restaurant.calls)) == ([15, 30, 60, 120], 4)
    assert (row.failures, row.failing_since, row.error_code) == (4, began, "IikoRejected")
    assert "Busy" in row.error
    assert StopListGroup.objects.due().count() == 1

    restaurant.iiko.forget("stop_lists")
    restaurant.iiko.answers("stop_lists", answered(entry()))
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    row = reading()
    assert (row.failures, row.failing_since, row.retry_at, row.error, row.error_code) == (
        0,
        None,
        None,
        "",
        "",
    )
    assert (row.read_at, StopListGroup.objects.due().count()) == (restaurant.clock(), 0)


def test_429_is_obeyed(restaurant: Restaurant) -> None:
    restaurant.iiko.answers("stop_lists", refusal("Too many"), status=429, **{"Retry-After": "100"})
    restaurant.changes()
    restaurant.clock.move(3)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    row = reading()
    assert row.retry_at is not None
    assert 95 <= (row.retry_at - restaurant.clock()).total_seconds() <= 130
    assert (len(restaurant.calls), row.holder) == (1, "")


def test_without_a_login_it_waits_for_a_person_and_then_goes_on(iiko: SimulatedIiko) -> None:
    clock = HandClock()
    organization = make_organization()
    make_terminal_group(organization)
    note_changes([ListChange(ORGANIZATION_ID, TERMINAL_GROUP_ID, False)], now=clock())
    clock.move(3)

    read_lists(ORGANIZATION_ID, clock=clock)

    row = reading()
    assert (row.error_code, row.retry_at, row.failures) == ("no_api_login", None, 1)
    assert "has no API login" in row.error
    asked = len(jobs())
    for _ in range(5):
        clock.move(60)
        sweep(now=clock())
    assert (len(jobs()), iiko.operations()) == (asked, [])

    linked(organization)
    iiko.answers("stop_lists", answered(entry()))
    sweep(now=clock())
    assert len(jobs()) == asked + 1
    read_lists(ORGANIZATION_ID, clock=clock)
    assert (reading().error_code, len(intervals())) == ("", 1)


def test_answer_that_leaves_the_restaurant_out_empties_nothing(restaurant: Restaurant) -> None:
    restaurant.reads(entry())

    restaurant.reads(entry(), organization_id=OTHER_ORGANIZATION_ID)

    assert reading().error_code == "not_in_the_answer"
    assert (StopListItem.objects.current().count(), StopListItem.objects.count()) == (1, 1)


def test_killed_worker_is_followed_by_another(restaurant: Restaurant) -> None:
    restaurant.says(entry())
    restaurant.changes()
    restaurant.clock.move(3)
    StopListReading.objects.create(
        organization_id=ORGANIZATION_ID, holder="dead", lease_until=restaurant.clock() + refresh.LEASE
    )

    restaurant.clock.move(60)
    sweep(now=restaurant.clock())
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert (len(jobs()), restaurant.calls) == (1, [])

    restaurant.clock.move(60)
    sweep(now=restaurant.clock())
    assert len(jobs()) == 2
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    assert len(restaurant.calls) == 1


def test_worker_taken_for_dead_writes_nothing(restaurant: Restaurant) -> None:
    def while_answering(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        StopListReading.objects.update(holder="another")
        return 200, {}, json.dumps(answered(entry()))

    restaurant.iiko.mock.add_callback(
        "POST", "https://iiko.example/api/1/stop_lists", callback=while_answering
    )
    restaurant.changes()
    restaurant.clock.move(3)

    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert (intervals(), reading().holder, StopListGroup.objects.due().count()) == ([], "another", 1)


# --- by the clock and by hand ----------------------------------------------------------------------------


def test_all_restaurants_with_a_login_are_read_by_the_clock(restaurant: Restaurant) -> None:
    make_other_organization()  # has none
    restaurant.says(entry(SOUP), more=({"terminalGroupId": SECOND_GROUP_ID, "items": [entry(PIZZA)]},))

    assert want_all(now=restaurant.clock()) == 1
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert [call["terminalGroupsIds"] for call in restaurant.calls] == [
        sorted([TERMINAL_GROUP_ID, SECOND_GROUP_ID])
    ]
    assert {row.terminal_group_id: row.product_id for row in StopListItem.objects.all()} == {
        TERMINAL_GROUP_ID: SOUP,
        SECOND_GROUP_ID: PIZZA,
    }
    assert set(StopListGroup.objects.values_list("terminal_group_id", "read_at")) == {
        (TERMINAL_GROUP_ID, restaurant.clock()),
        (SECOND_GROUP_ID, restaurant.clock()),
    }


def test_command_of_a_person_ends_a_pause(restaurant: Restaurant) -> None:
    restaurant.iiko.answers("stop_lists", refusal("No"), status=400)
    restaurant.changes()
    restaurant.clock.move(3)
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    want_lists([ORGANIZATION_ID], now=restaurant.clock())
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert (len(restaurant.calls), reading().failures) == (2, 2)
    assert reading().wanted_at is not None


# --- what the rows say -----------------------------------------------------------------------------------


def test_entry_becomes_a_row_with_every_value(restaurant: Restaurant) -> None:
    restaurant.reads(
        entry(PIZZA, 2.5, sizeId=LARGE, sku="0017", dateAdd="2026-03-14 05:59:30.120"),
    )

    row = StopListItem.objects.get()
    assert (row.organization_id, row.terminal_group_id) == (ORGANIZATION_ID, TERMINAL_GROUP_ID)
    assert (row.product_id, row.size_id, row.sku) == (PIZZA, LARGE, "0017")
    assert (row.balance, row.is_out_of_stock) == (Decimal("2.5"), False)
    assert row.since == row.added_at == datetime(2026, 3, 14, 5, 59, 30, 120000, tzinfo=UTC)
    assert (row.is_since_told, row.until) == (True, None)


def test_product_without_a_date_counts_from_when_it_was_seen(restaurant: Restaurant) -> None:
    at = restaurant.reads(entry(), entry(PIZZA, dateAdd="0001-01-01 00:00:00.000"))

    assert intervals() == [(SOUP, 0, True, at, None), (PIZZA, 0, True, at, None)]
    assert [row.is_since_told for row in StopListItem.objects.all()] == [False, False]


def test_what_leaves_the_list_gets_an_end_and_may_come_back(restaurant: Restaurant) -> None:
    first = restaurant.reads(entry())
    second = restaurant.reads()
    third = restaurant.reads(entry())

    assert intervals() == [(SOUP, 0, True, first, second), (SOUP, 0, True, third, None)]


def test_running_low_and_running_out_are_two_intervals(restaurant: Restaurant) -> None:
    first = restaurant.reads(entry(balance=5))
    restaurant.reads(entry(balance=3))
    third = restaurant.reads(entry(balance=0))
    restaurant.reads(entry(balance=-1))
    fifth = restaurant.reads(entry(balance=4))

    assert intervals() == [
        (SOUP, 3, False, first, third),
        (SOUP, -1, True, third, fifth),
        (SOUP, 4, False, fifth, None),
    ]


def test_product_added_again_begins_an_interval_when_iiko_says(restaurant: Restaurant) -> None:
    first = restaurant.reads(entry())
    between = first + timedelta(seconds=1)
    restaurant.clock.move(60)

    restaurant.reads(entry(dateAdd="2026-03-14 05:00:00.000"))  # before: the interval lasts
    assert len(intervals()) == 1
    StopListItem.objects.update(added_at=first)
    between = between.replace(microsecond=123000)
    restaurant.reads(entry(dateAdd=f"{between:%Y-%m-%d %H:%M:%S}.123"))

    assert intervals() == [(SOUP, 0, True, first, between), (SOUP, 0, True, between, None)]


def test_reading_the_same_again_writes_nothing(restaurant: Restaurant) -> None:
    restaurant.reads(entry(dateAdd="2026-03-14 05:00:00.000"), entry(PIZZA, 3))
    before = list(StopListItem.objects.order_by("id").values())

    restaurant.reads(entry(PIZZA, 3), entry(dateAdd="2026-03-14 05:00:00.000"))

    assert list(StopListItem.objects.order_by("id").values()) == before


def test_list_that_iiko_leaves_out_is_empty_only_if_it_was_asked_for(restaurant: Restaurant) -> None:
    want_lists([ORGANIZATION_ID], now=restaurant.clock())
    restaurant.says(entry(), more=({"terminalGroupId": SECOND_GROUP_ID, "items": [entry(PIZZA)]},))
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    restaurant.reads(group=None)  # the first group only is due and asked for

    current = StopListItem.objects.current()
    assert [(row.terminal_group_id, row.product_id) for row in current] == [(SECOND_GROUP_ID, PIZZA)]


@pytest.mark.parametrize(
    "answer",
    [
        [{"items": []}],
        [{"terminalGroupId": SECOND_GROUP_ID, "items": None}],
        ["rubbish"],
        [{"terminalGroupId": TERMINAL_GROUP_ID, "items": [{"balance": 1}]}],
    ],
)
def test_what_cannot_be_read_ends_nothing_and_is_tried_again(
    restaurant: Restaurant, answer: list[Any]
) -> None:
    restaurant.reads(entry())

    restaurant.iiko.forget("stop_lists")
    restaurant.iiko.answers(
        "stop_lists", {"terminalGroupStopLists": [{"organizationId": ORGANIZATION_ID, "items": answer}]}
    )
    restaurant.changes()
    restaurant.clock.move(3)
    read_lists(ORGANIZATION_ID, clock=restaurant.clock)

    assert StopListItem.objects.current().count() == 1
    assert (reading().error_code, StopListGroup.objects.due().count()) == ("partly_unreadable", 1)


def test_unreadable_balance_is_shown_as_unknown(restaurant: Restaurant) -> None:
    restaurant.reads(entry(balance="a few"), entry(PIZZA, 1e300))

    assert [(row.balance, row.is_out_of_stock) for row in StopListItem.objects.all()] == [
        (None, False),
        (None, False),
    ]


@pytest.mark.parametrize("balances", [(3, 0), (0, 3), (3, None, 0)])
def test_product_told_twice_has_the_lesser_balance(restaurant: Restaurant, balances: tuple[Any, ...]) -> None:
    restaurant.reads(*(entry(balance=balance) for balance in balances))

    assert [row[:3] for row in intervals()] == [(SOUP, 0, True)]


def test_time_out_of_stock_is_the_sum_of_the_intervals(restaurant: Restaurant) -> None:
    first = restaurant.reads(entry(balance=0))
    restaurant.clock.move(600)
    second = restaurant.reads(entry(balance=3))
    restaurant.clock.move(600)
    third = restaurant.reads(entry(balance=0))
    restaurant.clock.move(60)
    now = restaurant.clock()

    rows = StopListItem.objects.within(first, now).timed(first, now).order_by("id")
    assert [row.out_for for row in rows] == [second - first, timedelta(), now - third]  # type: ignore[attr-defined]
    half = StopListItem.objects.within(second, now).timed(second, now)
    assert {row.out_for for row in half} == {timedelta(), now - third}  # type: ignore[attr-defined]


# --- two workers -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_ask_at_once(iiko: SimulatedIiko) -> None:
    restaurant = Restaurant(iiko)
    restaurant.says(entry())
    restaurant.changes()
    restaurant.clock.move(3)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            read_lists(ORGANIZATION_ID, clock=restaurant.clock)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(restaurant.calls), StopListItem.objects.count()) == (1, 1)
