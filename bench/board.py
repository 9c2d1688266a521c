"""The board of the console: what a page costs, and what a hundred open boards cost the hub.

``board`` measures the views alone, in this process: the whole page with 100 and with 1 000 open orders, and
an answer to "what changed?" when nothing did. ``boards`` starts the hub: a hundred boards, each with a
connection of its own, ask every two seconds while 50 events a second come; the same events come once more
without boards. An event counts as shown once a board has got its card.
"""

import gc
import gzip
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import database
from bench.bodies import STEPS, Moment, body, evening
from bench.load import PATH
from bench.processes import HUB, ProcessFailed, manage, running, wait_for, web
from bench.report import HUNDREDTHS, MS, TENTHS, Comparison, JsonObject, Length, Row, Section
from console.pages.live import NEXT_HEADER, STATE_HEADER
from orders.models.order import Order
from webhooks.models.inbox import EventStatus, WebhookEvent
from webhooks.receiving.inbox import receive_body
from webhooks.receiving.tokens import Scope

BOARDS = 100
RATE = 50
POLL_S = 2.0
OPEN_ORDERS = 1000
FEW_ORDERS = 100
_PAGES = 40
_IN_ONE_BODY = 100
_PATIENCE_S = 60.0
_BOARD, _CHANGES = "/console/", "/console/changes"
# Half an hour late to an hour and a half ahead, and made in the last hour, as on a busy evening.
_THIS_EVENING = """
UPDATE orders SET when_created = now() - random() * interval '1 hour',
                  promised_time = now() - interval '30 minutes' + random() * interval '2 hours'
"""


# --- one page -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageRun:
    """Milliseconds of the server, each list sorted; ``queries`` of a page with few and with many orders."""

    page_ms: list[float]
    changes_ms: list[float]
    queries: tuple[int, int]
    page_kb: float


def section(length: Length) -> Section:
    questions = 50 if length.quick else 200
    _settle_garbage()
    runs = [_page_run(questions) for _ in range(length.runs)]
    how = f"{OPEN_ORDERS} open orders, views alone, in one process; {questions} questions without news"
    found = Section.of("board", how, runs, _PAGE_ROWS, asdict)
    found.comparisons = [
        Comparison("page p95 at most 150 ms", found.medians["page, p95"] <= 150, is_goal=False),
        Comparison("no news p50 at most 10 ms", found.medians["no news, p50"] <= 10, is_goal=False),
        Comparison("as many queries as with few", all(len(set(run.queries)) == 1 for run in runs)),
    ]
    return found


_PAGE_ROWS: tuple[Row[PageRun], ...] = (
    Row("page, p50", lambda run: percentile(run.page_ms, 0.50), MS),
    Row("page, p95", lambda run: percentile(run.page_ms, 0.95), MS),
    Row("no news, p50", lambda run: percentile(run.changes_ms, 0.50), TENTHS + " ms"),
    Row("queries of a page", lambda run: run.queries[1]),
    Row("page, KB", lambda run: run.page_kb),
)


