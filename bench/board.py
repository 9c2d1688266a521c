"""The board and the dispatch page of the console: what a page costs the hub, and a poll without news.

In this process, views alone, with 1 000 open orders. Before each page as many orders change as 50 events a
second bring in two seconds. The first page of a process knows no card yet.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import database
from bench.bodies import ORGANIZATION_ID, Moment, body
from bench.processes import HUB, ProcessFailed, manage, running, settle_garbage, wait_for
from bench.report import MS, TENTHS, Comparison, Length, Row, Section
from console.board.kept_orders import kept_orders
from console.pages.live import NEXT_HEADER
from console.pages.shared_answers import answers
from core.database import db_clock
from orders.models.order import Order
from organizations.models.dictionaries import Courier
from organizations.models.shifts import Shift
from webhooks.receiving.inbox import receive_body
from webhooks.receiving.tokens import Scope

OPEN_ORDERS = 1000
FEW_ORDERS = 100
COURIERS = 100
PATIENCE_S = 60.0
BOARD, CHANGES = "/console/", "/console/changes"
_DISPATCH = "/console/dispatch"
_PAGES = 40
_FIRST_PAGES = 10
_IN_ONE_BODY = 100
# Half an hour late to an hour and a half ahead, and made in the last hour, as on a busy evening.
_THIS_EVENING = """
UPDATE orders SET when_created = now() - random() * interval '1 hour',
                  promised_time = now() - interval '30 minutes' + random() * interval '2 hours'
"""
_CHANGE_SOME = """
UPDATE orders SET comment = 'changed at ' || clock_timestamp(), updated_at = clock_timestamp()
WHERE id IN (SELECT id FROM orders ORDER BY random() LIMIT 100)
"""
# Every other order is given to one of a hundred.
_GIVE_TO_COURIERS = """
UPDATE orders SET courier_id = 'courier-' || id % 100, courier_name = 'Курьер ' || id % 100 WHERE id % 2 = 0
"""


@dataclass(frozen=True, slots=True)
class PageRun:
    """Milliseconds of the server, each list sorted; ``queries`` of a page with few and with many orders."""

    page_ms: list[float]
    page_cpu_ms: list[float]
    first_ms: list[float]
    dispatch_ms: list[float]
    changes_ms: list[float]
    queries: tuple[int, int]
    dispatch_queries: tuple[int, int]
    page_kb: float


def section(length: Length) -> Section:
    questions = 50 if length.quick else 200
    settle_garbage()
    hire_couriers()
    runs = [_page_run(questions) for _ in range(length.runs)]
    how = (
        f"{OPEN_ORDERS} open orders, {COURIERS} couriers, views alone, in one process; "
        f"{questions} questions without news"
    )
    found = Section.of("board", how, runs, _PAGE_ROWS, asdict)
    medians = found.medians
    found.comparisons = [
        Comparison("page p95 at most 150 ms", medians["page, p95"] <= 150, is_goal=False),
        Comparison("dispatch p95 at most 150 ms", medians["dispatch, p95"] <= 150, is_goal=False),
        Comparison("no news p50 at most 10 ms", medians["no news, p50"] <= 10, is_goal=False),
        Comparison("as many queries as with few", all(len(set(run.queries)) == 1 for run in runs)),
        Comparison("the same of dispatch", all(len(set(run.dispatch_queries)) == 1 for run in runs)),
    ]
    return found


_PAGE_ROWS: tuple[Row[PageRun], ...] = (
    Row("page, p50", lambda run: percentile(run.page_ms, 0.50), MS),
    Row("page, p95", lambda run: percentile(run.page_ms, 0.95), MS),
    Row("page, processor time, p50", lambda run: percentile(run.page_cpu_ms, 0.50), MS),
    Row("first page of a process, p50", lambda run: percentile(run.first_ms, 0.50), MS),
    Row("dispatch, p50", lambda run: percentile(run.dispatch_ms, 0.50), MS),
    Row("dispatch, p95", lambda run: percentile(run.dispatch_ms, 0.95), MS),
    Row("no news, p50", lambda run: percentile(run.changes_ms, 0.50), TENTHS + " ms"),
    Row("queries of a page", lambda run: run.queries[1]),
    Row("queries of dispatch", lambda run: run.dispatch_queries[1]),
    Row("page, KB", lambda run: run.page_kb),
)


def _page_run(questions: int) -> PageRun:
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.cookies[settings.SESSION_COOKIE_NAME] = database.operator_session()
    database.empty()
    open_orders(FEW_ORDERS)
    few = _queries(browser, BOARD), _queries(browser, _DISPATCH)
    open_orders(OPEN_ORDERS)
    many = _queries(browser, BOARD), _queries(browser, _DISPATCH)
    pages = [_after(_change_some, browser, BOARD) for _ in range(_PAGES)]
    dispatch = [_after(_change_some, browser, _DISPATCH) for _ in range(_PAGES)]
    first = [_after(kept_orders.forget, browser, BOARD) for _ in range(_FIRST_PAGES)]
    content = first[-1].answer.content
    since, state = begin(content.decode())
    # The changes are seconds old by then: nothing is news.
    time.sleep(1)
    question = {"since": since, "state": state}
    question["since"] = _timed(browser, CHANGES, question).answer.headers[NEXT_HEADER]
    asked = [_timed(browser, CHANGES, question) for _ in range(questions)]
    return PageRun(
        page_ms=sorted(page.ms for page in pages),
        page_cpu_ms=sorted(page.cpu_ms for page in pages),
        first_ms=sorted(page.ms for page in first),
        dispatch_ms=sorted(page.ms for page in dispatch),
        changes_ms=sorted(one.ms for one in asked if one.answer.status_code == 204),
        queries=(few[0], many[0]),
        dispatch_queries=(few[1], many[1]),
        page_kb=len(content) / 1024,
    )


def begin(page: str) -> tuple[str, str]:
    """Return from which moment, and from which state above the cards, a page asks for changes."""
    since, state = (re.search(rf'data-{name}="([^"]*)"', page) for name in ("next", "state"))
    if since is None or state is None:
        raise ProcessFailed("The board does not say from where to go on.")
    return since[1], state[1]


@dataclass(frozen=True, slots=True)
class _Timed:
    """``cpu_ms`` is the processor time of this process: the database's is not in it."""

    ms: float
    cpu_ms: float
    answer: HttpResponse


