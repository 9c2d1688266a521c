"""Bringing stored events in again: over the API and with ``replay_webhooks``."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from orders.models.order import Order
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    TOKEN,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db


def replay(pk: int, key: str | None = None) -> Any:
    headers = authorized(key or make_key())
    return Client().post(f"/api/v1/webhooks/events/{pk}/replay", headers=headers)


def deliver(*bodies: Any, token: str = TOKEN) -> list[int]:
    for body in bodies:
        post(Client(), body, token)
    return [event.pk for event in inbox()]


def sources_and_statuses() -> list[tuple[str, str]]:
    return [(event.source, event.status) for event in inbox()]


# --- over the API ------------------------------------------------------------------------------------


def test_replay_is_a_row_of_its_own_that_waits() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()

    response = replay(pk)

    original, again = inbox()
    body = response.json()
    assert response.status_code == 202
    assert body["id"] == again.pk
    assert (body["source"], body["status"], body["replay_of_id"]) == ("replay", "pending", pk)
    assert body["payload"] == cloud_event()
    assert (original.status, original.duplicates) == ("processed", 0)
    copied = ["event_type", "format", "organization_id", "entity_key", "order_external_id"]
    copied += ["correlation_id", "event_time", "revision", "digest", "payload", "partition"]
    assert {name: getattr(again, name) for name in copied} == {
        name: getattr(original, name) for name in copied
    }


def test_replay_address_may_end_with_a_slash() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()

    response = Client().post(f"/api/v1/webhooks/events/{pk}/replay/", headers=authorized(make_key()))

    assert response.status_code == 202


def test_replay_mends_the_mirror() -> None:
    make_organization()
    (pk,) = deliver(cloud_event(status="OnWay"))
    drain()
    Order.objects.update(status="Waiting", raw_status="Waiting")

    replay(pk)
    assert drain() == 1

    order = Order.objects.get()
    assert (order.status, order.iiko_order_id) == ("OnWay", ORDER_ID)
    assert sources_and_statuses() == [("webhook", "processed"), ("replay", "processed")]
    assert inbox()[1].order_id == order.pk


def test_replay_of_old_news_moves_nothing_back() -> None:
    make_organization()
    old, _new = deliver(
        [cloud_event(status="Waiting"), cloud_event(status="OnWay", timestamp=REVISION + 5000)]
    )
    drain()

    replay(old)
    drain()

    assert Order.objects.get().status == "OnWay"
    assert sources_and_statuses()[-1] == ("replay", "stale")


def test_replay_of_a_soi_message_stands_where_it_stood() -> None:
    make_organization()
    first, _second = deliver(soi_message(orderStatus="WAITING"), soi_message(orderStatus="ON_WAY"))
    drain()

    response = replay(first)
    drain()

    assert response.status_code == 202
    assert Order.objects.get().status == "OnWay"
    assert sources_and_statuses() == [("webhook", "processed"), ("webhook", "processed"), ("replay", "stale")]


def test_replay_applies_what_came_before_its_organization_was_here() -> None:
    make_organization(token=None)
    make_other_organization()
    (pk,) = deliver(cloud_event(organization_id="later"), token=OTHER_TOKEN)
    WebhookEvent.objects.update(reason="unknown_organization")
    make_organization(iiko_id="later", token=None)

    replay(pk)
    drain()

    assert Order.objects.get().organization_id == "later"


def test_replay_keeps_numbers_to_the_last_digit() -> None:
    make_organization()
    (pk,) = deliver('[{"eventType": "X", "v": 0.1234567890123456789, "w": 1651.00}]')
    drain()

    replay(pk)

    assert WebhookEvent.objects.extra(where=["payload::text LIKE '%%0.1234567890123456789%%'"]).count() == 2
    assert WebhookEvent.objects.extra(where=["payload::text LIKE '%%1651.00%%'"]).count() == 2


def test_second_call_while_the_first_waits_returns_the_same_row() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()

    first, second = replay(pk), replay(pk)

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json()["id"] == first.json()["id"]
    assert len(inbox()) == 2


def test_call_after_the_first_ended_is_a_new_row() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()
    replay(pk)
    drain()

    second = replay(pk)

    assert second.json()["replay_of_id"] == pk
    assert [event.replay_of_id for event in inbox()] == [None, pk, pk]


def test_replay_of_a_replay_is_a_replay_of_its_original() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()
    middle = replay(pk).json()["id"]
    drain()

    last = replay(middle)

    assert (last.status_code, last.json()["replay_of_id"]) == (202, pk)


def test_event_that_waits_is_not_doubled() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())

    response = replay(pk)

    assert (response.status_code, response.json()["id"]) == (202, pk)
    assert sources_and_statuses() == [("webhook", "pending")]


def test_failed_event_is_tried_at_once() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    WebhookEvent.objects.update(status="failed", due_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert drain() == 0

    assert replay(pk).json()["id"] == pk

    assert drain() == 1
    assert sources_and_statuses() == [("webhook", "processed")]


def test_dead_event_gets_a_new_life() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    WebhookEvent.objects.update(status="dead", attempts=9)

    replay(pk)
    drain()

    assert sources_and_statuses() == [("webhook", "dead"), ("replay", "processed")]


def test_unreadable_event_cannot_be_replayed() -> None:
    make_organization()
    (pk,) = deliver(b"garbage")

    response = replay(pk)

    assert response.status_code == 409
    assert response.json() == {
        "type": "client_error",
        "errors": [
            {
                "code": "not_replayable",
                "detail": f"Event {pk} could not be read when it came; only its raw bytes are kept.",
                "attr": None,
            }
        ],
    }
    assert len(inbox()) == 1


def test_replay_of_nothing_is_404() -> None:
    assert replay(12345).status_code == 404


def test_replay_is_posted() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())

    response = Client().get(f"/api/v1/webhooks/events/{pk}/replay", headers=authorized(make_key()))

    assert (response.status_code, len(inbox())) == (405, 1)


def test_key_replays_its_organizations_only() -> None:
    make_organization()
    make_other_organization(token=TOKEN)
    own, foreign = deliver([cloud_event(), cloud_event(organization_id=OTHER_ORGANIZATION_ID)])
    drain()
    key = make_key(ORGANIZATION_ID)

    assert replay(foreign, key).status_code == 404
    assert replay(own, key).status_code == 202
    assert [event.replay_of_id for event in inbox()] == [None, None, own]


def test_replay_without_key_is_401() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()

    assert Client().post(f"/api/v1/webhooks/events/{pk}/replay").status_code == 401
    assert len(inbox()) == 1


def session(*permissions: str, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    user = User.objects.create_user("vera", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("permissions", "status", "rows"),
    [
        (["view_webhookevent", "replay_webhookevent"], 202, 2),
        (["view_webhookevent"], 403, 1),
        (["replay_webhookevent"], 403, 1),
        ([], 403, 1),
    ],
)
def test_session_needs_the_permission(permissions: list[str], status: int, rows: int) -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()

    response = session(*permissions).post(f"/api/v1/webhooks/events/{pk}/replay")

    assert (response.status_code, len(inbox())) == (status, rows)


def test_session_without_csrf_token_is_refused() -> None:
    make_organization()
    (pk,) = deliver(cloud_event())
    drain()
    client = session("view_webhookevent", "replay_webhookevent", csrf=True)

    response = client.post(f"/api/v1/webhooks/events/{pk}/replay")

    assert (response.status_code, len(inbox())) == (403, 1)


# --- the command -------------------------------------------------------------------------------------


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def stored() -> dict[str, int]:
    """Five events by name, an hour apart, ended in five ways."""
    make_organization()
    make_other_organization(token=TOKEN)
    deliver(
        cloud_event(order_id="applied", order=None),
        cloud_event(order_id="stale", order=None, event_type="DeliveryOrderError"),
        cloud_event(order_id="other", order=None, organization_id=OTHER_ORGANIZATION_ID),
        soi_message(order_id="dead"),
        b"garbage",
    )
    names = {}
    for hour, (event, status) in enumerate(
        zip(inbox(), ["processed", "stale", "ignored", "dead", "ignored"], strict=True)
    ):
        event.status = status
        event.received_at = datetime(2026, 3, 14, 10 + hour, tzinfo=UTC)
        event.save()
        names[event.entity_key or "garbage"] = event.pk
    return names


@pytest.mark.parametrize(
    ("arguments", "replayed"),
    [
        ([], ["applied", "stale", "other", "dead"]),
        (["--status", "dead"], ["dead"]),
        (["--status", "dead", "--status", "stale"], ["stale", "dead"]),
        (["--status", "ignored"], ["other"]),
        (["--organization", ORGANIZATION_ID], ["applied", "stale", "dead"]),
        (["--organization", ORGANIZATION_ID.upper()], ["applied", "stale", "dead"]),
        (["--type", "DeliveryOrderError"], ["stale"]),
        (["--since", "2026-03-14T12:00"], ["other", "dead"]),
        (["--since", "2026-03-14T17:00:00+05:00"], ["other", "dead"]),
        (["--until", "2026-03-14T11:00"], ["applied"]),
        (["--since", "2026-03-14", "--until", "2026-03-15"], ["applied", "stale", "other", "dead"]),
        (["--since", "2026-03-15"], []),
    ],
    ids=" ".join,
)
def test_command_replays_the_selection_in_order(
    stored: dict[str, int], arguments: list[str], replayed: list[str]
) -> None:
    command(*arguments)

    again = [event.replay_of_id for event in inbox() if event.source == "replay"]
    assert again == [stored[name] for name in replayed]


def test_command_says_what_it_did(stored: dict[str, int]) -> None:
    assert command() == "Queued 4, already waiting 0, cannot be replayed 1.\n"
    assert command() == "Queued 0, already waiting 4, cannot be replayed 1.\n"


def test_command_run_twice_queues_once(stored: dict[str, int]) -> None:
    command()
    command()

    assert sum(event.source == "replay" for event in inbox()) == 4


def test_command_leaves_what_waits(stored: dict[str, int]) -> None:
    WebhookEvent.objects.filter(pk=stored["applied"]).update(status="pending")

    assert command("--status", "pending") == "Queued 0, already waiting 1, cannot be replayed 0.\n"
    assert len(inbox()) == 5


def test_command_goes_through_more_than_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.replay._CHUNK", 2)
    make_organization()
    deliver([cloud_event(order_id=f"o{at}", order=None) for at in range(5)])
    drain()

    assert command() == "Queued 5, already waiting 0, cannot be replayed 0.\n"
    assert [event.entity_key for event in inbox() if event.source == "replay"] == [
        f"o{at}" for at in range(5)
    ]


def test_command_does_not_apply_what_came_under_anothers_token() -> None:
    make_organization()
    make_other_organization()
    deliver(cloud_event(), token=OTHER_TOKEN)

    assert command("--status", "ignored").startswith("Queued 0, already waiting 0,")

    drain()
    assert Order.objects.count() == 0


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-02-30", "2026-03-14T25:00", "14.03.2026"])
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_command_refuses_a_bad_date(option: str, text: str) -> None:
    with pytest.raises(CommandError, match=r"is not a date\. Write 2026-03-14 or 2026-03-14T18:00\."):
        command(option, text)


def test_command_refuses_an_unknown_status() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'done'"):
        command("--status", "done")
