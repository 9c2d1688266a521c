"""The tables whose rows have the restaurant of the row that they belong to, and whether they do."""

from importlib import import_module

from django.db import connection

from core.database.parent_keys import ParentKey

_MIGRATIONS = (
    "orders.migrations.0037_carry_organization",
    "loyalty.migrations.0011_carry_organization",
    "outbound.migrations.0006_carry_organization",
    "attention.migrations.0005_carry_organization",
    "console.migrations.0003_carry_organization",
    "webhooks.migrations.0016_carry_organization",
)
KEYS: dict[str, ParentKey] = {key.table: key for name in _MIGRATIONS for key in import_module(name).KEYS}
_KEYS_OF_ROWS = """
SELECT child.organization_id, parent.organization_id
FROM {0.table} child LEFT JOIN {0.parent} parent ON parent.id = child.{0.link} ORDER BY child.{0.pk}
"""


def keys_of(table: str) -> list[tuple[str | None, str | None]]:
    """Return the restaurant of each row, and that of the row it belongs to."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS_OF_ROWS.format(KEYS[table]))
        return list(cursor.fetchall())


def right_keys(table: str) -> list[str | None]:
    """Return the restaurant of each row, which must be that of the row it belongs to."""
    found = keys_of(table)
    assert [own for own, _parents in found] == [parents for _own, parents in found], table
    return [own for own, _parents in found]
