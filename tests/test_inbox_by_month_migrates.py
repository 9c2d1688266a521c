"""An inbox that the version before the months filled migrates forward and back with every row."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from tests.database import empty_database
from tests.test_renamed_columns import insert, migrate

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

BEFORE = {"webhooks": "0014_index_traces"}
AFTER = {"webhooks": "0015_part_events_by_month"}
MOMENT = datetime(2026, 4, 5, 6, 7, 8, 901234, tzinfo=UTC)
AHEAD = datetime.now(UTC) + timedelta(days=365 * 3)
"""Dated by a clock that was wrong."""


def test_inbox_migrates_forward_and_back_with_every_row() -> None:
    with empty_database():
        fill()
        before, shape = rows(), shape_of("webhook_events")

        migrate(AFTER)
        after, parts = rows(), partitions()
        repeat, new = store("one"), store("three")
        counted = duplicates_of("one")
        migrate(BEFORE)
        back, shape_again = rows(), shape_of("webhook_events")
        tables = select(
            "SELECT relname FROM pg_class WHERE relname ~ '^webhook_event(s_|_keys)' AND relkind = 'r'"
        )
        newest = store("four")
        migrate(AFTER)
        again, parts_again = rows(), partitions()

    assert [row["dedup_key"] for row in before] == ["one", "two", "ahead"]
    assert after == before
    # What the months took meanwhile goes back along.
    assert new is not None
    assert (repeat, new, counted) == (None, before[-1]["id"] + 2, before[0]["duplicates"] + 1)
    assert without_counts(back[:3]) == without_counts(before)
    assert back[3]["dedup_key"] == "three"
    assert shape_again == shape
    assert tables == []
    assert newest == new + 1
    assert again[:4] == back
    assert parts == parts_again
    assert len(parts) == 4
    assert [len(ids) for ids in parts.values()].count(0) == 2
    assert parts["webhook_events_other"] == [before[-1]["id"]]


def fill() -> None:
    old = migrate(BEFORE)
    organization = insert(old, "organizations.Organization")
    order = insert(old, "orders.Order", organization=organization)
    first = insert(old, "webhooks.WebhookEvent", dedup_key="one", order=order, duplicates=2)
    insert(old, "webhooks.WebhookEvent", dedup_key="two", replay_of=first)
    ahead = insert(old, "webhooks.WebhookEvent", dedup_key="ahead")
    old.get_model("webhooks.WebhookEvent").objects.exclude(pk=ahead.pk).update(received_at=MOMENT)
    old.get_model("webhooks.WebhookEvent").objects.filter(pk=ahead.pk).update(received_at=AHEAD)


def select(statement: str, *parameters: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]


def rows() -> list[dict[str, Any]]:
    found = select("SELECT to_jsonb(one)::text FROM webhook_events one ORDER BY id")
    return [json.loads(row) for row in found]


def without_counts(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "duplicates"} for line in lines]


def shape_of(table: str) -> list[str]:
    """List the columns, indexes and constraints of a table, all with their names."""
    return select(
        "SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' || is_identity"
        " || coalesce(column_default, '') FROM information_schema.columns WHERE table_name = %s"
        " UNION SELECT indexdef FROM pg_indexes WHERE tablename = %s"
        " UNION SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype <> 'n' ORDER BY 1",
        table,
        table,
        table,
    )


def partitions() -> dict[str, list[int]]:
    """Name the partitions and what lies in each."""
    names = select(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'webhook_events'::regclass"
    )
    return {
        name: select(f"SELECT id FROM {name} WHERE dedup_key <> 'four' ORDER BY id")[:1] for name in names
    }


def store(key: str, *, organization: str = "o") -> int | None:
    """Insert an event; returns its id, or nothing for a repeat."""
    found = select(
        "INSERT INTO webhook_events (event_type, format, status, reason, processing_error, notes,"
        " organization_id, entity_key, order_external_id, correlation_id, source, digest, dedup_key,"
        " duplicates, partition, attempts)"
        " VALUES ('x', 'cloud', 'processed', '', '', '[]', %s, 'e', '', '', 'webhook', '', %s, 0, 0, 0)"
        " RETURNING id",
        organization,
        key,
    )
    return found[0] if found else None


def duplicates_of(key: str) -> int:
    [count] = select("SELECT duplicates FROM webhook_events WHERE dedup_key = %s", key)
    return int(count)