def _after(change: Callable[[], None], browser: Client, path: str) -> _Timed:
    change()
    return _timed(browser, path)


def _change_some() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE_SOME)


def _timed(browser: Client, path: str, query: dict[str, str] | None = None) -> _Timed:
    cpu, started = time.process_time(), time.perf_counter()
    answer: HttpResponse = browser.get(path, query)  # type: ignore[assignment]  # what the tests' client adds
    ms, cpu_ms = (time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000
    if answer.status_code not in (200, 204):
        raise ProcessFailed(f"{path} answered {answer.status_code}")
    return _Timed(ms, cpu_ms, answer)


def _queries(browser: Client, path: str) -> int:
    _timed(browser, path)
    answers.forget()  # what persons share for half a second would be counted by chance
    with CaptureQueriesContext(connection) as captured:
        _timed(browser, path)
    return len(captured)


def percentile(ascending: Sequence[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] if ascending else float("nan")


def hire_couriers() -> None:
    """Put couriers on shift; once for a database."""
    began = db_clock.now()
    for number in range(COURIERS):
        iiko_id = f"courier-{number}"
        Courier.objects.create(organization_id=ORGANIZATION_ID, iiko_id=iiko_id, name=f"Курьер {number}")
        Shift.objects.create(
            organization_id=ORGANIZATION_ID,
            employee_id=iiko_id,
            opened_at=began,
            is_open=True,
            began_at=began,
        )


def open_orders(count: int) -> None:
    """Bring so many open orders into the mirror: a third each waits for the kitchen, cooks, is on its way."""
    everyone = Scope(frozenset(), everyone=True)
    moments = [Moment(1, order, step) for order in range(count) for step in range(order % 3 + 1)]
    for at in range(0, len(moments), _IN_ONE_BODY):
        receive_body(body(moments[at : at + _IN_ONE_BODY]), everyone)
    with running([manage("worker", "--drain")], env=HUB) as (worker,):
        worker.wait(PATIENCE_S)
    wait_for(lambda: Order.objects.open().count() == count, f"{count} open orders", seconds=PATIENCE_S)
    with connection.cursor() as cursor:
        cursor.execute(_THIS_EVENING)
        cursor.execute(_GIVE_TO_COURIERS)
    database.analyse()
