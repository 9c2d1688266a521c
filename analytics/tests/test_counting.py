"""What is counted equals what a plain query over the orders says, whatever happened to them meanwhile."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection

from analytics import tasks
from analytics.counting import hours, progress
from analytics.models import Counting, OrderHour, PeriodFigures, Unit
from analytics.periods import after, beginning
from core.database import db_clock
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import arrive, cloud_event, drain, make_organization, make_other_organization
from tests.simulated_iiko import SimulatedIiko, linked
from webhooks.models.reconciliation import OrderSync

pytestmark = pytest.mark.django_db

# Clocks that were set by an hour in these days, one that is off by 45 minutes, and one given as a shift.
ZONES = {
    "Europe/Berlin": datetime(2026, 10, 24, 10, tzinfo=UTC),
    "America/Santiago": datetime(2026, 9, 5, 10, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 2, tzinfo=UTC),
    "Asia/Kathmandu": datetime(2026, 2, 27, 10, tzinfo=UTC),
    "+05:00": datetime(2026, 3, 30, 10, tzinfo=UTC),
}


@pytest.fixture
def cafe(db: None) -> Organization:
    return make_organization(timezone="Europe/Berlin")


def put(cafe: Organization, at: datetime | None, **changes: Any) -> Order:
    row: dict[str, Any] = {
        "organization": cafe,
        "when_created": at,
        "status": "Closed",
        "order_type": "DELIVERY",
        "amount_minor": 100_00,
        "updated_at": db_clock.now() - timedelta(seconds=1),
        "field_precedence": {},
    }
    order = Order.objects.create(**(row | changes))
    if "created_at" in changes:
        Order.objects.filter(pk=order.pk).update(created_at=changes["created_at"])
    return order


def change(order: Order, **changes: Any) -> None:
    Order.objects.filter(pk=order.pk).update(**changes, updated_at=db_clock.exactly_now())


def follow() -> None:
    tasks.follow_changes()


def counts(unit: Unit, column: str = "orders") -> dict[str, dict[str, int]]:
    rows = PeriodFigures.objects.filter(unit=unit).order_by("starts_at")
    return {f"{row.starts_at:%m-%d %H:%M}": getattr(row, column) for row in rows if getattr(row, column)}


# --- the plain query -----------------------------------------------------------------------------------

PLAIN = """
WITH known AS (
    SELECT *, coalesce(status, '') AS is_now, coalesce(when_delivered, when_closed) AS over_at
    FROM orders
    WHERE organization_id = %s
      AND coalesce(when_created, created_at) >= %s AND coalesce(when_created, created_at) < %s
      AND is_deleted IS NOT TRUE AND unknown_to_iiko_at IS NULL
      AND NOT (coalesce(status, '') = 'Cancelled' AND coalesce(jsonb_exists(moved, 'to_order_id'), false))
), counted AS (
    SELECT * FROM known WHERE NOT (is_now = '' AND coalesce(creation_status, '') = 'Error')
), done AS (
    SELECT *, when_delivered - when_sent AS carried FROM counted WHERE is_now <> 'Cancelled'
)
SELECT (SELECT count(*) FROM counted) AS orders,
       (SELECT count(*) FROM counted WHERE is_now = 'Cancelled') AS cancelled,
       (SELECT count(*) FROM counted WHERE is_now = 'Closed') AS closed,
       (SELECT count(*) FROM known WHERE is_now = '' AND creation_status = 'Error') AS refused,
       (SELECT sum(amount_minor) FROM counted WHERE is_now = 'Closed') AS revenue,
       (SELECT count(*) FROM done WHERE promised_time IS NOT NULL AND over_at IS NOT NULL) AS promised,
       (SELECT count(*) FROM done WHERE over_at > promised_time) AS late,
       (SELECT count(*) FROM counted WHERE order_type = 'PICKUP') AS "type|PICKUP",
       (SELECT count(*) FROM counted WHERE source_key = 'site') AS "channel|site",
       (SELECT sum(amount_minor) FROM counted WHERE is_now = 'Closed' AND source_key IS NULL)
           AS "channel_revenue|",
       (SELECT count(*) FROM counted WHERE is_now = 'Cancelled' AND cancel_cause IS NOT NULL)
           AS "cause|Гость передумал",
       (SELECT count(*) FROM done WHERE courier_id = 'c1') AS "courier|c1",
       (SELECT floor(percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM carried)) / 60)
        FROM done WHERE carried >= interval '0') AS median,
       (SELECT floor(percentile_disc(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM carried)) / 60)
        FROM done WHERE carried >= interval '0') AS p90