def _settle_garbage() -> None:
    """Look for garbage as seldom as a web process does (``gunicorn.conf.py``)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _page_run(questions: int) -> PageRun:
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.cookies[settings.SESSION_COOKIE_NAME] = database.operator_session()
    database.empty()
    _open_orders(FEW_ORDERS)
    few = _queries(browser)
    _open_orders(OPEN_ORDERS)
    many = _queries(browser)
    pages = [_timed(browser, _BOARD) for _ in range(_PAGES)]
    content = pages[-1][1].content
    since, state = _begin(content.decode())
    # The changes are seconds old by then: nothing is news.
    time.sleep(1)
    question = {"since": since, "state": state}
    question["since"] = _timed(browser, _CHANGES, question)[1].headers[NEXT_HEADER]
    asked = [_timed(browser, _CHANGES, question) for _ in range(questions)]
    return PageRun(
        page_ms=sorted(ms for ms, _ in pages),
        changes_ms=sorted(ms for ms, answer in asked if answer.status_code == 204),
        queries=(few, many),
        page_kb=len(content) / 1024,
    )


def _begin(page: str) -> tuple[str, str]:
    """Return from which moment, and from which state above the cards, a page asks for changes."""
    since, state = (re.search(rf'data-{name}="([^"]*)"', page) for name in ("next", "state"))
    if since is None or state is None:
        raise ProcessFailed("The board does not say from where to go on.")
    return since[1], state[1]


def _timed(browser: Client, path: str, query: dict[str, str] | None = None) -> tuple[float, HttpResponse]:
    started = time.perf_counter()
    answer: HttpResponse = browser.get(path, query)  # type: ignore[assignment]  # what the tests' client adds
    if answer.status_code not in (200, 204):
        raise ProcessFailed(f"{path} answered {answer.status_code}")
    return (time.perf_counter() - started) * 1000, answer


def _queries(browser: Client) -> int:
    _timed(browser, _BOARD)
    with CaptureQueriesContext(connection) as captured:
        _timed(browser, _BOARD)
    return len(captured)


def percentile(ascending: Sequence[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] if ascending else float("nan")


# --- a hundred boards ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class BoardsRun:
    """``applied`` and ``applied_alone`` are shares of what was sent by the time the last was sent."""

    applied: float = 0.0
    applied_alone: float = 0.0
    answers_ms: list[float] = field(default_factory=list)
    shown_s: list[float] = field(default_factory=list)
    mb_an_hour: float = 0.0

    @property
    def pace(self) -> float:
        return self.applied / self.applied_alone


def boards_section(length: Length) -> Section:
    seconds = 8 if length.quick else 40
    runs = [_boards_run(seconds, length) for _ in range(length.runs)]
    how = f"{BOARDS} boards with {FEW_ORDERS} open orders, {RATE} events/s for {seconds} s"
    found = Section.of("boards", how, runs, _BOARDS_ROWS, _as_json)
    medians = found.medians
    found.comparisons = [
        Comparison("changes p95 at most 100 ms", medians["changes, p95"] <= 100, is_goal=False),
        Comparison("pace at least 0.9 of alone", medians["pace, to no boards"] >= 0.9, is_goal=False),
        Comparison("shown p95 within 3 s", medians["shown after, p95"] <= 3, is_goal=False),
        Comparison("at most 10 MB an hour", medians["MB an hour, one board"] <= 10, is_goal=False),
    ]
    return found


_BOARDS_ROWS: tuple[Row[BoardsRun], ...] = (
    Row("changes, p50", lambda run: percentile(run.answers_ms, 0.50), MS),
    Row("changes, p95", lambda run: percentile(run.answers_ms, 0.95), MS),
    Row("answers", lambda run: len(run.answers_ms)),
    Row("pace, to no boards", lambda run: run.pace, HUNDREDTHS),
    Row("shown after, p50", lambda run: percentile(run.shown_s, 0.50), HUNDREDTHS + " s"),
    Row("shown after, p95", lambda run: percentile(run.shown_s, 0.95), HUNDREDTHS + " s"),
    Row("MB an hour, one board", lambda run: run.mb_an_hour, TENTHS),
)


def _as_json(run: BoardsRun) -> JsonObject:
    return {**asdict(run), "pace": run.pace}


def _boards_run(seconds: int, length: Length) -> BoardsRun:
    run = BoardsRun()
    with _hub() as port:
        run.applied_alone = Evening(port, length.token).send(seconds)
    with _hub() as port:
        boards = [OpenBoard(port, database.operator_session()) for _ in range(BOARDS)]
        evening_ = Evening(port, length.token)
        with _asking(boards):
            run.applied = evening_.send(seconds)
            time.sleep(POLL_S * 2)
    run.answers_ms = sorted(ms for board in boards for ms in board.answers_ms)
    ids = dict(Order.objects.values_list("external_order_id", "pk"))
    sent_at = {str(ids[number]): at for number, at in evening_.first_sent.items() if number in ids}
    run.shown_s = sorted(
        at - sent_at[ident] for board in boards for ident, at in board.shown_at.items() if ident in sent_at
    )
    run.mb_an_hour = sum(board.received for board in boards) / len(boards) / seconds * 3600 / 1024**2
    return run


@contextmanager
def _hub() -> Iterator[int]:
    database.empty()
    _open_orders(FEW_ORDERS)
    with web() as port, running([manage("worker")], env=HUB):
        yield port


class Evening:
    """Sends new orders and their steps at a steady rate."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.first_sent: dict[str, float] = {}
        """When the first event of each order left, by its number for the guest."""

    def send(self, seconds: int) -> float:
        """Return which share of the events was applied when the last one was sent."""
        moments = evening(run=7, orders=round(seconds * RATE / len(STEPS)))
        before = WebhookEvent.objects.filter(status=EventStatus.PROCESSED).count()
        line = HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        started = time.perf_counter()
        for index, moment in enumerate(moments):
            time.sleep(max(0.0, started + index / RATE - time.perf_counter()))
            self.first_sent.setdefault(_number(moment), time.perf_counter())
            _post(line, self._token, moment)
        line.close()
        applied = WebhookEvent.objects.filter(status=EventStatus.PROCESSED).count() - before
        return applied / len(moments)


