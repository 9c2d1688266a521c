"""One statement, prepared once per connection and run at the level of libpq.

Composing and adapting nineteen values in Python costs more than everything else a webhook needs,
and holds the interpreter lock meanwhile. libpq takes the values as bytes and waits without the lock.
(Behind pgbouncer in transaction mode prepared statements need version 1.21 or newer.)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import connection
from psycopg import pq

_NO_SUCH_STATEMENT = b"26000"


class PreparedStatement:
    """A statement with ``$1`` … parameters whose types stand in its text."""

    def __init__(self, name: str, sql: str) -> None:
        self._name = name.encode()
        self._sql = sql.encode()
        self._prepared_on: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def run(self, values: Sequence[object]) -> list[tuple[bytes | None, ...]]:
        """Run it on Django's connection, in autocommit or in its transaction; returns the rows as text.

        Raises:
            django.db.DatabaseError, InterfaceError: as any query of Django's would.
        """
        connection.ensure_connection()
        raw: psycopg.Connection[Any] = connection.connection
        with connection.wrap_database_errors:
            result = self._execute(raw, values)
            if result.error_field(pq.DiagnosticField.SQLSTATE) == _NO_SUCH_STATEMENT:
                self._prepared_on.discard(raw)  # a pooler gave us another server connection
                result = self._execute(raw, values)
            _check(result, raw)
        columns = range(result.nfields)
        return [tuple(result.get_value(row, at) for at in columns) for row in range(result.ntuples)]

    def _execute(self, raw: psycopg.Connection[Any], values: Sequence[object]) -> pq.abc.PGresult:
        if raw not in self._prepared_on:
            _check(raw.pgconn.prepare(self._name, self._sql), raw)
            self._prepared_on.add(raw)
        # Bytes travel in binary, everything else as text.
        formats = [pq.Format.BINARY if isinstance(value, bytes) else pq.Format.TEXT for value in values]
        encoded: list[Any] = [_encode(value) for value in values]
        return raw.pgconn.exec_prepared(self._name, encoded, formats)


def _encode(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if value is None or isinstance(value, bytes):
        return value
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def _check(result: pq.abc.PGresult, raw: psycopg.Connection[Any]) -> None:
    if raw.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(raw.pgconn.get_error_message())
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