"""


def plainly(cafe: Organization, since: datetime, until: datetime) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(PLAIN, [cafe.iiko_id, since, until])
        names = [column.name for column in cursor.description]
        return {name: int(value) for name, value in zip(names, cursor.fetchone(), strict=True) if value}


def rolled_up(row: PeriodFigures) -> dict[str, int]:
    plain = ("orders", "cancelled", "closed", "refused", "revenue", "promised", "late", "type|PICKUP")
    wanted = (*plain, "channel|site", "channel_revenue|", "cause|Гость передумал", "courier|c1")
    carried = sorted(
        int(name.split("|")[1])
        for name, number in row.orders.items()
        if name.startswith("carry|")
        for _ in range(number)
    )
    found = {name: row.orders.get(name, 0) for name in wanted}
    if carried:
        found["median"] = carried[-(-len(carried) * 5 // 10) - 1]
        found["p90"] = carried[-(-len(carried) * 9 // 10) - 1]
    return {name: number for name, number in found.items() if number}


def assert_equal_to_plain_query(cafe: Organization) -> None:
    """Compare every period of every unit, and that none is missing."""
    zone = cafe.zone()
    moments = [one.when_created or one.created_at for one in Order.objects.filter(organization=cafe)]
    for unit in Unit:
        rows = {one.starts_at: one for one in PeriodFigures.objects.filter(organization=cafe, unit=unit)}
        expected = {}
        for begins in {beginning(unit, moment, zone) for moment in moments}:
            if found := plainly(cafe, begins, after(unit, begins, zone)):
                expected[begins] = found
        assert {at: rolled_up(row) for at, row in rows.items() if row.orders} == expected, unit


def some_order(chance: random.Random, begins: datetime) -> dict[str, Any]:
    at = begins + timedelta(seconds=chance.randrange(72 * 3600))
    steps = [at + timedelta(seconds=chance.randrange(1, 5400)) for _ in range(4)]
    status = chance.choice(["Closed", "Closed", "OnWay", "Cancelled", "Delivered", None])
    return {
        "when_created": chance.choice([at, at, at, None]),
        "created_at": at + timedelta(seconds=chance.randrange(7200)),
        "status": status,
        "creation_status": chance.choice(["Success", None, "Error"]),
        "is_deleted": chance.choice([None, False, False, False, True]),
        "unknown_to_iiko_at": chance.choice([None] * 9 + [at]),
        "moved": chance.choice([None, None, {"to_order_id": "x"}, {"from_order_id": "y"}]),
        "order_type": chance.choice(["DELIVERY", "PICKUP", None]),
        "source_key": chance.choice(["site", "app|x", None]),
        "amount_minor": chance.choice([None, 0, chance.randrange(1, 500_000)]),
        "courier_id": chance.choice(["c1", "c2", None]),
        "cancel_cause": chance.choice(["Гость передумал", None]),
        "promised_time": chance.choice([None, at + timedelta(hours=1)]),
        "when_sent": chance.choice([None, steps[0]]),
        "when_delivered": chance.choice([None, steps[1], steps[2]]),
        "when_closed": chance.choice([None, steps[3]]),
    }


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(3))
def test_figures_equal_the_plain_query_through_any_changes(
    zone: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "BATCH", 7)
    chance = random.Random(f"{zone}{seed}")
    cafe = make_organization(timezone=zone)
    bar = make_other_organization(timezone="Asia/Vladivostok")
    put(bar, ZONES[zone])
    orders = [put(cafe, None, **some_order(chance, ZONES[zone])) for _ in range(40)]
    follow()
    assert_equal_to_plain_query(cafe)

    for _round in range(3):
        for order in chance.sample(orders, 9):
            change(order, **some_order(chance, ZONES[zone]))
        orders += [put(cafe, None, **some_order(chance, ZONES[zone])) for _ in range(5)]
        Order.objects.filter(pk__gt=orders[-6].pk).update(updated_at=db_clock.exactly_now())
        follow()
        assert_equal_to_plain_query(cafe)

    before = list(PeriodFigures.objects.order_by("pk").values())
    call_command("rebuild_analytics")
    assert list(PeriodFigures.objects.order_by("pk").values()) == before
    assert_equal_to_plain_query(bar)


# --- what happens to an order ----------------------------------------------------------------------------

NOON = datetime(2026, 3, 14, 11, 20, tzinfo=UTC)  # 12:20 in Berlin


def test_news_of_an_earlier_creation_moves_an_order_into_another_hour_and_day(cafe: Organization) -> None:
    order = put(cafe, NOON)
    follow()

    change(order, when_created=NOON - timedelta(hours=13))
    follow()

    assert {at: figures["orders"] for at, figures in counts(Unit.HOUR).items()} == {"03-13 22:00": 1}
    assert {at: figures["revenue"] for at, figures in counts(Unit.DAY).items()} == {"03-12 23:00": 100_00}


def test_cancelled_order_leaves_the_revenue_and_stays_an_order(cafe: Organization) -> None:
    order = put(cafe, NOON)
    follow()

    change(order, status="Cancelled", cancel_cause="Гость передумал")
    follow()

    expected = {"orders": 1, "cancelled": 1, "type|DELIVERY": 1, "channel|": 1, "cause|Гость передумал": 1}
    assert [counts(unit) for unit in (Unit.HOUR, Unit.MONTH)] == [
        {"03-14 11:00": expected},
        {"02-28 23:00": expected},
    ]


def test_deleted_and_replaced_orders_leave_nothing_behind(cafe: Organization) -> None:
    deleted, replaced = put(cafe, NOON), put(cafe, NOON)
    follow()

    change(deleted, is_deleted=True)
    change(replaced, status="Cancelled", moved={"to_order_id": "another"})
    follow()

    assert not PeriodFigures.objects.exists()


def test_rows_that_turn_out_to_be_one_order_are_counted_once() -> None:
    make_organization()
    arrive(cloud_event(order_id="a", external_number="W-1", order=None, eventType="DeliveryOrderError"))
    Order.objects.update(iiko_order_id=None, external_order_id="W-1")
    arrive(cloud_event(order_id="b", external_number="W-2"))
    Order.objects.filter(iiko_order_id="b").update(external_order_id="W-2")
    follow()
    assert OrderHour.objects.count() == 2

    arrive(cloud_event(order_id="b", external_number="W-1"))
    follow()

    assert Order.objects.count() == 1
    assert list(OrderHour.objects.values_list("order_id", flat=True)) == [Order.objects.get().pk]
    assert [figures["orders"] for figures in counts(Unit.DAY).values()] == [1]


def test_order_of_unset_creation_time_is_counted_when_it_was_first_seen(cafe: Organization) -> None:
    put(cafe, datetime(1, 1, 1, tzinfo=UTC), created_at=NOON)

    follow()

    assert list(counts(Unit.HOUR)) == ["03-14 11:00"]


# --- a worker that dies, a clock that is set -------------------------------------------------------------


class Killed(BaseException):
    """As a kill: nothing after it runs."""


@pytest.mark.parametrize("task", ["follow_changes", "count_missed"])
def test_restaurant_that_fails_stops_none_behind_it(
    cafe: Organization, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar = make_other_organization()
    name = {"follow_changes": "take_step", "count_missed": "count_missed_webhooks"}[task]
    counted, counts_one = [], getattr(tasks, name)

    def fails_at_the_first(organization_id: str, **values: Any) -> Any:
        if organization_id == cafe.iiko_id:
            raise ValueError("odd row")
        counted.append(organization_id)
        return counts_one(organization_id, **values)

    monkeypatch.setattr(tasks, name, fails_at_the_first)
    with pytest.raises(ValueError, match="odd row"):
        getattr(tasks, task)()

    assert set(counted) == {bar.iiko_id}


@pytest.mark.parametrize("step", ["count_orders", "count_commands", "add_up"])
def test_worker_killed_between_two_steps_counts_nothing_twice_nor_loses_it(
    cafe: Organization, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [put(cafe, NOON + timedelta(hours=hour)) for hour in range(3)]
    follow()
    for order in orders[:2]:
        change(order, when_created=NOON + timedelta(hours=7), amount_minor=300_00)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(hours, step, killed)
        with pytest.raises(Killed):
            follow()
    assert {at: figures["orders"] for at, figures in counts(Unit.HOUR).items()} == {
        "03-14 11:00": 1,
        "03-14 12:00": 1,
        "03-14 13:00": 1,
    }
    follow()
    follow()

    assert_equal_to_plain_query(cafe)


def test_rebuilding_that_was_killed_is_finished_by_the_worker(
    cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "BATCH", 2)
    for hour in range(6):
        put(cafe, NOON + timedelta(hours=hour))
    follow()
    PeriodFigures.objects.update(orders={"orders": 99})
    PeriodFigures.objects.create(
        organization=cafe, unit=Unit.DAY, starts_at=NOON, before_at=NOON, orders={"orders": 5}
    )
    counted, calls = hours.count_orders, iter(range(10))

    def dies(*arguments: Any) -> None:
        if next(calls) == 2:
            raise Killed
        counted(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(hours, "count_orders", dies)
        with pytest.raises(Killed):
            call_command("rebuild_analytics")
    state = Counting.objects.get()
    assert state.rebuilt_up_to == list(Order.objects.order_by("pk").values_list("pk", flat=True))[3]
    follow()

    assert_equal_to_plain_query(cafe)


def test_rebuild_says_how_far_it_is_and_refuses_an_unknown_restaurant(
    cafe: Organization, capsys: pytest.CaptureFixture[str]
) -> None:
    put(cafe, NOON)

    call_command("rebuild_analytics", organization=cafe.iiko_id.upper())

    assert capsys.readouterr().out.splitlines() == [
        "Кафе «Сирень»: 1 of 1 orders counted",
        "Кафе «Сирень»: 1 of 1 orders counted",
        "Кафе «Сирень»: done",
    ]
    with pytest.raises(Exception, match="No organization nobody here"):
        call_command("rebuild_analytics", organization="nobody")


def test_another_time_zone_has_all_counted_by_its_clock(cafe: Organization) -> None:
    put(cafe, NOON)
    put(cafe, NOON + timedelta(hours=11))
    follow()
    PeriodFigures.objects.filter(unit=Unit.HOUR).update(missed_webhooks=2)

    Organization.objects.update(timezone="Asia/Kathmandu")
    follow()

    cafe.refresh_from_db()
    assert_equal_to_plain_query(cafe)
    # What nothing can count again is kept.
    assert list(PeriodFigures.objects.filter(unit=Unit.MONTH).values_list("missed_webhooks", flat=True)) == [
        4
    ]


# --- commands, webhooks ------------------------------------------------------------------------------------


def ask(order: Order, at: datetime, state: str, seconds: int | None = None, **changes: Any) -> OrderCommand:
    ended = None if seconds is None else at + timedelta(seconds=seconds)
    row = {"order": order, "kind": "cancel", "state": state, "created_at": at, "finished_at": ended}
    return OrderCommand.objects.create(**(row | changes))


def test_commands_are_counted_by_outcome_and_time_to_confirmation(cafe: Organization) -> None:
    order, now = put(cafe, NOON), db_clock.now()
    for seconds in (1, 4, 4):
        ask(order, now, "confirmed", seconds)
    waiting = ask(order, now, "sent")
    follow()
    (figures,) = counts(Unit.MONTH, "commands").values()
    assert figures == {
        "command|cancel/confirmed": 3,
        "command|cancel/sent": 1,
        "confirmed|cancel/1": 1,
        "confirmed|cancel/4": 2,
    }

    OrderCommand.objects.filter(pk=waiting.pk).update(state="rejected", finished_at=db_clock.now())
    follow()

    (figures,) = counts(Unit.MONTH, "commands").values()
    assert (figures["command|cancel/rejected"], figures.get("command|cancel/sent")) == (1, None)
    before = list(PeriodFigures.objects.order_by("pk").values())
    call_command("rebuild_analytics")
    assert list(PeriodFigures.objects.order_by("pk").values()) == before


def test_old_command_that_changes_has_no_others_read_but_of_its_hour(
    cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, now = put(cafe, NOON), db_clock.now()
    month = timedelta(days=30)
    asked = [now - month, now - month / 2, now]
    old, _between, _new = [ask(order, at, "sent") for at in asked]
    follow()
    OrderCommand.objects.filter(pk=old.pk).update(state="confirmed", finished_at=db_clock.now())
    read: list[datetime] = []

    def noted(unit: Unit, moment: datetime, zone: ZoneInfo) -> datetime:
        read.append(moment)
        return beginning(unit, moment, zone)

    with monkeypatch.context() as patched:
        patched.setattr(hours, "beginning", noted)
        follow()

    assert [at in read for at in asked] == [True, False, True]
    outcomes = [set(figures) for figures in counts(Unit.HOUR, "commands").values()]
    assert [any("confirmed" in name for name in names) for names in outcomes] == [True, False, False]


def test_hours_of_a_day_that_is_set_back_are_two(cafe: Organization) -> None:
    for hour in (0, 1):  # 02:30 in Berlin, twice
        put(cafe, datetime(2026, 10, 25, hour, 30, tzinfo=UTC))

    follow()

    zone = ZoneInfo("Europe/Berlin")
    begins = [
        datetime.strptime(f"2026-{at}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC) for at in counts(Unit.HOUR)
    ]
    assert [f"{one.astimezone(zone):%H:%M%z}" for one in begins] == ["02:00+0200", "02:00+0100"]
    assert [figures["orders"] for figures in counts(Unit.DAY).values()] == [2]


def reads_from_iiko(cafe: Organization, iiko: SimulatedIiko, told: dict[str, Any]) -> None:
    """Have reconciliation find an order of which no webhook came."""
    moment = db_clock.now()
    login = cafe.api_login
    assert login is not None
    OrderSync.objects.create(
        organization=cafe,
        origin=f"{login.pk} {login.base_url}",
        revision=400,
        synced_at=moment,
        judged_until=moment,
    )
    orders = [{"organizationId": cafe.iiko_id, "orders": [told]}]
    answer = {"correlationId": "c", "maxRevision": 500, "ordersByOrganizations": orders}
    iiko.answers("deliveries/by_revision", answer)
    call_command("sync_orders")
    drain()
    OrderSync.objects.update(created_at=moment - timedelta(hours=1))


def test_missed_webhooks_are_counted_until_they_come_after_all(iiko: SimulatedIiko) -> None:
    cafe = linked(make_organization())
    fresh = int(db_clock.now().timestamp() * 1000)
    reads_from_iiko(cafe, iiko, cloud_event(timestamp=fresh)["eventInfo"])
    later = db_clock.now() + timedelta(minutes=3)

    progress.count_missed_webhooks(cafe.iiko_id, now=db_clock.now())
    assert PeriodFigures.objects.filter(missed_webhooks__gt=0).count() == 0  # too early to tell
    progress.count_missed_webhooks(cafe.iiko_id, now=later)
    progress.count_missed_webhooks(cafe.iiko_id, now=later)

    found = PeriodFigures.objects.filter(missed_webhooks__gt=0).values_list("unit", "missed_webhooks")
    assert sorted(found) == [(unit, 1) for unit in ("day", "hour", "month", "week")]

    arrive(cloud_event(timestamp=fresh))
    progress.count_missed_webhooks(cafe.iiko_id, now=later)
    assert PeriodFigures.objects.filter(missed_webhooks__gt=0).count() == 0


def test_rebuilding_keeps_the_missed_webhooks_of_events_that_are_forgotten(cafe: Organization) -> None:
    put(cafe, NOON)
    follow()
    long_ago = beginning(Unit.HOUR, db_clock.now() - timedelta(days=100), cafe.zone())
    PeriodFigures.objects.create(
        organization=cafe, unit=Unit.HOUR, starts_at=long_ago, before_at=long_ago, missed_webhooks=3
    )

    call_command("rebuild_analytics")

    found = PeriodFigures.objects.filter(missed_webhooks__gt=0).values_list("unit", "missed_webhooks")
    assert sorted(found) == [(unit, 3) for unit in ("day", "hour", "month", "week")]