def _number(moment: Moment) -> str:
    return f"WEB-{moment.run}-{moment.order}"


def _post(line: HTTPConnection, token: str, moment: Moment) -> None:
    line.request("POST", PATH, body([moment]), {"Authorization": token})
    answer = line.getresponse()
    answer.read()
    if answer.status != 200:
        raise ProcessFailed(f"A webhook was answered {answer.status}")


class OpenBoard:
    """One open page: asks what changed, and notes when it got which order."""

    def __init__(self, port: int, session: str) -> None:
        self._line = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        self._headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}", "Accept-Encoding": "gzip"}
        self.answers_ms: list[float] = []
        self.shown_at: dict[str, float] = {}
        self.received = 0
        page = self._get(_BOARD)[1]
        self._since, self._state = _begin(page)
        self.received = 0  # what is open all evening is what counts

    def ask(self) -> None:
        started = time.perf_counter()
        answer, text = self._get(f"{_CHANGES}?since={self._since.replace('+', '%2B')}&state={self._state}")
        now = time.perf_counter()
        self.answers_ms.append((now - started) * 1000)
        self._since, self._state = answer[NEXT_HEADER], answer[STATE_HEADER]
        for ident in re.findall(r'data-id="(\d+)"', text):
            self.shown_at.setdefault(ident, now)

    def close(self) -> None:
        self._line.close()

    def _get(self, path: str) -> tuple[dict[str, str], str]:
        self._line.request("GET", path, headers=self._headers)
        answer = self._line.getresponse()
        content = answer.read()
        if answer.status not in (200, 204):
            raise ProcessFailed(f"{path} answered {answer.status}")
        head = dict(answer.getheaders())
        self.received += len(content) + sum(len(name) + len(value) + 4 for name, value in head.items())
        if head.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return head, content.decode()


@contextmanager
def _asking(boards: Sequence[OpenBoard]) -> Iterator[None]:
    """Let every board ask at its own moment of each two seconds."""
    over = threading.Event()

    def keep_asking(place: int, board: OpenBoard) -> None:
        over.wait(POLL_S * place / len(boards))
        while not over.is_set():
            began = time.perf_counter()
            board.ask()
            over.wait(max(0.0, began + POLL_S - time.perf_counter()))
        board.close()

    with ThreadPoolExecutor(len(boards)) as threads:
        asked = [threads.submit(keep_asking, place, board) for place, board in enumerate(boards)]
        try:
            yield
        finally:
            over.set()
        for one in asked:
            one.result()


# --- the start of both --------------------------------------------------------------------------------------


def _open_orders(count: int) -> None:
    """Bring so many open orders into the mirror: a third each waits for the kitchen, cooks, is on its way."""
    everyone = Scope(frozenset(), everyone=True)
    moments = [Moment(1, order, step) for order in range(count) for step in range(order % 3 + 1)]
    for at in range(0, len(moments), _IN_ONE_BODY):
        receive_body(body(moments[at : at + _IN_ONE_BODY]), everyone)
    with running([manage("worker", "--drain")], env=HUB) as (worker,):
        worker.wait(_PATIENCE_S)
    wait_for(lambda: Order.objects.open().count() == count, f"{count} open orders", seconds=_PATIENCE_S)
    with connection.cursor() as cursor:
        cursor.execute(_THIS_EVENING)
    database.analyse()
