"""Forgetting old events: what goes, what stays, and what the rest of the hub notices of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from orders.models.order import Order, TimelineEntry
from tests.builders import (
    ORDER_ID,
    REVISION,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    post,
    soi_message,
)
from tests.pages import EVENTS, ORDERS, markup, sign_in_superuser, text
from webhooks.models.inbox import EventStatus, WebhookEvent
from webhooks.processing.retention import forget_old_events
from webhooks.replay import replay_event

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=91)
FRESH = NOW - timedelta(days=89)

pytestmark = pytest.mark.django_db


def bring(client: Client, *events: object, received: datetime, status: str = "") -> list[int]:
    """Deliver and apply; the events then look as if they had come at ``received``."""
    before = set(WebhookEvent.objects.values_list("pk", flat=True))
    for event in events:
        post(client, event)
    drain()
    new = WebhookEvent.objects.exclude(pk__in=before)
    pks = list(new.order_by("pk").values_list("pk", flat=True))
    WebhookEvent.objects.filter(pk__in=pks).update(
        received_at=received, **({"status": status} if status else {})
    )
    return pks


def kept() -> list[int]:
    return [event.pk for event in inbox()]


def test_finished_events_are_forgotten_after_their_days(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(order_id=f"old-{at}") for at in range(5)], received=OLD)
    fresh = bring(client, [cloud_event(order_id="fresh")], received=FRESH)

    assert forget_old_events(days=90, now=NOW, batch=2) == 5
    assert forget_old_events(days=90, now=NOW) == 0
    assert kept() == fresh


@pytest.mark.parametrize(
    ("status", "is_forgotten"),
    [
        (EventStatus.PROCESSED, True),
        (EventStatus.STALE, True),
        (EventStatus.IGNORED, True),
        (EventStatus.PENDING, False),
        (EventStatus.FAILED, False),
        (EventStatus.DEAD, False),
    ],
)
def test_only_what_is_finished_is_forgotten(client: Client, status: EventStatus, is_forgotten: bool) -> None:
    make_organization()
    (pk,) = bring(client, [cloud_event()], received=OLD, status=status)

    assert forget_old_events(days=90, now=NOW) == int(is_forgotten)
    assert kept() == ([] if is_forgotten else [pk])


def test_zero_days_keep_everything(client: Client) -> None:
    make_organization()
    pks = bring(client, [cloud_event()], received=NOW - timedelta(days=5000))

    assert forget_old_events(days=0, now=NOW) == 0
    assert kept() == pks


def test_order_and_timeline_outlive_their_events(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(status="OnWay")], received=OLD)
    (fresh,) = bring(client, [cloud_event(status="Delivered", timestamp=REVISION + 1)], received=FRESH)
    order = Order.objects.get()
    told = list(TimelineEntry.objects.order_by("pk").values_list("what", "source_event_id"))

    assert forget_old_events(days=90, now=NOW) == 1

    assert Order.objects.get().status == "Delivered"
    assert list(TimelineEntry.objects.order_by("pk").values_list("what", "source_event_id")) == told
    entries = client.get(f"/api/v1/orders/{order.pk}/timeline", headers=authorized(make_key())).json()
    assert entries["count"] == len(told)
    sign_in_superuser(client)
    page = client.get(f"{ORDERS}{order.pk}/change/")
    forgotten = told[0][1]
    assert f"{EVENTS}{fresh}/change/" in markup(page)
    assert f"{EVENTS}{forgotten}/change/" not in markup(page)
    assert f"event {forgotten}" in text(page) or f"событие {forgotten}" in text(page)


def test_repeat_of_a_fresh_event_is_still_a_repeat(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event()], received=OLD)
    (fresh,) = bring(client, [cloud_event(timestamp=REVISION + 1)], received=FRESH)
    forget_old_events(days=90, now=NOW)

    bring(client, [cloud_event(timestamp=REVISION + 1)], received=NOW)

    assert [(event.pk, event.duplicates) for event in inbox()] == [(fresh, 1)]


def test_forgotten_event_that_comes_again_changes_nothing(client: Client) -> None:
    make_organization()
    bring(client, [cloud_event(status="OnWay")], received=OLD)
    bring(client, [cloud_event(status="Closed", timestamp=REVISION + 1)], received=OLD)
    forget_old_events(days=90, now=NOW)

    bring(client, [cloud_event(status="OnWay")], received=NOW)

    assert Order.objects.get().status == "Closed"
    assert inbox()[0].status == EventStatus.STALE


def test_original_stays_as_long_as_its_replay(client: Client) -> None:
    make_organization()
    (original,) = bring(client, [cloud_event()], received=OLD)
    replay = replay_event(event_id=original).pk
    drain()
    WebhookEvent.objects.filter(pk=replay).update(received_at=FRESH)

    assert forget_old_events(days=90, now=NOW) == 0
    assert kept() == [original, replay]

    WebhookEvent.objects.filter(pk=replay).update(received_at=OLD)
    assert forget_old_events(days=90, now=NOW) == 2
    assert kept() == []


@pytest.mark.parametrize("order_id", [ORDER_ID, None])
def test_soi_news_is_not_taken_for_a_repeat_of_a_dead_message(client: Client, order_id: str | None) -> None:
    make_organization()
    on_way = soi_message(orderStatus="ON_WAY", order_id=order_id)
    (dead,) = bring(client, on_way, received=OLD, status=EventStatus.DEAD)
    (between,) = bring(client, soi_message(orderStatus="WAITING", order_id=order_id), received=OLD)

    assert forget_old_events(days=90, now=NOW) == 0
    (news,) = bring(client, on_way, received=NOW)

    assert kept() == [dead, between, news]
    assert Order.objects.get().status == "OnWay"


def test_soi_messages_are_forgotten_too(client: Client) -> None:
    make_organization()
    bring(client, soi_message(), soi_message(orderStatus="WAITING"), received=OLD)

    assert forget_old_events(days=90, now=NOW) == 2
    assert kept() == []


@pytest.mark.django_db(transaction=True)
def test_event_being_replayed_is_left_for_the_next_time(client: Client) -> None:
    make_organization()
    first, second = bring(client, [cloud_event(), cloud_event(order_id="2")], received=OLD)
    other = connection.copy()

    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM webhook_events WHERE id = %s FOR UPDATE", [first])
            assert forget_old_events(days=90, now=NOW) == 1
            cursor.execute("ROLLBACK")
    finally:
        other.close()

    assert kept() == [first]
    assert second not in kept()


def test_task_of_the_clock_keeps_to_the_setting(client: Client, settings: LazySettings) -> None:
    make_organization()
    received = timezone.now() - timedelta(days=10)
    bring(client, [cloud_event(order_id="ten-days-old")], received=received)

    call_command("prune", table=["webhook_events"])
    assert len(kept()) == 1

    settings.INBOX_RETENTION_DAYS = 7
    call_command("prune", table=["webhook_events"])
    assert kept() == []
