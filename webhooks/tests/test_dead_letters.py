"""What failed for good, by its cause, and retrying all of a kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone, translation

from orders.models.order import Order
from tests.builders import cloud_event, drain, inbox, make_organization, post
from tests.pages import EVENTS, markup, sign_in, sign_in_superuser, text
from webhooks import replay
from webhooks.models.inbox import WebhookEvent
from webhooks.monitoring.inbox_state import DeadLetterGroup, dead_letter_groups, inbox_state
from webhooks.processing.retention import forget_old_events
from webhooks.replay import replay_event

pytestmark = pytest.mark.django_db

DEAD = f"{EVENTS}dead/"
UUID = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def dead() -> list[int]:
    """Two events that failed of one thing, one that failed of another, one that did not fail."""
    make_organization()
    post(Client(), [cloud_event(order_id=f"o{number}", external_number=None) for number in range(4)])
    pks = [event.pk for event in inbox()]
    errors = [f"IntegrityError: row 17 of {UUID}", f"IntegrityError: row 5 of {UUID.upper()}", "KeyError: x"]
    for pk, error in zip(pks, errors, strict=False):
        WebhookEvent.objects.filter(pk=pk).update(
            status="dead",
            reason="error",
            processing_error=error,
            attempts=9,
            received_at=datetime(2026, 3, pk - pks[0] + 1, 9, tzinfo=UTC),
        )
    drain()
    return pks


def english(client: Client, url: str) -> str:
    return text(client.get(url, headers={"accept-language": "en"}))


def test_dead_events_are_grouped_by_what_they_failed_of(dead: list[int]) -> None:
    assert dead_letter_groups(WebhookEvent.objects.all()) == [
        DeadLetterGroup(
            "DeliveryOrderUpdate",
            "error",
            "IntegrityError: row … of …",
            2,
            datetime(2026, 3, 1, 9, tzinfo=UTC),
            datetime(2026, 3, 2, 9, tzinfo=UTC),
            dead[1],
        ),
        DeadLetterGroup(
            "DeliveryOrderUpdate",
            "error",
            "KeyError: x",
            1,
            datetime(2026, 3, 3, 9, tzinfo=UTC),
            datetime(2026, 3, 3, 9, tzinfo=UTC),
            dead[2],
        ),
    ]


def test_page_tells_cause_number_time_and_example(client: Client, dead: list[int]) -> None:
    sign_in_superuser(client)

    page = english(client, DEAD)

    told = f"IntegrityError: row … of … DeliveryOrderUpdate, could not be applied. For example #{dead[1]}"
    assert f"{told} First and last: 1 Mar 09:00 UTC · 2 Mar 09:00 UTC Retry all like this 2" in page
    assert f'href="{DEAD}"' in markup(client.get("/admin/"))
    assert f'href="{DEAD}"' in markup(client.get(f"{EVENTS}?status=dead"))


def test_page_without_dead_events_says_so(client: Client) -> None:
    sign_in_superuser(client)

    assert "No event has failed for good." in english(client, DEAD)


def retry_url(client: Client, alike: str) -> str:
    page = client.get(DEAD).context["groups"]
    (url,) = [group["replay_url"] for group in page if group["error"] == alike]
    return str(url)


def test_retry_of_a_kind_asks_first_and_shows_what_would_change(client: Client, dead: list[int]) -> None:
    sign_in_superuser(client)
    url = retry_url(client, "IntegrityError: row … of …")

    asked = english(client, url)
    shown = text(client.post(url, {"dry_run": "yes"}, headers={"accept-language": "en"}))

    assert "Replay 2 events?" in asked
    assert "order №142, Кафе «Сирень» would be made" in shown
    assert len(inbox()) == 4
    assert Order.objects.count() == 1


def test_retry_of_a_kind_replays_all_of_it_and_nothing_else(client: Client, dead: list[int]) -> None:
    sign_in_superuser(client)

    client.post(retry_url(client, "IntegrityError: row … of …"), {"confirmed": "yes"})

    assert [event.replay_of_id for event in inbox()[4:]] == dead[:2]
    assert [group.alike for group in dead_letter_groups(WebhookEvent.objects.all())] == ["KeyError: x"]
    drain()
    assert inbox_state().dead == 1
    assert Order.objects.count() == 3


def test_more_of_a_kind_than_are_taken_at_once_are_told_and_taken_next(
    client: Client, dead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "REPLAY_AT_ONCE", 1)
    sign_in_superuser(client)
    url = retry_url(client, "IntegrityError: row … of …")

    first = english(client, url)
    said = text(client.post(url, {"confirmed": "yes"}, follow=True, headers={"accept-language": "en"}))
    second = english(client, url)
    said_last = text(client.post(url, {"confirmed": "yes"}, follow=True, headers={"accept-language": "en"}))

    assert "Replay 1 event? " in first
    assert "These are the oldest; 1 more of this kind is left for the next press." in first
    assert "1 event queued. 1 more of this kind is left: press the button once more." in said
    assert "left for the next press" not in second
    assert "1 event queued." in said_last
    assert "is left" not in said_last
    assert [event.replay_of_id for event in inbox()[4:]] == dead[:2]


def test_replay_that_fails_too_is_listed_in_place_of_its_original(dead: list[int]) -> None:
    again = replay_event(event_id=dead[2])
    WebhookEvent.objects.filter(pk=again.pk).update(
        status="dead", reason="error", processing_error="KeyError: y"
    )

    assert [
        (group.alike, group.count, group.example_id)
        for group in dead_letter_groups(WebhookEvent.objects.all())
    ][1] == (
        "KeyError: y",
        1,
        again.pk,
    )
    last = replay_event(event_id=again.pk)

    assert last.replay_of_id == dead[2]
    assert [group.alike for group in dead_letter_groups(WebhookEvent.objects.all())] == [
        "IntegrityError: row … of …"
    ]


def test_replayed_event_does_not_die_again_when_its_replay_is_old(dead: list[int]) -> None:
    replay_event(event_id=dead[2])
    drain()
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=400))

    forget_old_events(days=90)

    assert [(event.pk, event.status) for event in inbox()][-2:][0] == (dead[2], "dead")
    assert inbox()[-1].replay_of_id == dead[2]
    assert inbox_state().dead == 2


@pytest.mark.parametrize(
    ("permissions", "looks", "replays"),
    [
        (["webhooks.view_webhookevent", "webhooks.replay_webhookevent"], 200, 302),
        (["webhooks.view_webhookevent"], 200, 403),
        (["webhooks.replay_webhookevent"], 403, 403),
        (["orders.view_order"], 403, 403),
    ],
)
def test_who_may_look_and_who_may_retry(
    client: Client, dead: list[int], permissions: list[str], looks: int, replays: int
) -> None:
    sign_in(client, *permissions)
    url = f"{DEAD}replay/?event_type=DeliveryOrderUpdate&reason=error&alike=KeyError%3A+x"

    assert client.get(DEAD).status_code == looks
    assert client.post(url, {"confirmed": "yes"}).status_code == replays
    assert len(inbox()) == (5 if replays == 302 else 4)


def test_retry_needs_a_post_with_its_token(dead: list[int]) -> None:
    strict = Client(enforce_csrf_checks=True)
    sign_in_superuser(strict)
    url = f"{DEAD}replay/?event_type=DeliveryOrderUpdate&reason=error&alike=KeyError%3A+x"

    assert strict.get(url).status_code == 200
    assert strict.post(url, {"confirmed": "yes"}).status_code == 403
    assert len(inbox()) == 4
