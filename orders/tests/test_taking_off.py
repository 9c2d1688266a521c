"""Taking an order off the board that iiko no longer lists: by a person, until iiko tells of it again."""

from datetime import timedelta

import pytest
from django.test import Client

from core.database import db_clock
from orders.mirror.unlisted import take_off_board
from orders.models.order import Order, TimelineEntry
from tests.builders import REVISION, cloud_event, drain, make_organization, post

pytestmark = pytest.mark.django_db

ENTRY = "unknown_to_iiko_at"


@pytest.fixture
def order() -> Order:
    make_organization()
    post(Client(), [cloud_event()])
    drain()
    Order.objects.update(not_listed_since=db_clock.now() - timedelta(minutes=1))
    return Order.objects.get()


def test_order_leaves_the_open_ones_and_the_timeline_says_by_whom(order: Order) -> None:
    now = db_clock.now()

    assert take_off_board(order.pk, actor="olga", now=now)

    before = order.updated_at
    order.refresh_from_db()
    assert (order.is_open, order.unknown_to_iiko_at, order.status) == (False, now, "CookingStarted")
    assert order.updated_at > before
    entry = TimelineEntry.objects.get(what=ENTRY)
    assert (entry.actor, entry.recorded_at, entry.from_value) == ("olga", now, None)


def test_second_time_changes_nothing(order: Order) -> None:
    now = db_clock.now()
    assert take_off_board(order.pk, actor="olga", now=now)

    assert not take_off_board(order.pk, actor="pavel", now=now + timedelta(minutes=1))

    assert Order.objects.get().unknown_to_iiko_at == now
    assert TimelineEntry.objects.filter(what=ENTRY).count() == 1


@pytest.mark.parametrize("changes", [{"not_listed_since": None}, {"status": "Closed"}])
def test_order_that_iiko_lists_or_that_is_over_stays_as_it_is(
    order: Order, changes: dict[str, object]
) -> None:
    Order.objects.update(**changes)

    assert not take_off_board(order.pk, actor="olga", now=db_clock.now())

    assert Order.objects.get().unknown_to_iiko_at is None
    assert not TimelineEntry.objects.filter(what=ENTRY).exists()
    assert not take_off_board(order.pk + 1, actor="olga", now=db_clock.now())


def test_next_news_of_it_puts_it_back(order: Order) -> None:
    take_off_board(order.pk, actor="olga", now=db_clock.now())

    post(Client(), [cloud_event(timestamp=REVISION + 1, comment="back")])
    drain()

    order.refresh_from_db()
    assert (order.is_open, order.unknown_to_iiko_at, order.not_listed_since) == (True, None, None)
    entries = TimelineEntry.objects.filter(what=ENTRY).order_by("id")
    assert list(entries.values_list("actor", flat=True)) == ["olga", "iiko"]
