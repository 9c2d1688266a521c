"""The watch: begins, keeps and ends items, whoever else is at work and whatever a rule does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attention import tasks
from attention.models.items import Act, AttentionEntry, AttentionItem, RuleSetting, Severity
from attention.models.watch_run import WatchRun, watch_state
from attention.rules.base import Finding, Rule
from attention.rules.registry import RULES
from attention.watch import forget_old_items, watch
from core.database import db_clock
from core.database.advisory_locks import AdvisoryLock, acquire
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.signals import order_merged
from organizations.models.organization import Organization
from tests.at_once import at_once
from tests.builders import (
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookConfig

NOW = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

db = pytest.mark.django_db


class Played(Rule):
    """A rule that finds what a test says."""

    name = "late"  # of a rule there is: a pass ends items of others
    title = "played"
    severity = Severity.WARNING
    permission = "orders.view_order"
    linger = timedelta()

    def __init__(self, *subjects: str, **facts: object) -> None:
        self.subjects, self.facts = subjects, facts

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        for subject in self.subjects:
            yield Finding(subject, NOW - MINUTE, facts=self.facts)

    def sentence(self, item: AttentionItem, *, now: datetime, zone: tzinfo) -> str:
        return item.subject


def current() -> list[str]:
    return list(AttentionItem.objects.current().order_by("subject").values_list("subject", flat=True))


def history(item: AttentionItem) -> list[str]:
    return [entry.act for entry in item.history.all()]


@pytest.fixture
def cafe(db: None) -> Organization:
    cafe = make_organization()
    WebhookConfig.objects.update(registration_status="registered")
    return cafe


def late_order(cafe: Organization, *, minutes: int = 5, **changes: Any) -> Order:
    row = {"readable_number": "142", "status": "CookingStarted", "raw_status": "CookingStarted"}
    promised = NOW - minutes * MINUTE
    return Order.objects.create(
        organization=cafe, promised_time=promised, updated_at=NOW - MINUTE, **(row | changes)
    )


@db
def test_item_that_is_found_again_stays_as_it_is() -> None:
    rule = Played("a")
    watch(NOW, [rule])
    before = AttentionItem.objects.values().get()

    with CaptureQueriesContext(connection) as queries:
        watch(NOW + 5 * SECOND, [rule])

    assert AttentionItem.objects.values().get() == before
    written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    assert [sql[:25] for sql in written] == ['UPDATE "attention_watch" ']
    assert AttentionEntry.objects.count() == 1


@db
def test_facts_that_change_are_kept_with_their_moment() -> None:
    watch(NOW, [Played("a", count=1)])

    watch(NOW + 5 * SECOND, [Played("a", count=2)])

    item = AttentionItem.objects.get()
    assert (item.facts, item.since, item.opened_at) == ({"count": 2}, NOW - MINUTE, NOW)
    assert item.updated_at == NOW + 5 * SECOND
    assert history(item) == [Act.FOUND]


@db
def test_condition_that_ends_and_comes_again_is_a_new_item_whatever_people_did() -> None:
    watch(NOW, [Played("a")])
    AttentionItem.objects.update(resolved_at=NOW, taken_by=User.objects.create(username="olga"))
    watch(NOW + 5 * SECOND, [Played("a")])
    assert AttentionItem.objects.open(NOW).count() == 0

    watch(NOW + 10 * SECOND, [Played()])
    watch(NOW + 15 * SECOND, [Played("a")])

    first, second = AttentionItem.objects.order_by("id")
    assert (first.ended_at, second.ended_at) == (NOW + 10 * SECOND, None)
    assert (second.resolved_at, second.taken_by) == (None, None)
    assert (history(first), history(second)) == ([Act.FOUND, Act.ENDED], [Act.FOUND])


@db
def test_what_flaps_ends_only_when_it_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Played, "linger", 10 * SECOND)
    for second, found in enumerate(["a", "", "a", "", "", "a"]):
        watch(NOW + 4 * second * SECOND, [Played(*found)])
        assert current() == ["a"]
    assert history(AttentionItem.objects.get()) == [Act.FOUND]

    for second in (24, 28, 32, 34):
        watch(NOW + second * SECOND, [Played()])

    assert AttentionItem.objects.get().ended_at == NOW + 34 * SECOND


@db
def test_rule_that_raises_is_told_and_neither_stops_others_nor_ends_its_own(
    cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    [late, *others] = RULES
    order = late_order(cafe)
    watch(NOW)

    def breaks(*_: object) -> Iterator[Finding]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        yield from ()

    monkeypatch.setattr(late, "candidates", breaks)
    Order.objects.update(problem="", promised_time=None)
    changes = watch(NOW + MINUTE)

    assert changes.failed == ["late"]
    assert sorted(AttentionItem.objects.current().values_list("rule", "order_id")) == [
        ("late", order.pk),
        ("problem", order.pk),
    ]
    assert watch_state(NOW + MINUTE).failed_rules == ("late",)
    assert AttentionEntry.objects.count() == 2
    assert len(others) == len(RULES) - 1


@db
def test_item_of_a_rule_that_is_no_more_ends() -> None:
    AttentionItem.objects.create(
        rule="of_another_version", subject="a", severity=10, since=NOW, opened_at=NOW, updated_at=NOW
    )

    watch(NOW + MINUTE, [Played()])

    assert AttentionItem.objects.get().ended_at == NOW + MINUTE


@pytest.mark.django_db(transaction=True)
def test_watches_at_once_begin_each_item_once() -> None:
    at_once(lambda number: watch(NOW + number * SECOND, [Played("a", "b")]))

    assert current() == ["a", "b"]
    assert AttentionEntry.objects.count() == 2


@db
def test_pass_that_waited_for_another_looks_at_the_clock_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [NOW]
    monkeypatch.setattr("attention.watch.db_clock.now", lambda: times[-1])

    def other_pass(lock: AdvisoryLock, name: str) -> None:
        acquire(lock, name)
        times.append(NOW + MINUTE)

    monkeypatch.setattr("attention.watch.acquire", other_pass)
    tasks.watch_rules.func()

    assert WatchRun.objects.get().at == NOW + MINUTE


@pytest.mark.django_db(transaction=True)
def test_pass_that_dies_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(NOW, [Played("a")])

    def dies(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    with monkeypatch.context() as dying:
        dying.setattr(WatchRun.objects, "update_or_create", dies)
        with pytest.raises(DatabaseError):
            watch(NOW + MINUTE, [Played("b")])
    assert (current(), AttentionEntry.objects.count()) == (["a"], 1)

    watch(NOW + 2 * MINUTE, [Played("b")])
    assert (current(), AttentionEntry.objects.count()) == (["b"], 3)


@db
def test_limit_is_that_of_the_restaurant(cafe: Organization) -> None:
    other = make_other_organization()
    WebhookConfig.objects.update(registration_status="registered")
    late_order(cafe, minutes=5, readable_number="1")
    late_order(cafe, minutes=9, readable_number="2")
    late_order(other, minutes=5, readable_number="3")
    late_order(other, minutes=1, readable_number="4")

    def numbers() -> list[str]:
        watch(NOW)
        late = AttentionItem.objects.current().filter(rule="late")
        return sorted(str(number) for number in late.values_list("order__readable_number", flat=True))

    assert numbers() == ["1", "2", "3", "4"]
    usual = RuleSetting.objects.create(rule="late", organization=None, limit=3)
    assert numbers() == ["1", "2", "3"]
    own = RuleSetting.objects.create(rule="late", organization=cafe, limit=8)
    assert numbers() == ["2", "3"]
    RuleSetting.objects.filter(pk=usual.pk).update(is_on=False)
    assert numbers() == ["2"]
    RuleSetting.objects.filter(pk=own.pk).update(is_on=False)
    assert numbers() == []


@db
def test_item_follows_an_order_that_is_merged_with_whoever_took_it(cafe: Organization) -> None:
    bring(soi_message(kind="CREATE", external_id="515", order_id=None))
    bring([cloud_event(external_number=None, problem={"hasProblem": True, "description": "stuck"})])
    survivor, duplicate = Order.objects.order_by("id")
    watch(NOW)
    olga = User.objects.create(username="olga")
    taken = AttentionItem.objects.filter(rule="problem", order=duplicate)
    assert taken.update(taken_by=olga, taken_at=NOW) == 1

    bring(soi_message(external_id="515", orderStatus="DELIVERED"))
    assert Order.objects.get() == survivor
    watch(NOW + MINUTE)

    item = AttentionItem.objects.get(rule="problem")
    assert (item.order, item.subject, item.ended_at) == (survivor, f"order:{survivor.pk}", None)
    assert (item.taken_by, history(item)) == (olga, [Act.FOUND])


def bring(body: Any) -> None:
    post(Client(), body)
    drain()


@db
def test_item_of_a_duplicate_ends_where_the_survivor_has_one(cafe: Organization) -> None:
    survivor, duplicate = late_order(cafe), late_order(cafe, external_order_id="x")
    watch(NOW)
    AttentionItem.objects.filter(order=duplicate).update(order=survivor)  # as the receiver does
    duplicate.delete()

    watch(NOW + MINUTE)

    assert current() == [f"order:{survivor.pk}"]
    assert set(AttentionItem.objects.values_list("order_id", flat=True)) == {survivor.pk}


class MergedMeanwhile(Played):
    """Has its finding's order merged into another after the pass has read the items."""

    def __init__(self, duplicate: int, survivor: int) -> None:
        super().__init__("command:1", seconds=survivor)
        self.duplicate, self.survivor = duplicate, survivor

    def candidates(self, now: datetime, shortest: timedelta) -> Iterator[Finding]:
        yield Finding("command:1", NOW - MINUTE, order_id=self.duplicate, facts=self.facts)
        order_merged.send(Order, duplicate_id=self.duplicate, survivor_id=self.survivor)


