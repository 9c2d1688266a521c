"""The restaurant of a row that belongs to another row, kept by the database (docs/scaling.md).

A line of a timeline has the ``organization_id`` of its order. Triggers fill it in where a writer leaves it
out, so nobody has to know of it: neither raw SQL nor the version before. Migrations alone use this module.
Each step waits for a lock a moment at most, is a transaction of its own and may be repeated: a migration that
was killed goes on where it was.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import django.db.models.deletion
from django.db import OperationalError, migrations, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from django.db.migrations.state import StateApps
from psycopg import errors

T = TypeVar("T")
PrimaryKey = int | UUID

BATCH = 2000
_TRIES, _PAUSE_S = 100, 1
# What comes after us waits as long as we do. Above the second after which autovacuum gives way.
_LIMITS = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0"

# An update does so as well: of a row that was not filled yet, or that is saved as it was before its insert.
_FROM_PARENT = """
CREATE OR REPLACE FUNCTION {table}_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT organization_id INTO NEW.organization_id FROM {parent} WHERE id = NEW.{link};
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER {table}_key BEFORE INSERT OR UPDATE ON {table}
FOR EACH ROW WHEN (NEW.organization_id IS NULL) EXECUTE FUNCTION {table}_key();
"""
_WITH_PARENT = """
CREATE OR REPLACE FUNCTION {table}_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE {table} SET organization_id = NEW.organization_id WHERE {link} = NEW.id;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {table}_follow AFTER UPDATE OF organization_id ON {parent}
FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
EXECUTE FUNCTION {table}_follow();
"""
_LAST_OF_BATCH = """
SELECT {pk} FROM (
    SELECT {pk} FROM {table} WHERE organization_id IS NULL {behind} ORDER BY {pk} LIMIT %(size)s
) AS batch ORDER BY {pk} DESC LIMIT 1
"""
_FILL = """
UPDATE {table} SET organization_id = {parent}.organization_id FROM {parent}
WHERE {parent}.id = {table}.{link} AND {table}.organization_id IS NULL
  AND {table}.{pk} <= %(until)s {behind}
"""


@dataclass(frozen=True, slots=True)
class ParentKey:
    """The column ``organization_id`` of ``table``: that of the row of ``parent`` which ``link`` names.

    ``is_certain``: each row of the parent has one, so each of the table has, and the database refuses others.
    """

    table: str
    link: str
    parent: str
    model: str = ""
    pk: str = "id"
    is_certain: bool = True

    def carry(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        """Add the column, empty, and the triggers that keep it from now on."""
        self.add_column(_apps, editor)
        _briefly(editor.connection, self._run(_FROM_PARENT))
        _briefly(editor.connection, self._run(_WITH_PARENT))

    def add_column(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        added = "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS organization_id varchar(200)"
        _briefly(editor.connection, self._run(added))

    def drop(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        """Take back what ``carry`` does; the column goes with its content."""
        for kind, table in (("follow", self.parent), ("key", self.table)):
            gone = f"DROP TRIGGER IF EXISTS {{table}}_{kind} ON {table};"
            _briefly(editor.connection, self._run(f"{gone} DROP FUNCTION IF EXISTS {{table}}_{kind}()"))
        self.drop_column(_apps, editor)

    def drop_column(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        dropped = "ALTER TABLE {table} DROP COLUMN IF EXISTS organization_id"
        _briefly(editor.connection, self._run(dropped))

    def fill(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        """Fill the rows from before the triggers, batch by batch; then the database refuses empty ones."""
        until: PrimaryKey | None = None
        while (until := _briefly(editor.connection, self._batch(until))) is not None:
            pass
        if self.is_certain:
            rule = "CHECK (organization_id IS NOT NULL) NOT VALID"
            added = f"DROP CONSTRAINT IF EXISTS {{table}}_has_key, ADD CONSTRAINT {{table}}_has_key {rule}"
            _briefly(editor.connection, self._run(f"ALTER TABLE {{table}} {added}"))
            # Apart, as it reads the whole table: nobody waits for that.
            _briefly(editor.connection, self._run("ALTER TABLE {table} VALIDATE CONSTRAINT {table}_has_key"))

    def release(self, _apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        """Take back the rule that ``fill`` adds; what is filled stays."""
        dropped = "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_has_key"
        _briefly(editor.connection, self._run(dropped))

    def _run(self, statement: str) -> Callable[[CursorWrapper], None]:
        text = self._named(statement)
        return lambda cursor: cursor.execute(text)

    def _named(self, statement: str, **others: str) -> str:
        names = {"table": self.table, "link": self.link, "parent": self.parent, "pk": self.pk}
        return statement.format(**names, **others)

    def _batch(self, last: PrimaryKey | None) -> Callable[[CursorWrapper], PrimaryKey | None]:
        """Return what fills the batch behind ``last`` and returns its last row; None at the end.

        A row whose parent has no restaurant stays empty and is passed by.
        """
        behind = "" if last is None else self._named("AND {table}.{pk} > %(last)s")

        def fill(cursor: CursorWrapper) -> PrimaryKey | None:
            cursor.execute(self._named(_LAST_OF_BATCH, behind=behind), {"last": last, "size": BATCH})
            row: tuple[PrimaryKey] | None = cursor.fetchone()
            if row is None:
                return None
            cursor.execute(self._named(_FILL, behind=behind), {"last": last, "until": row[0]})
            return row[0]

        return fill


def _briefly(connection: BaseDatabaseWrapper, act: Callable[[CursorWrapper], T]) -> T:
    """Act in a transaction of its own that waits for a lock a moment at most, and tries again later."""
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute(_LIMITS)
                return act(cursor)
        except OperationalError as error:
            if not left or not isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected):
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("the last try returns or raises")


def carried(*keys: ParentKey) -> migrations.SeparateDatabaseAndState:
    """Return the operation that gives these tables the column, and their models the field."""
    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunPython(key.carry, key.drop) for key in keys],
        state_operations=[migrations.AddField(key.model, "organization", _field()) for key in keys],
    )


def filled(*keys: ParentKey) -> list[migrations.RunPython]:
    """Return the operations that fill the column, in a migration that is not atomic."""
    return [migrations.RunPython(key.fill, key.release) for key in keys]


def _field() -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to="organizations.organization",
        to_field="iiko_id",
        verbose_name="organization",
    )
