"""Rows of the inbox and the statements that insert them."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import connection
from psycopg import pq

from core import trace
from iiko_client.models.events import Envelope
from webhooks.models.inbox import PARTITIONS, EventSource, EventStatus
from webhooks.receiving.database_watch import database_watch


@dataclass(slots=True)
class NewEvent:
    """A row about to be stored."""

    envelope: Envelope
    payload: str | None
    dedup_key: str
    raw: bytes | None = None
    status: str = EventStatus.PENDING
    reason: str = ""
    error: str = ""
    source: str = EventSource.WEBHOOK
    replay_of: int | None = None
    duplicates: int = 0
    is_wrong_tenant: bool = False
    """Brought with a token that does not speak for its organization."""
    trace_id: str | None = field(default_factory=lambda: trace.current_id() or None)

    @property
    def partition(self) -> int:
        of_entity = f"{self.envelope.organization_id}\0{self.envelope.entity_key or self.dedup_key}"
        return zlib.crc32(of_entity.encode()) % PARTITIONS

    @property
    def is_plain(self) -> bool:
        """Nothing but a webhook that waits to be applied, as almost all of them are."""
        return (
            self.status is EventStatus.PENDING
            and self.source is EventSource.WEBHOOK
            and self.raw is None
            and not self.duplicates
        )


Connection = psycopg.Connection[Any]

_NO_SUCH_STATEMENT = b"26000"


class PreparedStatement:
    """A statement with ``$1`` … parameters whose types stand in its text."""

    def __init__(self, name: str, sql: str) -> None:
        self._name = name.encode()
        self._sql = sql.encode()
        self._prepared_on: WeakSet[Connection] = WeakSet()

    def run(self, values: Sequence[object]) -> list[tuple[bytes | None, ...]]:
        """Run it on Django's connection, in autocommit or in its transaction; returns the rows as text.

        Raises:
            django.db.DatabaseError, InterfaceError: as any query of Django's would.
        """
        connection.ensure_connection()
        raw: Connection = connection.connection
        with connection.wrap_database_errors:
            result = self._execute(raw, values)
            if result.error_field(pq.DiagnosticField.SQLSTATE) == _NO_SUCH_STATEMENT:
                self._prepared_on.discard(raw)  # a pooler gave us another server connection
                result = self._execute(raw, values)
            _check(result, raw)
        columns = range(result.nfields)
        return [tuple(result.get_value(row, at) for at in columns) for row in range(result.ntuples)]

    def _execute(self, raw: Connection, values: Sequence[object]) -> pq.abc.PGresult:
        if raw not in self._prepared_on:
            _check(raw.pgconn.prepare(self._name, self._sql), raw)
            self._prepared_on.add(raw)
        # Bytes travel in binary, everything else as text.
        formats = [pq.Format.BINARY if isinstance(value, bytes) else pq.Format.TEXT for value in values]
        encoded: list[Any] = [_encode(value) for value in values]
        return raw.pgconn.exec_prepared(self._name, encoded, formats)


Column = tuple[str, str, Callable[[NewEvent], Any]]

_PLAIN: tuple[Column, ...] = (
    ("event_type", "text", lambda event: event.envelope.event_type),
    ("format", "text", lambda event: event.envelope.format),
    ("organization_id", "text", lambda event: event.envelope.organization_id),
    ("entity_key", "text", lambda event: event.envelope.entity_key),
    ("order_external_id", "text", lambda event: event.envelope.order_external_id),
    ("correlation_id", "text", lambda event: event.envelope.correlation_id),
    ("event_time", "timestamptz", lambda event: event.envelope.event_time),
    ("revision", "bigint", lambda event: event.envelope.revision),
    ("payload", "jsonb", lambda event: event.payload),
    ("digest", "text", lambda event: event.envelope.digest),
    ("dedup_key", "text", lambda event: event.dedup_key),
    ("partition", "smallint", lambda event: event.partition),
    ("trace_id", "uuid", lambda event: event.trace_id),
)
_OTHER: tuple[Column, ...] = (
    ("status", "text", lambda event: str(event.status)),
    ("reason", "text", lambda event: str(event.reason)),
    ("processing_error", "text", lambda event: event.error),
    ("source", "text", lambda event: str(event.source)),
    ("raw_body", "bytea", lambda event: event.raw),
    ("duplicates", "integer", lambda event: event.duplicates),
    ("replay_of_id", "bigint", lambda event: event.replay_of),
)
_PLAIN_OTHERS = "'pending', '', '', 'webhook', NULL, 0, NULL"
_ALL = _PLAIN + _OTHER
_NAMES = ", ".join(name for name, _, _ in _ALL)
_INTO = f"webhook_events ({_NAMES}, notes, attempts"
# A trigger counts a repeat on the row it repeats, and what is new alone comes back (docs/adr/0015).
_RETURNING = " RETURNING dedup_key"
MOST_ROWS = 32
"""Of one statement of plain rows."""
# S608: all of these are made of the constants above.
_INSERT_ONE = (
    f"INSERT INTO {_INTO}) VALUES ({', '.join(f'%s::{kind}' for _, kind, _ in _ALL)}, '[]', 0){_RETURNING}"  # noqa: S608
)
_INSERT_MANY = (
    f"INSERT INTO {_INTO}, id) SELECT {_NAMES}, '[]', 0, id FROM unnest("  # noqa: S608
    f"{', '.join(f'%s::{kind}[]' for _, kind, _ in _ALL)}, %s::bigint[]) AS given ({_NAMES}, id){_RETURNING}"
)


def _insert_plain(rows: int) -> PreparedStatement:
    """Prepare a statement for so many plain rows, a parameter for each value of ``_PLAIN``."""
    kinds = [kind for _ in range(rows) for _, kind, _ in _PLAIN]
    parameters = (f"${at}::{kind}" for at, kind in enumerate(kinds, 1))
    values = [
        f"({', '.join(islice(parameters, len(_PLAIN)))}, {_PLAIN_OTHERS}, '[]', 0)" for _ in range(rows)
    ]
    return PreparedStatement(
        f"iikohub_inbox_{rows}",
        f"INSERT INTO {_INTO}) VALUES {', '.join(values)}{_RETURNING}",  # noqa: S608
    )


_statements = [_insert_plain(rows) for rows in range(1, MOST_ROWS + 1)]


def insert_one(event: NewEvent) -> bool:
    """Insert a row, or count a repeat on the one there is; returns whether it was new."""
    if event.is_plain and not (connection.queries_logged or connection.execute_wrappers):
        return insert_plain([event])[0]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_ONE, [read(event) for _, _, read in _ALL])
        return cursor.fetchone() is not None


def insert(events: Sequence[NewEvent], *, ids: list[int]) -> int:
    """Insert rows with different keys under ids taken before; returns how many were new."""
    columns = [[read(event) for event in events] for _, _, read in _ALL]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MANY, [*columns, ids])
        return len(cursor.fetchall())


def insert_plain(events: Sequence[NewEvent]) -> list[bool]:
    """Insert ``MOST_ROWS`` plain rows with different keys at most; returns for each whether it was new.

    Raises:
        DatabaseAway: too long was waited for other threads.
    """
    database_watch.check_in_time()
    # Sorted by key, as everywhere: two processes must not lock the same rows crosswise.
    rows = sorted(events, key=lambda event: event.dedup_key)
    answers = _statements[len(rows) - 1].run([read(event) for event in rows for _, _, read in _PLAIN])
    new = {key for (key,) in answers}
    return [event.dedup_key.encode() in new for event in events]


def _encode(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if value is None or isinstance(value, bytes):
        return value
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def _check(result: pq.abc.PGresult, raw: Connection) -> None:
    if raw.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(raw.pgconn.get_error_message())
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
