"""What people do with items: each act, twice, two at once, refused; each leaves a line of history."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from attention import acts
from attention.acts import Actor, Snooze, snooze_end
from attention.errors import BadMoment, NotDone, UnknownItem
from attention.models.items import AttentionItem
from core.database import db_clock
from orders.models.order import Order, TimelineEntry
from organizations.models.organization import Organization
from tests.at_once import at_once
from tests.attention_items import history, make_item
from tests.builders import arrive, cloud_event, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def item(cafe: Organization) -> AttentionItem:
    return make_item(cafe)


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


def actor(name: str) -> Actor:
    return Actor(name, User.objects.get_or_create(username=name)[0])


@pytest.fixture
def vera() -> Actor:
    return actor("vera")


@pytest.fixture
def oleg() -> Actor:
    return actor("oleg")


def test_taking_makes_an_owner_and_taking_again_changes_nothing(
    item: AttentionItem, vera: Actor, now: datetime
) -> None:
    acts.take(item.pk, by=vera, now=now)
    acts.take(item.pk, by=vera, now=now + timedelta(minutes=1))

    item.refresh_from_db()
    assert (item.taken_by, item.taken_at, item.updated_at) == (vera.user, now, now)
    assert history(item) == [("taken", "vera", "")]


def test_second_is_told_who_has_it(item: AttentionItem, vera: Actor, oleg: Actor, now: datetime) -> None:
    acts.take(item.pk, by=vera, now=now)

    with pytest.raises(NotDone, match=r"Already taken: vera, 3 min ago\.") as refused:
        acts.take(item.pk, by=oleg, now=now + timedelta(minutes=3))

    assert refused.value.code == "taken"
    assert history(item) == [("taken", "vera", "")]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_takes_it(item: AttentionItem, now: datetime) -> None:
    people = [actor(f"person-{number}") for number in range(8)]

    def take(number: int) -> str:
        try:
            acts.take(item.pk, by=people[number], now=now)
        except NotDone as error:
            return error.code
        return "done"

    results = at_once(take)

    assert sorted(results) == ["done", *["taken"] * 7]
    assert history(item) == [("taken", f"person-{results.index('done')}", "")]


@pytest.mark.django_db(transaction=True)
def test_double_click_leaves_one_line(item: AttentionItem, vera: Actor, now: datetime) -> None:
    at_once(lambda _number: acts.resolve(item.pk, note="called", by=vera, now=now), 4)

    assert history(item) == [("resolved", "vera", "called")]


def test_anybody_gives_back_what_a_colleague_left(
    item: AttentionItem, vera: Actor, oleg: Actor, now: datetime
) -> None:
    acts.take(item.pk, by=vera, now=now)

    acts.release(item.pk, by=oleg, now=now)
    acts.release(item.pk, by=oleg, now=now)
    acts.take(item.pk, by=oleg, now=now)

    item.refresh_from_db()
    assert item.taken_by == oleg.user
    assert history(item) == [("taken", "vera", ""), ("released", "oleg", ""), ("taken", "oleg", "")]


def test_key_has_what_it_took(item: AttentionItem, vera: Actor, now: datetime) -> None:
    shop, other = Actor("API: shop"), Actor("API: other")
    acts.take(item.pk, by=shop, now=now)
    acts.take(item.pk, by=shop, now=now)

    for somebody in (other, vera):
        with pytest.raises(NotDone, match="Already taken: API: shop"):
            acts.take(item.pk, by=somebody, now=now)

    assert history(item) == [("taken", "API: shop", "")]


def test_resolved_stays_so_until_it_is_opened_again(
    item: AttentionItem, vera: Actor, oleg: Actor, now: datetime
) -> None:
    acts.resolve(item.pk, note=" called the guest ", by=vera, now=now)
    acts.resolve(item.pk, note="again", by=vera, now=now)
    assert not AttentionItem.objects.open(now).exists()
    for act in (acts.take, acts.resolve):
        with pytest.raises(NotDone, match="Already resolved: vera, 2 min ago"):
            act(item.pk, by=oleg, now=now + timedelta(minutes=2))
    with pytest.raises(NotDone, match="Already resolved: vera"):
        acts.snooze(item.pk, until=now + timedelta(hours=1), by=oleg, now=now)

    acts.reopen(item.pk, by=oleg, now=now)
    acts.reopen(item.pk, by=oleg, now=now)

    assert AttentionItem.objects.open(now).get() == item
    assert history(item) == [("resolved", "vera", "called the guest"), ("reopened", "oleg", "")]


def test_snoozed_comes_back_by_itself(item: AttentionItem, vera: Actor, now: datetime) -> None:
    until = now + timedelta(minutes=15)

    acts.snooze(item.pk, until=until, by=vera, now=now)
    acts.snooze(item.pk, until=until, by=vera, now=now)

    assert not AttentionItem.objects.open(until - timedelta(seconds=1)).exists()
    assert AttentionItem.objects.open(until).get() == item
    assert history(item) == [("snoozed", "vera", "")]


def test_snoozed_is_woken(item: AttentionItem, vera: Actor, now: datetime) -> None:
    acts.snooze(item.pk, until=now + timedelta(hours=1), by=vera, now=now)

    acts.reopen(item.pk, by=vera, now=now)

    assert AttentionItem.objects.open(now).get() == item
    assert history(item) == [("snoozed", "vera", ""), ("reopened", "vera", "")]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_snooze_ends_within_seven_days(
    item: AttentionItem, vera: Actor, now: datetime, ahead: timedelta
) -> None:
    with pytest.raises(BadMoment):
        acts.snooze(item.pk, until=now + ahead, by=vera, now=now)

    item.refresh_from_db()
    assert item.snoozed_until is None
    assert history(item) == []


def test_snoozes_end_at_full_minutes_and_on_the_restaurants_morning() -> None:
    now = datetime(2026, 3, 14, 19, 30, 20, tzinfo=UTC)

    def end(choice: Snooze, zone: str) -> datetime:
        return snooze_end(choice, zone=ZoneInfo(zone), now=now)

    assert end(Snooze.QUARTER, "Europe/Moscow") == datetime(2026, 3, 14, 19, 46, tzinfo=UTC)
    assert end(Snooze.HOUR, "Europe/Moscow") == datetime(2026, 3, 14, 20, 31, tzinfo=UTC)
    assert end(Snooze.TOMORROW, "Europe/Moscow") == datetime(2026, 3, 15, 6, tzinfo=UTC)
    # There it is the 15th already.
    assert end(Snooze.TOMORROW, "Asia/Yekaterinburg") == datetime(2026, 3, 16, 4, tzinfo=UTC)


def test_what_has_ended_takes_no_act(item: AttentionItem, vera: Actor, now: datetime) -> None:
    AttentionItem.objects.update(ended_at=now - timedelta(minutes=1))

    for act in (acts.take, acts.release, acts.resolve, acts.reopen, acts.take_off):
        with pytest.raises(NotDone, match="It ended by itself 1 min ago") as refused:
            act(item.pk, by=vera, now=now)
        assert refused.value.code == "ended"
    with pytest.raises(NotDone):
        acts.snooze(item.pk, until=now + timedelta(hours=1), by=vera, now=now)

    assert history(item) == []


def test_missing_item_is_said_to_be_missing(vera: Actor, now: datetime) -> None:
    with pytest.raises(UnknownItem):
        acts.take(987_654_321, by=vera, now=now)


# --- off the board -----------------------------------------------------------------------------------


@pytest.fixture
def unlisted(cafe: Organization, now: datetime) -> AttentionItem:
    arrive(cloud_event())
    Order.objects.update(not_listed_since=now - timedelta(minutes=5))
    return make_item(cafe, "not_listed", order=Order.objects.get())


def test_order_that_iiko_does_not_list_is_taken_off_the_board_once(
    unlisted: AttentionItem, vera: Actor, oleg: Actor, now: datetime
) -> None:
    acts.take_off(unlisted.pk, by=vera, now=now)
    acts.take_off(unlisted.pk, by=vera, now=now)
    with pytest.raises(NotDone, match="Already off the board: vera"):
        acts.take_off(unlisted.pk, by=oleg, now=now)

    assert not Order.objects.open().exists()
    assert (
        TimelineEntry.objects.filter(what="unknown_to_iiko_at").values_list("actor", flat=True)[0] == "vera"
    )
    assert history(unlisted) == [("taken_off", "vera", "")]


def test_order_that_iiko_lists_again_stays(unlisted: AttentionItem, vera: Actor, now: datetime) -> None:
    Order.objects.update(not_listed_since=None)

    with pytest.raises(NotDone, match="iiko lists this order again"):
        acts.take_off(unlisted.pk, by=vera, now=now)

    assert Order.objects.open().exists()
    assert history(unlisted) == []


def test_other_orders_are_not_taken_off(cafe: Organization, vera: Actor, now: datetime) -> None:
    arrive(cloud_event())
    Order.objects.update(not_listed_since=now)
    item = make_item(cafe, order=Order.objects.get())

    with pytest.raises(NotDone):
        acts.take_off(item.pk, by=vera, now=now)

    assert Order.objects.open().exists()
