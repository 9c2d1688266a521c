"""Search: how long each kind of term takes to find its newest orders among 300 000.

The terms are of every sort that people type, the awkward ones included: a first name that a tenth of the
guests have, one letter, a courier who left long ago. Measured is what appears below the console's box and
the list of the API, without the network; and what writing the terms costs the drain of the inbox.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from statistics import quantiles
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from bench import database
from bench.bodies import ORGANIZATION_ID, evening
from bench.drain import by_hub
from bench.processes import settle_garbage
from bench.report import HUNDREDTHS, MS, TENTHS, Comparison, JsonObject, Length, Row, Section

ORDERS = 300_000
GOAL_MS = 50.0
_EACH = 20
"""So many searches of each kind, each for another order where the kind has many."""

_FILL = """
INSERT INTO orders (
    organization_id, iiko_order_id, external_order_id, pos_id, readable_number, status, order_type,
    courier_id, courier_name, customer, phone, address, items, payments, tips, discounts, field_precedence,
    refusal_acknowledged_by, promised_time, when_created, when_closed, created_at, updated_at, amount_minor
)
SELECT
    %(organization)s, md5('iiko' || n)::uuid, 'WEB-' || n, md5('pos' || n)::uuid, (n %% 10000)::text,
    CASE WHEN n > %(orders)s - 300 THEN 'OnWay' ELSE 'Closed' END, 'DELIVERY',
    md5('courier' || n %% 40)::uuid,
    CASE WHEN n < %(orders)s * 0.03 THEN 'Ветров Аркадий'
         ELSE surnames[(1 + n %% 40)::int] || ' ' || names[(1 + n %% 10)::int] END,
    jsonb_build_object('name', names[(1 + n * 7919 %% 10)::int],
                       'surname', surnames[(1 + n * 104729 %% 5000)::int]),
    '+79' || lpad((n * 7919 %% 1000000000)::text, 9, '0'),
    jsonb_build_object('city', 'Тюмень', 'street', surnames[(1 + n * 31 %% 400)::int] || 'ская',
                       'house', (n %% 120)::text),
    items.items, '[]', '[]', '[]', '{}', '', moment + interval '1 hour', moment, moment, moment, moment, 1000
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n,
     LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS moment) AS at,
     LATERAL (SELECT jsonb_agg(jsonb_build_object('name', md5(n::text || one), 'amount', 1, 'price', 69050,
                                                  'comment', null, 'modifiers', '[]'::jsonb)) AS items
              FROM generate_series(1, 4) AS one) AS items,
     (SELECT %(names)s::text[] AS names, %(surnames)s::text[] AS surnames) AS people
