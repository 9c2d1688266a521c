"""Whoever writes a row that belongs to another one, it has the restaurant of that one (docs/scaling.md)."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.test import Client
from django.utils import timezone

from attention.acts import Actor, take
from attention.models.items import Act, AttentionItem
from attention.watch import watch
from core.database import parent_keys
from loyalty.models import BalanceDifference
from loyalty.tests.played_loyalty import BY_DATE, TOPUP, loyal_restaurant, move, page, work
from loyalty.wallets.balance_check import check_all
from orders.commands.acknowledge import acknowledge_command
from orders.models.order import MergedOrder, Order, TimelineEntry
from outbound.tests.endpoints import listening, send_all, subscribe
from tests.acting import Acting
from tests.attention_items import LOGIN, PROBLEM, make_item
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    arrive,
    arrive_apart,
    cloud_event,
    make_organization,
    make_other_organization,
    soi_message,
)
from tests.other_restaurant import other_restaurant
from tests.parent_keys import KEYS, keys_of, right_keys
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

OURS, THEIRS = ORGANIZATION_ID, OTHER_ORGANIZATION_ID


# --- every door ----------------------------------------------------------------------------------------


@pytest.fixture
def no_triggers() -> None:
    """Leave the key to the hub: several servers ask for it before any trigger could fill it in."""
    with connection.cursor() as cursor:
        for table in KEYS.keys() - {"webhook_event_keys"}:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_key")


def test_a_row_of_each_table_has_the_restaurant_of_its_parent() -> None:
    place = other_restaurant()["organizations.organization"]

    assert {table: set(right_keys(table)) for table in KEYS} == {key: {place.iiko_id} for key in KEYS}


@pytest.mark.usefixtures("no_triggers")
def test_orders_of_two_restaurants_that_webhooks_bring() -> None:
    make_organization()
    make_other_organization()
    first = cloud_event(order_id="1", status="WaitCooking")
    arrive(first, first, cloud_event(order_id="1", status="OnWay", timestamp=REVISION + 1))
    arrive(cloud_event(order_id="2", organization_id=THEIRS), token=OTHER_TOKEN)

    assert right_keys("order_terms") == [OURS, THEIRS]
    assert set(right_keys("order_timeline")) == {OURS, THEIRS}
    assert sorted(map(str, right_keys("webhook_event_keys"))) == [OURS, OURS, THEIRS]


@pytest.mark.usefixtures("no_triggers")
def test_orders_that_turn_out_to_be_one() -> None:
    make_organization()
    arrive_apart(
        soi_message(kind="CREATE", external_id="515", order_id=None),
        cloud_event(external_number=None, status="OnWay"),
    )
    arrive_apart(soi_message(external_id="515", orderStatus="DELIVERED"))

    assert MergedOrder.objects.count() == 1
    assert right_keys("orders_merged") == [OURS]
    assert set(right_keys("order_timeline")) == {OURS}


@pytest.mark.usefixtures("no_triggers")
def test_a_command_and_what_the_timeline_tells_of_it(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko)
    acting.has(status="WaitCooking")
    command = acting.asked("update-status", {"status": "OnWay"})
    iiko.answers("deliveries/update_order_delivery_status", refusal("no"), status=400)
    acting.step(command)
    acknowledge_command(command_id=command.pk, by="anna", now=timezone.now())

    assert right_keys("order_commands") == [OURS]
    entries = set(TimelineEntry.objects.values_list("what", flat=True))
    assert entries >= {"command", "acknowledged"}
    assert set(right_keys("order_timeline")) == {OURS}


@pytest.mark.usefixtures("no_triggers")
def test_money_that_moves_and_does_not_turn_up(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    iiko.answers(BY_DATE, page())
    move(client, "topup", "25.50")
    work()
    check_all(clock=lambda: timezone.now() + timedelta(hours=1))

    assert BalanceDifference.objects.count() == 1
    assert {table: set(right_keys(table)) for table in KEYS if table.startswith("loyalty")} == {
        "loyalty_wallets": {OURS},
        "loyalty_differences": {OURS},
        "loyalty_operation_steps": {OURS},
    }


@pytest.mark.usefixtures("no_triggers")
def test_attempts_of_deliveries_and_those_of_the_hub_itself(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()
    with listening() as endpoint:
        subscribe(endpoint)
        arrive(cloud_event())
        make_item(None, LOGIN)
        send_all()

    assert set(right_keys("outbound_attempts")) == {OURS, None}


def test_history_of_an_item_follows_a_restaurant_that_becomes_known(client: Client) -> None:
    """Dead events of a restaurant that nobody added are an item of the hub itself, until somebody does."""
    make_organization()
    item = make_item(None, LOGIN)
    ours = make_item(Order.objects.create(organization_id=OURS, updated_at=timezone.now()).organization)
    assert keys_of("attention_history") == [(None, None), (OURS, OURS)]

    item.organization_id = OURS
    AttentionItem.objects.bulk_update([item, ours], ["organization", "facts"])

    assert right_keys("attention_history") == [OURS, OURS]


@pytest.mark.usefixtures("no_triggers")
def test_items_that_the_watch_finds_and_a_person_takes() -> None:
    make_organization()
    arrive(cloud_event(problem={"hasProblem": True, "description": "нет сдачи"}, status="OnWay"))
    watch()
    item = AttentionItem.objects.get(rule=PROBLEM)
    take(item.pk, by=Actor("anna"), now=timezone.now())

    assert [entry.act for entry in item.history.all()] == [Act.FOUND, Act.TAKEN]
    assert keys_of("attention_history").count((OURS, OURS)) >= 2
    assert OURS in right_keys("attention_history")


@pytest.mark.usefixtures("no_triggers")
def test_order_that_somebody_has_seen(client: Client) -> None:
    make_organization()
    arrive(cloud_event())
    client.force_login(User.objects.create(username="anna", is_superuser=True, is_staff=True))

    assert client.post(f"/console/orders/{Order.objects.get().pk}/seen").status_code == 204

    assert right_keys("console_seen_orders") == [OURS]


# --- the database by itself ------------------------------------------------------------------------------


def timeline_of(order: Order, **given: Any) -> TimelineEntry:
    return TimelineEntry.objects.create(order=order, what="x", recorded_at=timezone.now(), **given)


@pytest.fixture
def order() -> Order:
    make_organization()
    arrive(cloud_event())
    TimelineEntry.objects.all().delete()
    return Order.objects.get()


def test_statement_of_the_version_before_gets_the_key(order: Order) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO order_timeline (order_id, what, recorded_at, actor) VALUES (%s, 'x', now(), 'iiko')",
            [order.pk],
        )
        cursor.execute("INSERT INTO orders_merged (id, order_id) VALUES (987, %s)", [order.pk])

    assert right_keys("order_timeline") == [OURS]
    assert right_keys("orders_merged") == [OURS]


def test_row_that_is_saved_as_it_was_before_its_insert_keeps_the_key(order: Order) -> None:
    entry = timeline_of(order)
    assert entry.organization_id is None

    entry.actor = "somebody"
    entry.save()

    assert right_keys("order_timeline") == [OURS]


def test_key_that_is_given_is_not_looked_up(order: Order) -> None:
    """The trigger costs a comparison then."""
    timeline_of(order, organization_id=THEIRS)

    assert keys_of("order_timeline") == [(THEIRS, OURS)]


def test_row_without_key_is_refused(order: Order) -> None:
    with pytest.raises(IntegrityError, match="order_timeline_has_key"), transaction.atomic():
        timeline_of(Order(pk=order.pk + 1))

    assert TimelineEntry.objects.count() == 0


def test_rows_follow_an_order_that_is_given_to_another_restaurant_by_hand(order: Order) -> None:
    """The hub itself never does that."""
    timeline_of(order)
    make_other_organization()

    Order.objects.update(organization_id=THEIRS)

    assert right_keys("order_timeline") == [THEIRS]
    assert right_keys("order_terms") == [THEIRS]


def test_key_of_an_event_is_taken_over_with_the_restaurant() -> None:
    make_organization()
    arrive(cloud_event())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhook_event_keys SET event_id = 0, organization_id = NULL")
        cursor.execute("ALTER TABLE webhook_events DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM webhook_events")
        cursor.execute("ALTER TABLE webhook_events ENABLE TRIGGER USER")

    arrive(cloud_event())

    assert right_keys("webhook_event_keys") == [OURS]


# --- locks -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_steps_wait_for_a_lock_a_moment_and_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    other = connection.copy()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            other.rollback()

    monkeypatch.setattr(parent_keys, "_LIMITS", "SET LOCAL lock_timeout = '50ms'")
    monkeypatch.setattr(parent_keys, "time", SimpleNamespace(sleep=pause))
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; SELECT FROM order_timeline")
            KEYS["order_timeline"].carry(None, SimpleNamespace(connection=connection))  # type: ignore[arg-type]
    finally:
        other.close()

    assert pauses == [1, 1]
