"""What counts as the same message, and that nothing that differs is taken for it."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from iiko_client.models.events import read_envelope
from orders.models.order import Order
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    TOKEN,
    cloud_event,
    cloud_order,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import inbox as inbox_service
from webhooks.receiving.inbox import dedup_key, store
from webhooks.receiving.insert import NewEvent
from webhooks.replay import replay_event

pytestmark = pytest.mark.django_db


def rows() -> list[tuple[Any, ...]]:
    return [(event.entity_key, event.revision, event.duplicates) for event in inbox()]


def soi_timeline(client: Client, *statuses: str) -> list[tuple[str, int]]:
    """Deliver one SOI body per status; returns what is stored of them."""
    for status in statuses:
        assert post(client, soi_message(orderStatus=status)).status_code == 200
    return soi_rows()


def soi_rows() -> list[tuple[str, int]]:
    return [
        (event.payload["iikoOrderDetails"]["orderStatus"], event.duplicates)
        for event in inbox()
        if event.format == "soi"
    ]


# --- Cloud -------------------------------------------------------------------------------------------


def test_identical_body_is_counted_on_its_row(client: Client) -> None:
    make_organization()

    answers = [post(client, [cloud_event()]).json() for _ in range(3)]

    assert answers == [{"status": "OK"}] * 3
    assert rows() == [(ORDER_ID, REVISION, 2)]


def test_same_event_with_another_event_time_is_a_repeat(client: Client) -> None:
    make_organization()
    post(client, [cloud_event(event_time="2026-03-14 13:54:53.100")])
    post(client, [cloud_event(event_time="2026-03-14 13:59:00.000", correlation_id="another")])

    assert rows() == [(ORDER_ID, REVISION, 1)]
    assert inbox()[0].event_time.isoformat() == "2026-03-14T13:54:53.100000+00:00"


def test_same_event_inside_another_array_is_a_repeat(client: Client) -> None:
    make_organization()
    post(client, cloud_event())
    post(client, [cloud_event(order_id="other"), cloud_event(), cloud_event(order_id="third")])

    assert rows() == [(ORDER_ID, REVISION, 1), ("other", REVISION, 0), ("third", REVISION, 0)]


def test_repeats_within_one_body_are_counted(client: Client) -> None:
    make_organization()

    post(client, [cloud_event(), cloud_event(order_id="other"), cloud_event(), cloud_event()])

    assert rows() == [(ORDER_ID, REVISION, 2), ("other", REVISION, 0)]


def test_repeats_of_a_stored_event_within_one_body_are_all_counted(client: Client) -> None:
    make_organization()
    post(client, [cloud_event()])
    post(client, [cloud_event(), cloud_event()])

    assert rows() == [(ORDER_ID, REVISION, 2)]


def test_order_of_keys_does_not_matter(client: Client) -> None:
    make_organization()
    event = cloud_event()
    event["eventInfo"] = dict(reversed(event["eventInfo"].items()))
    post(client, [cloud_event()])
    post(client, [dict(reversed(event.items()))])

    assert rows() == [(ORDER_ID, REVISION, 1)]


def test_white_space_and_escapes_do_not_matter(client: Client) -> None:
    make_organization()
    post(client, json.dumps([cloud_event()], ensure_ascii=True, indent=2))
    post(client, json.dumps([cloud_event()], ensure_ascii=False, separators=(",", ":")))

    assert rows() == [(ORDER_ID, REVISION, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": REVISION + 1},
        {"event_type": "DeliveryOrderError"},
        {"order_id": "other"},
        {"status": "OnWay"},
        {"order": None},
        {"external_number": None},
        {"info": {"newField": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_event_that_differs_is_another_row(client: Client, change: dict[str, Any]) -> None:
    make_organization()
    post(client, [cloud_event()])
    post(client, [cloud_event(**change)])

    assert [event.duplicates for event in inbox()] == [0, 0]


def test_same_content_of_two_organizations_is_two_rows(client: Client) -> None:
    make_organization()
    make_other_organization(token=TOKEN)
    event = cloud_event()

    post(client, [event, event | {"organizationId": OTHER_ORGANIZATION_ID}])

    assert [(row.organization_id, row.duplicates) for row in inbox()] == [
        (ORGANIZATION_ID, 0),
        (OTHER_ORGANIZATION_ID, 0),
    ]


def shift(opened: bool, event_time: Any) -> dict[str, Any]:
    """Make an event of a type without a revision of its own."""
    return {
        "eventType": "PersonalShift",
        "eventTime": event_time,
        "organizationId": ORGANIZATION_ID,
        "correlationId": "c",
        "eventInfo": {"id": "e", "roleId": None, "opened": opened, "terminalGroupId": "t"},
    }


def test_event_without_revision_is_told_apart_by_its_time(client: Client) -> None:
    make_organization()
    first, second = "2026-03-14 08:00:00.000", "2026-03-15 08:00:00.000"

    post(client, [shift(True, first), shift(True, second), shift(True, first)])

    assert [(event.payload["eventTime"], event.duplicates) for event in inbox()] == [(first, 1), (second, 0)]


def test_event_whose_time_cannot_be_read_is_told_apart_by_its_text(client: Client) -> None:
    make_organization()

    post(client, [shift(True, 1773496492930), shift(True, 1773496999999), shift(True, 1773496492930)])

    assert [(event.payload["eventTime"], event.duplicates) for event in inbox()] == [
        (1773496492930, 1),
        (1773496999999, 0),
    ]


def test_events_without_content_are_told_apart_by_the_rest(client: Client) -> None:
    make_organization()

    post(client, [{"eventType": "X", "n": 1}, {"eventType": "X", "n": 2}, {"eventType": "X", "n": 1}])

    assert [(event.payload["n"], event.duplicates) for event in inbox()] == [(1, 1), (2, 0)]


def test_repeat_changes_nothing_of_the_row_but_its_count(client: Client) -> None:
    make_organization()
    post(client, [cloud_event()])
    WebhookEvent.objects.update(status="processed", attempts=1)
    before = WebhookEvent.objects.values().get()

    post(client, [cloud_event(correlation_id="another")])

    assert WebhookEvent.objects.values().get() == before | {"duplicates": 1}


def test_key_of_two_neighbouring_fields_does_not_run_together() -> None:
    one = read_envelope({"eventType": "AB", "organizationId": "C"})
    two = read_envelope({"eventType": "A", "organizationId": "BC"})

    assert dedup_key(one) != dedup_key(two)


# --- SOI ---------------------------------------------------------------------------------------------


def test_soi_body_at_once_again_is_a_repeat(client: Client) -> None:
    make_organization()

    assert soi_timeline(client, "ON_WAY", "ON_WAY", "ON_WAY") == [("ON_WAY", 2)]


def test_soi_status_that_comes_back_is_news(client: Client) -> None:
    make_organization()

    assert soi_timeline(client, "ON_WAY", "WAITING", "ON_WAY") == [
        ("ON_WAY", 0),
        ("WAITING", 0),
        ("ON_WAY", 0),
    ]


def test_soi_status_that_comes_back_is_counted_there(client: Client) -> None:
    make_organization()

    assert soi_timeline(client, "ON_WAY", "WAITING", "ON_WAY", "ON_WAY", "WAITING", "WAITING") == [
        ("ON_WAY", 0),
        ("WAITING", 0),
        ("ON_WAY", 1),
        ("WAITING", 1),
    ]


def test_soi_body_after_a_cloud_event_of_the_order_is_news(client: Client) -> None:
    make_organization()
    soi_timeline(client, "ON_WAY")
    post(client, [cloud_event()])
    soi_timeline(client, "ON_WAY")

    assert soi_rows() == [("ON_WAY", 0), ("ON_WAY", 0)]


def test_soi_body_after_a_cloud_event_of_another_order_is_a_repeat(client: Client) -> None:
    make_organization()
    soi_timeline(client, "ON_WAY")
    post(client, [cloud_event(order_id="other")])
    soi_timeline(client, "ON_WAY")

    assert soi_rows() == [("ON_WAY", 1)]


def test_soi_body_after_a_cloud_event_in_the_same_array_is_news(client: Client) -> None:
    make_organization()

    post(client, [soi_message(orderStatus="ON_WAY"), cloud_event(), soi_message(orderStatus="ON_WAY")])

    assert [event.format for event in inbox()] == ["soi", "cloud", "soi"]


def test_soi_timeline_in_one_array_is_told_as_over_several(client: Client) -> None:
    make_organization()
    statuses = ["ON_WAY", "ON_WAY", "WAITING", "ON_WAY", "ON_WAY"]

    post(client, [soi_message(orderStatus=status) for status in statuses])

    assert soi_rows() == [("ON_WAY", 1), ("WAITING", 0), ("ON_WAY", 1)]


def test_soi_array_goes_on_where_the_last_body_ended(client: Client) -> None:
    make_organization()
    soi_timeline(client, "WAITING", "ON_WAY")

    post(client, [soi_message(orderStatus=status) for status in ("ON_WAY", "WAITING")])

    assert soi_rows() == [("WAITING", 0), ("ON_WAY", 1), ("WAITING", 0)]


def test_soi_timelines_of_two_orders_do_not_mix(client: Client) -> None:
    make_organization()
    one, two = soi_message(), soi_message(order_id="two", external_id="20260314-200")

    post(client, [one, two, one, two])

    assert [event.duplicates for event in inbox()] == [1, 1]


def test_soi_order_is_known_by_its_external_id_alone(client: Client) -> None:
    make_organization()
    nameless = soi_message(order_id=None, orderStatus="WAITING")

    post(client, nameless)
    post(client, soi_message(orderStatus="ON_WAY"))
    post(client, nameless)

    assert soi_rows() == [("WAITING", 0), ("ON_WAY", 0), ("WAITING", 0)]


def test_soi_body_that_names_no_order_is_stored_once(client: Client) -> None:
    make_organization()
    body = {"type": "UPDATE", "iikoOrderDetails": {"orderStatus": "ON_WAY"}}

    post(client, body)
    post(client, body)

    assert soi_rows() == [("ON_WAY", 1)]


def test_replay_in_between_does_not_make_a_soi_repeat_news(client: Client) -> None:
    make_organization()
    soi_timeline(client, "ON_WAY")
    WebhookEvent.objects.update(status="processed")
    replay_event(event_id=inbox()[0].pk)

    post(client, soi_message(orderStatus="ON_WAY"))

    assert [(event.source, event.duplicates) for event in inbox()] == [("webhook", 1), ("replay", 0)]


# --- another's token ---------------------------------------------------------------------------------


def test_event_under_anothers_token_is_kept_and_not_applied(client: Client) -> None:
    make_organization()
    make_other_organization()

    assert post(client, [cloud_event()], OTHER_TOKEN).json() == {"status": "OK"}

    (event,) = inbox()
    assert (event.status, event.reason, event.organization_id) == (
        "ignored",
        "foreign_token",
        ORGANIZATION_ID,
    )
    assert event.payload == cloud_event()


def test_event_under_anothers_token_does_not_shadow_the_true_one(client: Client) -> None:
    make_organization()
    make_other_organization()

    for token in (OTHER_TOKEN, OTHER_TOKEN, TOKEN, TOKEN, OTHER_TOKEN):
        post(client, [cloud_event()], token)

    assert [(event.status, event.duplicates) for event in inbox()] == [("ignored", 2), ("pending", 1)]


def test_soi_under_anothers_token_neither_shadows_nor_parts_the_true_ones(client: Client) -> None:
    make_organization()
    make_other_organization()

    for token in (OTHER_TOKEN, TOKEN, OTHER_TOKEN, TOKEN, OTHER_TOKEN):
        post(client, soi_message(), token)

    true = [event for event in inbox() if event.reason == ""]
    assert [(event.status, event.duplicates) for event in true] == [("pending", 1)]
    assert all(event.status == "ignored" for event in inbox() if event.reason == "foreign_token")


def test_soi_forgery_in_the_same_array_does_not_part_the_true_ones(client: Client) -> None:
    make_organization()
    make_other_organization()
    true = soi_message(organization_id=OTHER_ORGANIZATION_ID)

    post(client, [true, soi_message(), true], OTHER_TOKEN)

    assert [(event.reason, event.duplicates) for event in inbox()] == [("", 1), ("foreign_token", 0)]


def test_organization_nobody_has_set_up_is_said_to_be_unknown_whatever_the_token(client: Client) -> None:
    make_organization()

    post(client, [cloud_event(organization_id="somebody-else"), cloud_event()])

    unknown, known = inbox()
    assert (unknown.status, unknown.reason) == ("ignored", "unknown_organization")
    assert unknown.processing_error == (
        "Organization somebody-else is not set up, and the token was another's. Add the organization "
        "(manage.py add_organization), then replay this event if it is genuine."
    )
    assert (known.status, known.reason) == ("pending", "")


def test_event_of_an_organization_added_later_waits_for_a_person(client: Client) -> None:
    make_organization()
    post(client, [cloud_event(organization_id=OTHER_ORGANIZATION_ID)])
    make_other_organization()

    assert drain() == 0
    assert not Order.objects.exists()
    call_command("replay_webhooks", status=["ignored"], organization=OTHER_ORGANIZATION_ID)
    drain()

    assert [(event.source, event.status) for event in inbox()] == [
        ("webhook", "ignored"),
        ("replay", "processed"),
    ]
    assert Order.objects.get().organization_id == OTHER_ORGANIZATION_ID


@pytest.mark.parametrize("message", [cloud_event, soi_message])
def test_event_kept_before_its_organization_came_does_not_shadow_the_true_one(
    client: Client, message: Callable[..., dict[str, Any]]
) -> None:
    make_organization()
    post(client, [message(organization_id=OTHER_ORGANIZATION_ID)])
    make_other_organization()

    for token in (OTHER_TOKEN, OTHER_TOKEN, TOKEN):
        post(client, [message(organization_id=OTHER_ORGANIZATION_ID)], token)

    true = [event for event in inbox() if event.reason == ""]
    assert [(event.status, event.duplicates) for event in true] == [("pending", 1)]


def test_strangers_cost_one_query_for_a_whole_body(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    make_organization()
    post(client, [cloud_event()])

    with django_assert_max_num_queries(8):
        post(client, [cloud_event(organization_id=f"stranger-{at}") for at in range(50)])

    assert [event.reason for event in inbox()[1:]] == ["unknown_organization"] * 50


def test_soi_messages_of_many_orders_are_looked_up_together(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    make_organization()
    messages = [soi_message(external_id=f"S-{at}", order_id=f"o-{at}") for at in range(60)]
    post(client, messages[:20])

    with django_assert_max_num_queries(8):
        post(client, messages)

    assert [event.duplicates for event in inbox()] == [1] * 20 + [0] * 40


# --- order and many at once --------------------------------------------------------------------------


def test_ids_follow_the_order_within_the_body(client: Client) -> None:
    make_organization()
    names = [f"order-{at}" for at in range(120)]

    post(client, [cloud_event(order_id=name, order=None) for name in names])

    assert [event.entity_key for event in inbox()] == names


def test_body_larger_than_one_statement_is_stored_whole(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    monkeypatch.setattr(inbox_service, "_CHUNK", 7)
    names = [f"order-{at}" for at in range(30)]
    body = [cloud_event(order_id=name, order=None) for name in names]

    post(client, [*body, *body[:10]])

    assert [(event.entity_key, event.duplicates) for event in inbox()] == [
        (name, int(at < 10)) for at, name in enumerate(names)
    ]


@pytest.mark.django_db(transaction=True)
def test_two_bodies_with_the_same_events_in_opposite_order_lose_nothing() -> None:
    make_organization()
    rounds, size = 6, 50
    errors: list[Any] = []
    start = threading.Barrier(2)

    def deliver(*, backwards: bool) -> None:
        try:
            for turn in range(rounds):
                body = [cloud_event(order_id=f"{turn}-{at}", order=None) for at in range(size)]
                start.wait(20)
                response = post(Client(), body[::-1] if backwards else body)
                if response.status_code != 200:
                    errors.append(response.content)
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            errors.append(error)
            start.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver, kwargs={"backwards": side}) for side in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert WebhookEvent.objects.count() == rounds * size
    assert set(WebhookEvent.objects.values_list("duplicates", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_same_soi_body_from_many_at_once_is_one_row() -> None:
    make_organization()
    start = threading.Barrier(6)
    answers: list[int] = []

    def deliver() -> None:
        try:
            start.wait(20)
            answers.append(post(Client(), soi_message()).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 6
    assert soi_rows() == [("COOKING_STARTED", 5)]


class _Deadlock(Exception):
    sqlstate = "40P01"


def deadlocks(times: int) -> Any:
    left = iter(range(times))

    def wrapper(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("INSERT INTO webhook_events") and next(left, None) is not None:
            raise OperationalError("deadlock detected") from _Deadlock()
        return execute(sql, *args)

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)
def test_deadlock_is_tried_again_and_repeats_are_counted_once(client: Client) -> None:
    make_organization()

    with deadlocks(3):
        response = post(client, [cloud_event(), cloud_event(), cloud_event(order_id="other")])

    assert response.status_code == 200
    assert rows() == [(ORDER_ID, REVISION, 1), ("other", REVISION, 0)]


@pytest.mark.django_db(transaction=True)
def test_endless_deadlock_is_not_answered_with_200(client: Client) -> None:
    make_organization()

    with deadlocks(100):
        response = post(client, [cloud_event(), cloud_event(order_id="other")])

    assert (response.status_code, rows()) == (503, [])


@pytest.mark.django_db(transaction=True)
def test_event_that_the_database_refuses_is_kept_raw_and_hurts_no_other() -> None:
    good = cloud_event(order=cloud_order())
    events = [
        NewEvent(read_envelope(good), json.dumps(good), "good"),
        NewEvent(read_envelope(good), json.dumps(good), "good"),
        NewEvent(read_envelope({"eventType": "Y"}), '{"eventType": "Y", "n": 1e140000}', "bad"),
    ]

    assert store(events) == 2

    first, second = inbox()
    assert (first.payload, first.duplicates, first.status) == (good, 1, "pending")
    assert (second.status, second.reason, second.payload) == ("ignored", "not_storable", None)
    assert bytes(second.raw_body) == b'{"eventType": "Y", "n": 1e140000}'
    assert second.processing_error == "value overflows numeric format"
