"""Rows from before their restaurant was written beside them get it, and lose it on the way back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import connection

from core.database import parent_keys
from tests.database import empty_database
from tests.parent_keys import KEYS, keys_of, right_keys
from tests.test_inbox_by_month_migrates import select, shape_of, store
from tests.test_renamed_columns import insert, migrate

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

BEFORE = {
    "orders": "0036_index_traces",
    "loyalty": "0010_index_traces",
    "outbound": "0005_index_traces",
    "attention": "0004_let_administrators_set_channels",
    "console": "0002_give_stage_times_to_orders",
    "webhooks": "0015_part_events_by_month",
}
CARRIED = {
    "orders": "0037_carry_organization",
    "loyalty": "0011_carry_organization",
    "outbound": "0006_carry_organization",
    "attention": "0005_carry_organization",
    "console": "0003_carry_organization",
    "webhooks": "0016_carry_organization",
}
AFTER = {
    "orders": "0038_fill_organization",
    "loyalty": "0012_fill_organization",
    "outbound": "0007_fill_organization",
    "attention": "0006_fill_organization",
    "console": "0004_fill_organization",
    "webhooks": "0017_fill_organization",
}
PLACES = ("one", "two")
OF_THE_HUB_TOO = {"outbound_attempts", "attention_history"}
KILLS = (
    ("ALTER TABLE order_timeline ADD COLUMN", 1),
    ("\nCREATE OR REPLACE FUNCTION order_terms_key", 1),
    ("\nCREATE OR REPLACE FUNCTION order_terms_follow", 1),
    ("\nUPDATE order_timeline", 2),
    ("ALTER TABLE order_timeline DROP CONSTRAINT IF EXISTS", 1),
    ("ALTER TABLE order_timeline VALIDATE", 1),
    ("\nUPDATE webhook_event_keys", 2),
)
"""At which statements, in the order in which they come."""
LOST_KEY = UUID(int=5)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent_keys, "BATCH", 2)


def test_rows_migrate_forward_and_back_beside_the_version_before() -> None:
    with empty_database():
        old = migrate(BEFORE)
        for place in PLACES:
            fill(old, place)
        before, shapes, routines_before = rows(), shapes_of(), routines()

        migrate(CARRIED)
        empty = {table: {own for own, _parents in keys_of(table)} for table in KEYS}
        fill(old, "three")
        change_a_command()
        meanwhile = {table: [own for own, _parents in keys_of(table)] for table in KEYS}
        events = select("SELECT count(*) FROM outbound_events")
        migrate(AFTER)
        after, found = rows(), {table: right_keys(table) for table in KEYS}
        events_again = select("SELECT count(*) FROM outbound_events")
        migrate(BEFORE)
        back, shapes_again, routines_again = rows(), shapes_of(), routines()
        migrate(AFTER)
        again = {table: right_keys(table) for table in KEYS}

    assert empty == {table: {None} for table in KEYS} | {"order_terms": {None}}
    for table, keys in meanwhile.items():
        assert "three" in keys, table
    assert meanwhile["order_commands"] == ["one", None, "three"]
    assert events_again == events
    for table, keys in found.items():
        assert set(keys) - {None} == {*PLACES, "three"}, table
        assert (None in keys) is (table in {*OF_THE_HUB_TOO, "webhook_event_keys"}), table
    assert again == found
    assert after == back
    assert all(line in back[table] for table in KEYS for line in before[table] if table != "order_commands")
    assert (shapes_again, routines_again) == (shapes, routines_before)


def test_migration_that_is_killed_again_and_again_goes_on_where_it_was() -> None:
    with empty_database():
        old = migrate(BEFORE)
        for place in PLACES:
            fill(old, place)

        with counted("\nUPDATE order_") as updates:
            for beginning, count in KILLS:
                with killed_at(beginning, count):
                    migrate(AFTER)
                if beginning == "\nUPDATE order_timeline":
                    half = [own for own, _parents in keys_of("order_timeline")]
                    fill(old, "three")
            migrate(AFTER)
        found = {table: right_keys(table) for table in KEYS}

    assert half == ["one", "one", None, None, None, None]
    # Six lines were there: three batches, of which the second is tried again. No other table is filled twice.
    batches = [update.split()[1] for update in updates]
    assert {table: batches.count(table) for table in batches} == {
        "order_commands": 1,
        "order_timeline": 4,
        "order_terms": 1,
    }
    for table, keys in found.items():
        assert set(keys) - {None} == {*PLACES, "three"}, table


def fill(old: Apps, place: str) -> None:
    """Insert what belongs to an order, a guest, an item and a delivery of a restaurant, and of none."""
    of = insert(old, "organizations.Organization", iiko_id=place)
    order = insert(old, "orders.Order", organization=of, iiko_order_id=place)
    insert(old, "orders.OrderCommand", order=order)
    for _line in range(3):
        insert(old, "orders.TimelineEntry", order=order)
    insert(old, "orders.MergedOrder", id=1_000_000 + order.pk, order=order)
    insert(old, "console.SeenOrder", order=order)
    guest = insert(old, "loyalty.Customer", organization=of, iiko_id=place)
    wallet = insert(old, "loyalty.Wallet", customer=guest)
    operation = insert(
        old, "loyalty.LoyaltyOperation", organization=of, wallet=wallet, marker=place, hold=None
    )
    insert(old, "loyalty.OperationStep", operation=operation)
    insert(old, "loyalty.BalanceDifference", wallet=wallet, operation=operation)
    subscription = insert(old, "outbound.Subscription", created_by=None, api_key=None)
    for restaurant in (of, None):
        event = insert(old, "outbound.OutboundEvent", organization=restaurant)
        delivery = insert(
            old, "outbound.Delivery", organization=restaurant, event=event, subscription=subscription
        )
        insert(old, "outbound.DeliveryAttempt", delivery=delivery)
        item = insert(
            old, "attention.AttentionItem", organization=restaurant, subject=f"{place} {restaurant}"
        )
        insert(old, "attention.AttentionEntry", item=item)
    store(f"event of {place}", organization=place)
    store(f"another of {place}", organization=place)
    with connection.cursor() as cursor:  # of an event that went with its month
        cursor.execute(
            "INSERT INTO webhook_event_keys (key, event_id) VALUES (%s, 0) ON CONFLICT DO NOTHING", [LOST_KEY]
        )


def change_a_command() -> None:
    """Let the version before go on with a command that was not filled yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE order_commands SET poll_count = 99 WHERE order_id IN"
            " (SELECT id FROM orders WHERE organization_id = 'one')"
        )