"""

_HOST = "127.0.0.1"
BELOW_BOX = {"HX-Request": "true", "HX-Target": "search-found"}
_NAMES = ["Анна", "Пётр", "Мария", "Семён", "Ольга", "Иван", "Алёна", "Юрий", "Дарья", "Глеб"]


def _surnames() -> list[str]:
    syllables = [one + two for one in "бвгдзклмнпрст" for two in "аеиоу"]
    chance = random.Random(7)
    made = {"".join(chance.choices(syllables, k=3)).capitalize() + "нов" for _ in range(20_000)}
    return sorted(made)[:5000]


SURNAMES = _surnames()


def terms() -> dict[str, Callable[[int], str]]:
    """Return the kinds of terms; each gives what is typed for order ``n``."""

    def digest(kind: str, n: int) -> str:
        return str(database.value(f"SELECT md5('{kind}' || %s)::uuid::text", str(n)))

    def phone(n: int) -> str:
        return f"{n * 7919 % 1_000_000_000:09d}"

    def surname(n: int) -> str:
        return SURNAMES[n * 104729 % 5000]

    return {
        "number": lambda n: str(n % 10_000),
        "first digit of a number": lambda n: str(1 + n % 9),
        "first two digits": lambda n: str(10 + n % 90),
        "last two digits": lambda n: f"{n % 100:02d}",
        "external id": lambda n: f"web-{n}",
        "beginning of an external id": lambda n: f"WEB-{str(n)[:3]}",
        "digits of an external id": lambda n: str(n)[-5:],
        "POS id": lambda n: digest("pos", n),
        "iiko id, upper case": lambda n: digest("iiko", n).upper(),
        "beginning of iiko's id": lambda n: digest("iiko", n)[:6],
        "phone": lambda n: f"8 (9{phone(n)[:2]}) {phone(n)[2:5]}-{phone(n)[5:7]}-{phone(n)[7:]}",
        "last four digits of a phone": lambda n: phone(n)[-4:],
        "first name of a tenth": lambda n: ("анна", "петр", "семен")[n % 3],
        "surname": lambda n: surname(n).lower(),
        "beginning of a surname": lambda n: surname(n)[:4],
        "one letter": lambda n: "абвдик"[n % 6],
        "two letters": lambda n: surname(n)[:2].lower(),
        "courier": lambda n: SURNAMES[n % 40],
        "courier who left": lambda _n: "ветров",
        "street and house": lambda n: f"{SURNAMES[n * 31 % 400]}ская {n % 120}".lower(),
        "first name and surname": lambda n: f"{surname(n)} {_NAMES[n * 7919 % 10]}".lower(),
        "two first names": lambda n: f"анна {_NAMES[n % 10]}",
        "courier who left and first name": lambda n: f"ветров {_NAMES[n * 7919 % 10]}",
        "nothing found": lambda _n: "ъъъ",
        "number and first name": lambda n: f"№{n % 10_000} {_NAMES[n * 7919 % 10]}",
    }


@dataclass(frozen=True, slots=True)
class SearchRun:
    """Milliseconds by kind of term, at each door."""

    console: Mapping[str, Sequence[float]]
    api: Mapping[str, Sequence[float]]
    fill_per_s: float
    size_mb: float
    drained_per_s: float
    drained_without_per_s: float
    first_ms: float

    @property
    def drain_ratio(self) -> float:
        return self.drained_per_s / self.drained_without_per_s


def section(length: Length) -> Section:
    orders = 3_000 if length.quick else ORDERS
    kinds = terms()
    drained = [_drain(run, length) for run in range(length.runs)]
    database.empty()
    fill_per_s = fill(orders)
    runs = [_run(kinds, orders, length.key, fill_per_s, one) for one in drained]
    how = f"{orders} orders, {_EACH} searches of each kind, below the box of the console and by the API"
    found = Section.of("search", how, runs, _rows(list(kinds)), _as_json)
    slow = [kind for kind in kinds if found.medians[f"{kind}: p95"] > GOAL_MS]
    found.comparisons = [
        Comparison(f"p95 of every kind at most {GOAL_MS:.0f} ms", not slow),
        Comparison(
            "drain with terms at least 0.95",
            found.medians["drain with terms / without"] >= 0.95,
            is_goal=False,
        ),
    ]
    return found


def _rows(kinds: Sequence[str]) -> Iterator[Row[SearchRun]]:
    for kind in kinds:
        yield Row(f"{kind}: p50", partial(_of, door="console", kind=kind, measure=_p50), MS)
        yield Row(f"{kind}: p95", partial(_of, door="console", kind=kind, measure=_p95), MS)
        yield Row(f"{kind}: API, p95", partial(_of, door="api", kind=kind, measure=_p95), MS)
    yield Row("first search after a sign-in", lambda run: run.first_ms, MS)
    yield Row("orders filled/s", lambda run: run.fill_per_s)
    yield Row("table and indexes, MB", lambda run: run.size_mb, TENTHS)
    yield Row("drained with terms, events/s", lambda run: run.drained_per_s)
    yield Row("drained without, events/s", lambda run: run.drained_without_per_s)
    yield Row("drain with terms / without", lambda run: run.drain_ratio, HUNDREDTHS)


def _of(run: SearchRun, *, door: str, kind: str, measure: Callable[[Sequence[float]], float]) -> float:
    times: Mapping[str, Sequence[float]] = getattr(run, door)
    return measure(times[kind])


def _as_json(run: SearchRun) -> JsonObject:
    content: JsonObject = asdict(run)
    return content | {"drain_ratio": run.drain_ratio}


def _drain(run: int, length: Length) -> tuple[float, float]:
    """Return the events a second that are applied with terms and without, by turns which comes first."""
    moments = evening(run=run, orders=150 if length.quick else 1500)

    def without() -> float:
        with _without_triggers():
            return by_hub(moments).per_s

    if run % 2:
        return by_hub(moments).per_s, without()
    bare = without()
    return by_hub(moments).per_s, bare


def fill(orders: int) -> float:
    """Make the orders without terms, then the terms as the migration does; returns its orders a second."""
    given: dict[str, Any] = {
        "organization": ORGANIZATION_ID,
        "orders": orders,
        "names": _NAMES,
        "surnames": SURNAMES,
    }
    with _without_triggers(), connection.cursor() as cursor:
        for first in range(1, orders + 1, 20_000):
            cursor.execute(_FILL, {**given, "first": first, "last": min(first + 19_999, orders)})
    migration = import_module("orders.migrations.0025_fill_order_terms")
    began = time.monotonic()
    migration.fill(apps, connection.schema_editor())
    seconds = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE orders, order_terms")
    return orders / seconds


@contextmanager
def _without_triggers() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orders DISABLE TRIGGER USER")
        yield
        cursor.execute("ALTER TABLE orders ENABLE TRIGGER USER")


def _run(
    terms: Mapping[str, Callable[[int], str]],
    orders: int,
    key: str,
    fill_per_s: float,
    drained: tuple[float, float],
) -> SearchRun:
    chance = random.Random(11)
    chosen = {kind: [term(chance.randrange(1, orders)) for _ in range(_EACH)] for kind, term in terms.items()}
    person = Client(SERVER_NAME=_HOST)
    person.force_login(User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)[0])
    program = Client(SERVER_NAME=_HOST, headers={"Authorization": f"Api-Key {key}"})
    settle_garbage()

    def console(text: str) -> int:
        return person.get("/console/search", {"q": text}, headers=BELOW_BOX).status_code

    def api(text: str) -> int:
        return program.get("/api/v1/orders", {"search": text}).status_code

    # The first compiles templates and reads who the person is and what they may: a row of its own.
    first_ms = _timed(console, "ъъ")
    _timed(api, "ъъ")
    return SearchRun(
        console={kind: [_timed(console, text) for text in texts] for kind, texts in chosen.items()},
        api={kind: [_timed(api, text) for text in texts] for kind, texts in chosen.items()},
        fill_per_s=fill_per_s,
        size_mb=database.value("SELECT pg_total_relation_size('order_terms')") / 2**20,
        drained_per_s=drained[0],
        drained_without_per_s=drained[1],
        first_ms=first_ms,
    )


def _timed(search: Callable[[str], int], text: str) -> float:
    began = time.perf_counter()
    status = search(text)
    if status != 200:
        raise RuntimeError(f"A search for {text!r} was answered with {status}.")
    return (time.perf_counter() - began) * 1000


def _p50(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[9]


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[18]
