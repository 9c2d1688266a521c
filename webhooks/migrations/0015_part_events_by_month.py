"""The inbox lies in partitions by month, and a narrow table of its own knows repeats (docs/adr/0015).

No row is copied: the table there was becomes the partition of everything up to the end of this month. Its
indexes are rebuilt, in one transaction, while nothing is received or applied.
"""

# ruff: noqa: S608  # statements of constants and of names from the catalogue

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.state import StateApps
from django.db.models import Q

TABLE, OTHER, KEYS = "webhook_events", "webhook_events_other", "webhook_event_keys"
_ONCE = """
CREATE FUNCTION webhook_event_key(dedup_key text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT encode(substring(sha256(convert_to(dedup_key, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid
$$;
CREATE FUNCTION webhook_events_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own uuid := webhook_event_key(NEW.dedup_key);
    holder bigint;
BEGIN
    LOOP
        INSERT INTO webhook_event_keys (key, event_id) VALUES (own, NEW.id) ON CONFLICT (key) DO NOTHING;
        IF FOUND THEN RETURN NEW; END IF;
        SELECT event_id INTO holder FROM webhook_event_keys WHERE key = own;
        CONTINUE WHEN NOT FOUND;
        -- The row moves to another partition.
        IF holder = NEW.id THEN RETURN NEW; END IF;
        UPDATE webhook_events SET duplicates = duplicates + 1 + NEW.duplicates WHERE id = holder;
        IF FOUND THEN RETURN NULL; END IF;
        -- The holder is gone: with its month, or it was deleted while we waited for it.
        UPDATE webhook_event_keys SET event_id = NEW.id WHERE key = own AND event_id = holder;
        IF FOUND THEN RETURN NEW; END IF;
    END LOOP;
END $$;
CREATE FUNCTION webhook_events_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM webhook_event_keys USING gone
    WHERE webhook_event_keys.key = webhook_event_key(gone.dedup_key) AND webhook_event_keys.event_id = gone.id;
    RETURN NULL;
END $$;
"""
_TRIGGERS = """
CREATE TRIGGER webhook_events_once BEFORE INSERT ON webhook_events
FOR EACH ROW EXECUTE FUNCTION webhook_events_once();
CREATE TRIGGER webhook_events_forgotten AFTER DELETE ON webhook_events REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION webhook_events_forgotten();
"""
_FUNCTIONS_DROPPED = """
DROP FUNCTION webhook_events_once();
DROP FUNCTION webhook_events_forgotten();
DROP FUNCTION webhook_event_key(text);
"""
_LIKE = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS"

# Those that get a new name lose their last column, the id: it made every entry another one.
NEW = {
    index.name: index
    for index in (
        models.Index("event_type", "received_at", name="webhook_events_type"),
        models.Index("organization_id", "received_at", name="webhook_events_organization"),
        models.Index("entity_key", name="webhook_events_entity"),
        models.Index(
            "order_external_id", name="webhook_events_external_id", condition=~Q(order_external_id="")
        ),
        models.Index("order", name="webhook_events_order", condition=Q(order__isnull=False)),
        models.Index("correlation_id", name="webhook_events_correlation_id", condition=~Q(correlation_id="")),
    )
}
RECEIVED = "webhook_events_received"  # the primary key (received_at, id) serves its lists
BY_ID = models.Index("id", name="webhook_events_id")