def rows() -> dict[str, list[Any]]:
    """Read all rows without the column that comes and goes."""
    found = {}
    for table, key in KEYS.items():
        lines = select(f"SELECT (to_jsonb(one) - 'organization_id')::text FROM {table} one ORDER BY {key.pk}")
        found[table] = [json.loads(line) for line in lines]
    return found


def shapes_of() -> dict[str, list[str]]:
    return {table: shape_of(table) for table in (*KEYS, *(key.parent for key in KEYS.values()))}


def routines() -> list[str]:
    """List the functions and triggers of ours."""
    return select(
        "SELECT md5(pg_get_functiondef(oid)) || proname FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
        " UNION SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    )


@contextmanager
def counted(beginning: str) -> Iterator[list[str]]:
    """Collect the statements that begin so."""
    found: list[str] = []

    def wrapper(execute: Any, sql: str, *args: Any) -> Any:
        if str(sql).startswith(beginning):
            found.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield found


class KilledError(BaseException):
    """Nobody catches it."""


@contextmanager
def killed_at(beginning: str, count: int) -> Iterator[None]:
    """End the connection at the statement that begins so for the ``count``-th time, as a kill does."""
    left = [count]

    def wrapper(execute: Any, sql: str, *args: Any) -> Any:
        if str(sql).startswith(beginning):
            left[0] -= 1
            if not left[0]:
                raise KilledError
        return execute(sql, *args)

    with pytest.raises(KilledError), connection.execute_wrapper(wrapper):
        yield
    connection.close()