@db
def test_merge_that_commits_during_a_pass_is_not_undone(cafe: Organization) -> None:
    first, duplicate, survivor = (late_order(cafe, external_order_id=name) for name in "abc")
    watch(NOW, [MergedMeanwhile(duplicate.pk, duplicate.pk)])

    watch(NOW + MINUTE, [MergedMeanwhile(duplicate.pk, survivor.pk)])

    item = AttentionItem.objects.get()
    assert (item.order, item.facts) == (survivor, {"seconds": survivor.pk})
    watch(NOW + 2 * MINUTE, [MergedMeanwhile(first.pk, first.pk)])
    assert AttentionItem.objects.get().order == first


@db
def test_order_that_is_deleted_in_iiko_needs_nobody(cafe: Organization) -> None:
    late_order(cafe, problem="")
    watch(NOW)
    assert len(current()) == 2

    Order.objects.update(is_deleted=True)
    watch(NOW + MINUTE)

    assert current() == []


@db
def test_pass_costs_as_many_statements_with_a_hundred_orders(cafe: Organization) -> None:
    def statements(at: datetime) -> int:
        with CaptureQueriesContext(connection) as queries:
            watch(at)
        return len(queries)

    watch(NOW - MINUTE)
    late_order(cafe, problem="")
    one = statements(NOW)
    for number in range(100):
        late_order(cafe, readable_number=str(number), problem="")
    many = statements(NOW + MINUTE)
    assert len(current()) == 202
    Order.objects.update(status="Closed")
    none = statements(NOW + 2 * MINUTE)

    assert (many, current()) == (one, [])
    assert none <= one + 1


