"""Rows of a year, millions of them, made by the database itself: events, orders with terms, calls to iiko."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from django.db import connection

from bench import database, search
from bench.bodies import ORGANIZATION_ID

_AT_ONCE = 50_000

# Only the columns that the table has: what it is made of may be another version's.
_EVENT = {
    "event_type": "'DeliveryOrderUpdate'",
    "format": "'cloud'",
    "status": "'processed'",
    "reason": "''",
    "processing_error": "''",
    "notes": "'[]'",
    "organization_id": "%(organization)s",
    "entity_key": "md5('iiko' || of_order)::uuid::text",
    "order_external_id": "'WEB-' || of_order",
    "correlation_id": "md5('correlation' || n)::uuid::text",
    "event_time": "at",
    "revision": "(extract(epoch FROM at) * 1000)::bigint",
    "source": "'webhook'",
    "payload": "jsonb_build_object('eventType', 'DeliveryOrderUpdate', 'eventInfo', jsonb_build_object("
    "'id', md5('iiko' || of_order)::uuid, 'order', jsonb_build_object('status', 'Closed', 'sum', n %% 5000,"
    "'comment', repeat(md5(n::text), 8))))",
    "digest": "md5(n::text)",
    "dedup_key": "md5('key' || n) || md5('more' || n)",
    "duplicates": "0",
    "partition": "n %% 16",
    "attempts": "1",
    "received_at": "at",
    "due_at": "at",
    "processed_at": "at + interval '50 ms'",
    "order_id": "of_order",
}
_ADD_EVENTS = """
INSERT INTO webhook_events ({names})
SELECT {values}
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
     LATERAL (SELECT 1 + (n - 1) * %(orders)s / %(events)s AS of_order,
                     now() - interval '365 days' * (1 - n::float / %(events)s) AS at) AS made
"""
_KEY = {"key": "webhook_event_key(dedup_key)", "event_id": "id", "organization_id": "organization_id"}
_ADD_KEYS = "INSERT INTO webhook_event_keys ({names}) SELECT {values} FROM webhook_events"
_ADD_CALLS = """
INSERT INTO iiko_api_calls (
    operation, url, organization_id, order_id, request, response, response_text, http_status, duration_ms,
    correlation_id, error, error_code, requested_by, attempt, started_at
)
SELECT (ARRAY['deliveries/by_id', 'deliveries/by_revision', 'stop_lists'])[1 + n %% 3], '/api/1/x',
       %(organization)s, md5('iiko' || n)::uuid, '{}', '{}', '', 200, 20 + n %% 300,
       md5('call' || n)::uuid, CASE WHEN n %% 50 = 0 THEN 'IikoNoAnswer' ELSE '' END, '', '', 1,
       now() - interval '365 days' * (1 - n::float / %(events)s)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def fill(name: str, *, events: int, orders: int, calls: int) -> None:
    """Put so many rows in place of all there are; ``name`` is for the progress on stderr."""
    database.empty()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE iiko_api_calls RESTART IDENTITY")
        # Nothing of it has to outlive a crash.
        cursor.execute("SET synchronous_commit = off")
        search.fill(orders)
        say(f"{name}: {orders} orders made")
        cursor.execute("ALTER TABLE webhook_events DISABLE TRIGGER USER")
        _add("events", _insert(_ADD_EVENTS, "webhook_events", _EVENT), count=events, of=events, orders=orders)
        cursor.execute("ALTER TABLE webhook_events ENABLE TRIGGER USER")
        if database.value("SELECT to_regclass('webhook_event_keys')::text"):
            # Which a trigger keeps, row by row.
            cursor.execute(_insert(_ADD_KEYS, "webhook_event_keys", _KEY))
        _add("calls", _ADD_CALLS, count=calls, of=calls, orders=orders)
        cursor.execute("RESET synchronous_commit")
        cursor.execute("VACUUM ANALYZE iiko_api_calls")
        database.analyse()
        database.checkpoint()


def _insert(statement: str, table: str, values: Mapping[str, str]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = %s AND table_schema = current_schema()",
            [table],
        )
        there = {name for (name,) in cursor.fetchall()}
    columns = {name: value for name, value in values.items() if name in there}
    return statement.format(names=", ".join(columns), values=", ".join(columns.values()))


def _add(what: str, statement: str, *, count: int, of: int, orders: int) -> None:
    given: dict[str, Any] = {"organization": ORGANIZATION_ID, "events": of, "orders": orders}
    for first in range(1, count + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, count)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**given, "first": first, "last": last})
        if last % (5 * _AT_ONCE) == 0 or last == count:
            say(f"{last} of {count} {what} made")


def events_mb() -> float:
    """Return the size of the table with indexes and partitions."""
    total = database.value(
        "SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('webhook_events')"
    )
    return float(total) / 2**20


_began = time.monotonic()


def say(words: str) -> None:
    """Tell how far it is: the whole takes minutes."""
    print(f"  {time.monotonic() - _began:5.0f} s  {words}", file=sys.stderr, flush=True)
