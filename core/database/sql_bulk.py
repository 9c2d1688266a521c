"""Bulk writes: one statement for many rows, which PostgreSQL reads from a JSON document.

``bulk_update`` builds a CASE for each column and row; for the mirror's 60 columns that costs more
than everything else together. ``json_populate_recordset`` takes types from the table itself.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, models
from psycopg import sql

Row = Mapping[str, object]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def encode(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _columns(model: type[models.Model], names: Sequence[str]) -> list[sql.Identifier]:
    fields = {field.name: field for field in model._meta.concrete_fields}
    return [sql.Identifier(str(fields[name].column)) for name in names]


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert ``rows`` (keys: column names of the fields ``names``); left-out columns take their defaults."""
    if not rows:
        return
    columns = sql.SQL(", ").join(_columns(model, names))
    statement = sql.SQL(
        "INSERT INTO {table} ({columns}) "
        "SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)"
    ).format(table=sql.Identifier(model._meta.db_table), columns=columns)
    _execute(statement, rows)


def update_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[Row]) -> None:
    """Set the columns of the fields ``names`` of each row named by its ``id``."""
    if not rows:
        return
    columns = _columns(model, names)
    statement = sql.SQL(
        "UPDATE {table} AS t SET {changes} FROM json_populate_recordset(NULL::{table}, %s::json) AS r "
        "WHERE t.id = r.id"
    ).format(
        table=sql.Identifier(model._meta.db_table),
        changes=sql.SQL(", ").join(sql.SQL("{0} = r.{0}").format(column) for column in columns),
    )
    _execute(statement, rows)


def _execute(statement: sql.Composed, rows: Sequence[Row]) -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(connection.connection), [encode(list(rows))])