@db
def test_list_says_when_nobody_looks() -> None:
    assert watch_state(NOW).is_standing_still
    watch(NOW, [Played()])

    assert not watch_state(NOW + 30 * SECOND).is_standing_still
    state = watch_state(NOW + 31 * SECOND)
    assert (state.last_at, state.is_standing_still) == (NOW, True)


@db
def test_what_ended_long_ago_is_forgotten_with_its_history() -> None:
    watch(NOW - 91 * 24 * 60 * MINUTE, [Played("old")])
    watch(NOW - 91 * 24 * 60 * MINUTE, [Played("current")])
    watch(NOW - MINUTE, [Played("current", "young")])
    watch(NOW - SECOND, [Played("current")])

    assert forget_old_items(days=0, now=NOW) == 0
    assert forget_old_items(days=90, now=NOW) == 1

    assert sorted(AttentionItem.objects.values_list("subject", flat=True)) == ["current", "young"]
    assert AttentionEntry.objects.count() == 3


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note each pass that is queued, instead of queueing it; the first may be asked for at once."""
    asked: list[float] = []
    monkeypatch.setattr(tasks, "enqueue", lambda _task: asked.append(1))
    monkeypatch.setattr(tasks.nudge, "_not_before", 0.0)
    monkeypatch.setattr(tasks, "NUDGED_AT_MOST_EVERY_S", 600.0)  # longer than a slow machine takes
    return asked


@pytest.mark.django_db(transaction=True)
def test_change_of_an_order_queues_one_pass_however_much_comes(passes: list[float]) -> None:
    make_organization()

    for revision in range(20):
        post(Client(), [cloud_event(timestamp=1773496492930 + revision, number=revision)])
        drain()

    assert passes == [1]


@pytest.mark.django_db(transaction=True)
def test_event_that_changes_nothing_queues_no_pass(
    passes: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    post(Client(), [cloud_event()])
    drain()
    monkeypatch.setattr(tasks.nudge, "_not_before", 0.0)
    passes.clear()

    post(Client(), [cloud_event(timestamp=1, event_time="2026-03-14 13:54:53.101")])
    drain()

    assert passes == []


@db
def test_queued_pass_runs() -> None:
    tasks.watch_rules.func()

    assert WatchRun.objects.get().failed == []
    assert OrderCommand.objects.count() == 0
    assert not watch_state(db_clock.now()).is_standing_still
