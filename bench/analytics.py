"""Analytics: how long the page and the API take at 300 000 orders, and what counting them costs.

Ten restaurants on three clocks, 13 months of orders with couriers, channels, causes and commands, and 20 000
entries of stop lists. Asked for are periods of all four lengths, spread over the year, without the network.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import quantiles
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from analytics.counting.progress import begin_rebuilding, take_step
from analytics.models import Counting, OrderHour, PeriodFigures
from bench import database
from bench.bodies import ORGANIZATION_ID
from bench.processes import settle_garbage
from bench.report import MS, TENTHS, Comparison, JsonObject, Length, Row, Section
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization

ORDERS = 300_000
GOAL_MS = 300.0
_RESTAURANTS = 10
_BEGINS = datetime(2025, 10, 1, tzinfo=UTC)
_LASTS = timedelta(days=395)
_ZONES = ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok")
_HOST = "127.0.0.1"
_UNITS = ("hour", "day", "week", "month")
_CHANGED = 200
"""So many orders changed since the step before; half a minute of a busy evening."""

_FILL = """
INSERT INTO orders (
    organization_id, iiko_order_id, readable_number, status, order_type, source_key, courier_id, amount_minor,
    cancel_cause, items, payments, tips, discounts, field_precedence, refusal_acknowledged_by,
    when_created, promised_time, when_printed, when_cooking_completed, when_sent, when_delivered, when_closed,
    created_at, updated_at
)
SELECT (%(restaurants)s::text[])[1 + n %% %(count)s], md5('iiko' || n)::uuid, (n %% 10000)::text,
       CASE WHEN is_cancelled THEN 'Cancelled' ELSE 'Closed' END,
       CASE WHEN n %% 4 = 0 THEN 'PICKUP' ELSE 'DELIVERY' END,
       (ARRAY['site', 'app', 'phone', NULL])[1 + (n * 7919) %% 4],
       md5('courier' || n %% 60)::uuid, 50000 + (n * 104729) %% 300000,
       CASE WHEN is_cancelled THEN 'cause ' || n %% 8 END, '[]', '[]', '[]', '[]', '{}', '',
       at, at + interval '60 minutes', at + cook, at + cook * 2, at + cook * 2.5, at + cook * 4,
       at + cook * 4.2, at, at
FROM generate_series(1, %(orders)s::bigint) AS n,
     LATERAL (SELECT %(begins)s::timestamptz + %(lasts)s::interval * (n::float / %(orders)s) AS at,
                     (5 + (n * 31) %% 17) * interval '1 minute' AS cook, n %% 25 = 0 AS is_cancelled) AS made
"""
_STOPS = """
INSERT INTO stop_list_items (
    organization_id, terminal_group_id, product_id, size_id, sku, is_out_of_stock, since, is_since_told,
    until, updated_at
)
SELECT (%(restaurants)s::text[])[1 + n %% %(count)s], 'group', 'product ' || n %% 300, '', '', true, at, true,
       at + interval '1 minute' * (20 + n %% 600), at
FROM generate_series(1, %(stops)s::bigint) AS n,
     LATERAL (SELECT %(begins)s::timestamptz + %(lasts)s::interval * (n::float / %(stops)s) AS at) AS made
