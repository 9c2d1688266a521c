"""A database that the version before the renames filled: it migrates forward and back with equal contents."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.migrations.executor import MigrationExecutor

from tests.database import empty_database

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

BEFORE = {
    "orders": "0015_add_acknowledgements",
    "loyalty": "0005_add_cancelled_operations",
    "hall": "0006_add_indexes_by_external_number_of_any_case",
    "organizations": "0013_add_clock_skews",
    "webhooks": "0011_name_links_without_registration",
}
AFTER = {
    "orders": "0017_rename_labels",
    "loyalty": "0006_rename_to_standard_terms",
    "hall": "0008_rename_labels",
    "organizations": "0015_rename_labels",
    "webhooks": "0013_rename_labels",
}

YOUNGER = {"analytics", "attention", "audit", "console", "iikohub", "outbound"}
"""Apps that stand on what came after."""

COLUMNS = {
    "orders": {"field_ranks": "field_precedence"},
    "order_commands": {
        "wish": "params",
        "order_then": "order_snapshot",
        "proof": "confirmed_by",
        "looks": "poll_count",
        "held_until": "next_attempt_at",
        "saga": "state_data",
    },
    "order_timeline": {},
    "loyalty_operations": {
        "proof": "confirmed_by",
        "looks": "poll_count",
        "held_until": "next_attempt_at",
        "anchor": "baseline_revision",
    },
    "table_orders": {"field_ranks": "field_precedence"},
    "reserves": {"field_ranks": "field_precedence"},
    "stop_list_readings": {"held_until": "lease_until"},
    "iiko_pauses": {"lane": "restriction_group"},
    "webhook_events": {"lane": "partition"},
}
"""By table: each column under its name before, and its name now."""

MOMENT = datetime(2026, 4, 5, 6, 7, 8, 901234, tzinfo=UTC)
PARAMS = {"status": "OnWay", "courier_id": None, "note": "как есть: ё 😀"}
RANKS = {"status": [1, 1775369228901], "items": [2, 5]}

Rows = dict[str, list[dict[str, Any]]]


def test_rows_from_before_the_renames_migrate_forward_and_back_with_equal_contents() -> None:
    with empty_database():
        fill(migrate(BEFORE))
        before, due_index = rows(), index("webhook_events_due")

        migrate(AFTER)
        after, renamed_index = rows(), index("webhook_events_due")
        migrate(BEFORE)
        again, restored_index = rows(), index("webhook_events_due")

    check_that_nothing_is_empty(before)
    assert {table: len(found) for table, found in before.items()} == dict.fromkeys(COLUMNS, 1) | {
        "order_timeline": 3
    }
    assert after == expected_after(before)
    assert again == before
    assert (renamed_index, restored_index) == (due_index.replace("(lane,", "(partition,"), due_index)
    assert "(lane, due_at, id)" in due_index


def check_that_nothing_is_empty(before: Rows) -> None:
    """Guard the test: an empty column would be equal whatever became of it."""
    empty = [
        (table, column)
        for table, columns in COLUMNS.items()
        for column in columns
        if before[table][0][column] in (None, "", 0, {}, [])
    ]
    assert empty == []
    assert [(line["from_value"], line["to_value"]) for line in before["order_timeline"]] == [
        (None, {"kind": "update_status", "wish": PARAMS, "state": "pending"}),
        ({"wish": PARAMS, "state": "pending"}, {"state": "confirmed"}),
        ({"wish": "a comment of this name"}, {"wish": "another"}),
    ]


def migrate(targets: dict[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    others = [node for node in leaves if node[0] not in {*targets, *YOUNGER}]
    nodes = [*others, *targets.items()]
    executor.migrate(nodes)
    return executor.loader.project_state(nodes).apps


def fill(old: Apps) -> None:
    """Insert a row of each table as the version before the renames has them."""
    organization = insert(old, "organizations.Organization")
    order = insert(old, "orders.Order", organization=organization, field_ranks=RANKS)
    insert(
        old,
        "orders.OrderCommand",
        order=order,
        kind="update_status",
        wish=PARAMS,
        order_then={"status": "Waiting"},
        proof="event",
        looks=17,
        held_until=MOMENT,
        saga={"new_order": str(UUID(int=5))},
    )
    for what, then, now in (
        ("command", None, {"kind": "update_status", "wish": PARAMS, "state": "pending"}),
        ("command", {"wish": PARAMS, "state": "pending"}, {"state": "confirmed"}),
        ("comment", {"wish": "a comment of this name"}, {"wish": "another"}),
    ):
        insert(old, "orders.TimelineEntry", order=order, what=what, from_value=then, to_value=now)
    customer = insert(old, "loyalty.Customer", organization=organization)
    wallet = insert(old, "loyalty.Wallet", customer=customer)
    insert(
        old,
        "loyalty.LoyaltyOperation",
        organization=organization,
        wallet=wallet,
        proof="transaction",
        looks=23,
        held_until=MOMENT,
        anchor=1_775_369_228_901,
    )
    insert(old, "hall.TableOrder", organization=organization, field_ranks=RANKS)
    insert(old, "hall.Reserve", organization=organization, field_ranks=RANKS)
    insert(old, "organizations.StopListReading", organization=organization, held_until=MOMENT)
    insert(old, "organizations.IikoPause", lane="login:deliveries")
    insert(old, "webhooks.WebhookEvent", lane=11)


def insert(old: Apps, label: str, **values: Any) -> Any:
    """Insert a row; a column that is not named, and must be, gets a value of its kind."""
    model = old.get_model(label)
    for field in model._meta.concrete_fields:
        given = {field.name, field.attname} & set(values)
        if given or field.generated or field.null or field.has_default() or field.primary_key or field.blank:
            continue
        values[field.name] = _sample(field)
    return model._default_manager.create(**values)


def _sample(field: models.Field[Any, Any]) -> Any:
    kinds: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
        (models.UUIDField, UUID(int=7)),
        (models.DateTimeField, MOMENT),
        (models.DateField, date(2026, 4, 5)),
        (models.DecimalField, Decimal("1.25")),
        (models.JSONField, {"some": "content"}),
        (models.IntegerField, 3),
        (models.BooleanField, True),
        (models.BinaryField, b"bytes"),
        (models.CharField, "text"),
        (models.TextField, "text"),
    )
    if field.choices:
        return next(iter(field.choices))[0]
    return next(value for kind, value in kinds if isinstance(field, kind))


def rows() -> Rows:
    """Read all columns of all rows as the database itself names them."""
    found = {}
    with connection.cursor() as cursor:
        for table in COLUMNS:
            cursor.execute(f'SELECT to_jsonb(one)::text FROM "{table}" one ORDER BY ctid')
            found[table] = [json.loads(row) for (row,) in cursor.fetchall()]
    return {table: sorted(lines, key=lambda line: str(line.get("id"))) for table, lines in found.items()}


def index(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        return str(cursor.fetchone()[0])


def expected_after(before: Rows) -> Rows:
    renamed = {
        table: [{COLUMNS[table].get(name, name): value for name, value in line.items()} for line in lines]
        for table, lines in before.items()
    }
    for line in renamed["order_timeline"]:
        if line["what"] == "command":
            for column in ("from_value", "to_value"):
                if "wish" in (line[column] or {}):
                    line[column] = {**line[column], "params": line[column]["wish"]}
                    del line[column]["wish"]
    return renamed