def part(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    before: Any = apps.get_model("webhooks", "WebhookEvent")
    kept = [index for index in before._meta.indexes if index.name != RECEIVED]
    indexes = [BY_ID, *(NEW.get(index.name, index) for index in kept)]
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        months = _months(cursor)
        first = f"{TABLE}_to_{months[0]:%Y_%m}"
        cursor.execute(_ONCE)
        _fill_keys(cursor)
        cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {first}")
        foreign_keys = _strip(cursor, first)
        _renumber(cursor, first)
        cursor.execute(f"CREATE TABLE {TABLE} (LIKE {first} {_LIKE}) PARTITION BY RANGE (received_at)")
        cursor.execute(f"ALTER SEQUENCE {TABLE}_id_seq OWNED BY {TABLE}.id")
        cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_pkey PRIMARY KEY (received_at, id)")
        for index in indexes:
            cursor.execute(str(index.create_sql(before, schema_editor)))
        for name, definition in foreign_keys:
            cursor.execute(f"ALTER TABLE {TABLE} ADD CONSTRAINT {name} {definition}")
        _attach(cursor, first, months)
        cursor.execute(_TRIGGERS)
        cursor.execute(f"ANALYZE {TABLE}, {KEYS}")


def _months(cursor: CursorWrapper) -> list[datetime]:
    """Return the beginnings of this month and the next three, by the database's clock, in UTC."""
    cursor.execute(
        "SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)"
        " FROM generate_series(0, 3) AS ahead ORDER BY ahead"
    )
    return [moment.replace(tzinfo=UTC) for (moment,) in cursor.fetchall()]


def _fill_keys(cursor: CursorWrapper) -> None:
    cursor.execute(f"CREATE TABLE {KEYS} (key uuid NOT NULL, event_id bigint NOT NULL)")
    cursor.execute(f"INSERT INTO {KEYS} (key, event_id) SELECT webhook_event_key(dedup_key), id FROM {TABLE}")
    cursor.execute(f"ALTER TABLE {KEYS} ADD PRIMARY KEY (key)")


def _strip(cursor: CursorWrapper, table: str) -> list[tuple[str, str]]:
    """Take off the indexes and unique rules; returns the foreign keys that stay, with their definitions."""
    cursor.execute(
        "SELECT contype, quote_ident(conname), pg_get_constraintdef(oid), confrelid = conrelid"
        " FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('f', 'p', 'u') ORDER BY contype",
        [table],
    )
    foreign_keys = []
    for kind, name, definition, is_own in cursor.fetchall():
        if kind == "f" and not is_own:
            foreign_keys.append((name, definition))
        else:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", [table])
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {name}")
    return foreign_keys


def _renumber(cursor: CursorWrapper, table: str) -> None:
    """Let a sequence of its own go on with the numbers: partitions have no identity before PostgreSQL 17."""
    cursor.execute(f"SELECT last_value, is_called FROM {TABLE}_id_seq")
    last, is_called = cursor.fetchone()
    cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP IDENTITY")
    cursor.execute(f"CREATE SEQUENCE {TABLE}_id_seq AS bigint")
    cursor.execute("SELECT setval(%s, %s, %s)", [f"{TABLE}_id_seq", last, is_called])
    cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('{TABLE}_id_seq')")


def _attach(cursor: CursorWrapper, first: str, months: list[datetime]) -> None:
    cursor.execute(f"CREATE TABLE {OTHER} PARTITION OF {TABLE} DEFAULT")
    for since, until in pairwise(months[1:]):
        bounds = f"FROM ('{since.isoformat()}') TO ('{until.isoformat()}')"
        cursor.execute(f"CREATE TABLE {TABLE}_{since:%Y_%m} PARTITION OF {TABLE} FOR VALUES {bounds}")
    # What a clock of the past dated into the future lies where it belongs.
    cursor.execute(
        f"WITH moved AS (DELETE FROM {first} WHERE received_at >= %s RETURNING *)"
        f" INSERT INTO {TABLE} SELECT * FROM moved",
        [months[1]],
    )
    bounds = f"FROM (MINVALUE) TO ('{months[1].isoformat()}')"
    cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {first} FOR VALUES {bounds}")


def unite(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy the rows of all months into one table as it was."""
    before: Any = apps.get_model("webhooks", "WebhookEvent")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"SELECT last_value, is_called FROM {TABLE}_id_seq")
        last, is_called = cursor.fetchone()
        cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_parted")
        cursor.execute(f"ALTER INDEX {TABLE}_pkey RENAME TO {TABLE}_parted_pkey")
        cursor.execute(f"ALTER SEQUENCE {TABLE}_id_seq RENAME TO {TABLE}_parted_id_seq")
        _set_names_free(cursor, f"{TABLE}_parted")
        schema_editor.create_model(before)
        names = ", ".join(schema_editor.quote_name(field.column) for field in before._meta.local_fields)
        cursor.execute(f"INSERT INTO {TABLE} ({names}) SELECT {names} FROM {TABLE}_parted ORDER BY id")
        cursor.execute("SELECT setval(%s, %s, %s)", [f"{TABLE}_id_seq", last, is_called])
        cursor.execute(f"DROP TABLE {TABLE}_parted")
        cursor.execute(f"DROP TABLE {KEYS}; {_FUNCTIONS_DROPPED}")


def _set_names_free(cursor: CursorWrapper, table: str) -> None:
    """Rename the checks: names of constraints are chosen so that a schema has each once."""
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table]
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{name}" TO "parted_{name}"')


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0014_index_traces")]
    needs_stop = (
        "The table of events is divided by month. The version before cannot store events in it, and its "
        "indexes are rebuilt meanwhile."
    )

    operations = [
        # First, so that both ways see the model as it was before.
        migrations.RunPython(part, unite),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("webhookevent", "dedup_key", models.CharField(max_length=200)),
                migrations.AlterField(
                    "webhookevent",
                    "replay_of",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replays",
                        to="webhooks.webhookevent",
                        verbose_name="replay of",
                    ),
                ),
                *(migrations.RemoveIndex("webhookevent", name) for name in (RECEIVED, *NEW)),
                *(migrations.AddIndex("webhookevent", index) for index in (BY_ID, *NEW.values())),
            ]
        ),
    ]