"""


@dataclass(frozen=True, slots=True)
class AnalyticsRun:
    """Milliseconds by length of period, at each door."""

    page: Mapping[str, Sequence[float]]
    api: Mapping[str, Sequence[float]]
    file: Sequence[float]
    rebuilt_per_s: float
    step_ms: float
    size_mb: float


def section(length: Length) -> Section:
    orders = 3_000 if length.quick else ORDERS
    restaurants = _fill(orders)
    rebuilt_per_s = _rebuild(restaurants, orders)
    runs = [_run(restaurants, length, rebuilt_per_s) for _ in range(length.runs)]
    how = f"{orders} orders of {_RESTAURANTS} restaurants in 13 months, all restaurants at once"
    found = Section.of("analytics", how, runs, _rows(), _as_json)
    slow = [name for name, value in found.medians.items() if name.endswith("p95") and value > GOAL_MS]
    found.comparisons = [Comparison(f"p95 of every answer at most {GOAL_MS:.0f} ms", not slow)]
    return found


def _as_json(run: AnalyticsRun) -> JsonObject:
    content: JsonObject = asdict(run)
    return content


def _rows() -> list[Row[AnalyticsRun]]:
    rows: list[Row[AnalyticsRun]] = []
    for unit in _UNITS:
        for door in ("page", "api"):
            for name, number in (("p50", 9), ("p95", 18)):
                value = partial(_of, door=door, unit=unit, number=number)
                rows.append(Row(f"{door}, {unit}: {name}", value, MS))
    return [
        *rows,
        Row("file, month: p95", lambda run: _at(run.file, 18), MS),
        Row("orders rebuilt/s", lambda run: run.rebuilt_per_s),
        Row(f"a step with {_CHANGED} changed orders", lambda run: run.step_ms, MS),
        Row("tables and indexes, MB", lambda run: run.size_mb, TENTHS),
    ]


def _of(run: AnalyticsRun, *, door: str, unit: str, number: int) -> float:
    times: Mapping[str, Sequence[float]] = getattr(run, door)
    return _at(times[unit], number)


def _at(times: Sequence[float], number: int) -> float:
    return quantiles(times, n=20)[number]


def _fill(orders: int) -> list[str]:
    database.empty()
    for model in (PeriodFigures, OrderHour, Counting):
        model.objects.all().delete()
    restaurants = [ORGANIZATION_ID, *(f"bench-{number}" for number in range(1, _RESTAURANTS))]
    for number, ident in enumerate(restaurants[1:]):
        zone = _ZONES[number % len(_ZONES)]
        Organization.objects.get_or_create(iiko_id=ident, defaults={"name": ident, "timezone": zone})
    given: dict[str, Any] = {
        "restaurants": restaurants,
        "count": _RESTAURANTS,
        "orders": orders,
        "stops": orders // 15,
        "begins": _BEGINS,
        "lasts": _LASTS,
    }
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orders DISABLE TRIGGER USER")
        cursor.execute(_FILL, given)
        cursor.execute("ALTER TABLE orders ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM stop_list_items")
        cursor.execute(_STOPS, given)
        cursor.execute("VACUUM ANALYZE orders, stop_list_items")
    _ask_commands()
    return restaurants


def _ask_commands() -> None:
    """Make a command for every tenth order."""
    rows = Order.objects.values_list("pk", "created_at")
    OrderCommand.objects.bulk_create(
        (
            OrderCommand(
                order_id=pk,
                kind="update_status",
                state="confirmed",
                created_at=at,
                finished_at=at + timedelta(seconds=pk % 9),
            )
            for pk, at in rows.iterator()
            if pk % 10 == 0
        ),
        batch_size=5000,
    )


def _rebuild(restaurants: Sequence[str], orders: int) -> float:
    began = time.monotonic()
    for ident in restaurants:
        begin_rebuilding(ident)
        while not take_step(ident).is_last:
            pass
    seconds = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE analytics_periods, analytics_order_hours")
    return orders / seconds


def _run(restaurants: Sequence[str], length: Length, rebuilt_per_s: float) -> AnalyticsRun:
    chance = random.Random(11)
    each = 20 if length.quick else 60
    person = Client(SERVER_NAME=_HOST)
    person.force_login(User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)[0])
    program = Client(SERVER_NAME=_HOST, headers={"Authorization": f"Api-Key {length.key}"})
    settle_garbage()

    def some_time() -> str:
        # Never in the first month, nor in the last days: there is always a period before.
        moment = _BEGINS + timedelta(days=35) + (_LASTS - timedelta(days=40)) * chance.random()
        return f"{moment:%Y-%m-%dT%H:%M}"

    def page(unit: str) -> int:
        return person.get("/console/analytics", {"by": unit, "at": some_time()}).status_code

    def file() -> int:
        answer = person.get("/console/analytics/file", {"by": "month", "at": some_time()})
        answer.getvalue()
        return answer.status_code

    def api(unit: str) -> int:
        asked = {"by": unit, "until": some_time()}
        return program.get("/api/v1/analytics", asked).status_code

    page("day")
    api("day")  # what a process reads once
    return AnalyticsRun(
        page={unit: [_timed(partial(page, unit)) for _ in range(each)] for unit in _UNITS},
        api={unit: [_timed(partial(api, unit)) for _ in range(each)] for unit in _UNITS},
        file=[_timed(file) for _ in range(each)],
        rebuilt_per_s=rebuilt_per_s,
        step_ms=_step(restaurants[0]),
        size_mb=sum(
            database.value("SELECT pg_total_relation_size(%s)", table)
            for table in ("analytics_periods", "analytics_order_hours")
        )
        / 2**20,
    )


def _step(restaurant: str) -> float:
    """Change the newest orders of a restaurant; returns how long counting them took."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders SET amount_minor = amount_minor + 100, updated_at = clock_timestamp() WHERE id IN "
            "(SELECT id FROM orders WHERE organization_id = %s ORDER BY id DESC LIMIT %s)",
            [restaurant, _CHANGED],
        )
    began = time.perf_counter()
    step = take_step(restaurant)
    if step.orders != _CHANGED:
        raise RuntimeError(f"{step.orders} orders were counted in place of {_CHANGED}.")
    return (time.perf_counter() - began) * 1000


def _timed(ask: Callable[[], int]) -> float:
    began = time.perf_counter()
    status = ask()
    if status != 200:
        raise RuntimeError(f"A question was answered with {status}.")
    return (time.perf_counter() - began) * 1000
