"""A hundred open boards: how soon they are answered, and what they cost the hub.

Each board has a connection of its own and asks every two seconds while 50 events a second come; the same
events come once more without boards. An event counts as shown once a board has got its card.

The boards are one thread that waits for all connections at once and looks into the answers afterwards, so
that it takes little of the processor that it shares with the hub; its share is measured, too.
"""

import asyncio
import gzip
import re
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection

from django.conf import settings

from bench import database
from bench.board import BOARD, CHANGES, FEW_ORDERS, PATIENCE_S, begin, open_orders, percentile
from bench.bodies import STEPS, Moment, body, evening
from bench.load import PATH
from bench.processes import HUB, ProcessFailed, manage, running, web
from bench.report import HUNDREDTHS, MS, TENTHS, Comparison, JsonObject, Length, Row, Section
from console.pages.live import NEXT_HEADER, STATE_HEADER
from orders.models.order import Order
from webhooks.models.inbox import EventStatus, WebhookEvent

BOARDS = 100
RATE = 50
POLL_S = 2.0


@dataclass(slots=True)
class BoardsRun:
    """``applied`` and ``applied_alone`` are shares of what was sent by the time the last was sent."""

    applied: float = 0.0
    applied_alone: float = 0.0
    answers_ms: list[float] = field(default_factory=list)
    shown_s: list[float] = field(default_factory=list)
    mb_an_hour: float = 0.0
    hub_share: float = 0.0
    """Of one core: what the boards took of web and worker, without the database."""
    client_share: float = 0.0
    """The same of the boards themselves."""

    @property
    def pace(self) -> float:
        return self.applied / self.applied_alone


def section(length: Length) -> Section:
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
    Row("cores, hub for boards", lambda run: run.hub_share, HUNDREDTHS),
    Row("cores, boards themselves", lambda run: run.client_share, HUNDREDTHS),
)


def _as_json(run: BoardsRun) -> JsonObject:
    return {**asdict(run), "pace": run.pace}


def _boards_run(seconds: int, length: Length) -> BoardsRun:
    run = BoardsRun()
    started = _cpu_of_ended_s()
    with _hub() as port:
        run.applied_alone = Evening(port, length.token).send(seconds)
    alone_s = _cpu_of_ended_s() - started
    with _hub() as port:
        sessions = [database.operator_session() for _ in range(BOARDS)]
        evening_ = Evening(port, length.token)
        with _asking(OpenBoards(port, sessions)) as boards:
            run.applied = evening_.send(seconds)
            time.sleep(POLL_S * 2)
    beside_s = _cpu_of_ended_s() - started - alone_s
    run.hub_share = (beside_s - alone_s) / boards.lasted_s
    run.answers_ms = sorted(answer.ms for answer in boards.answers)
    run.client_share = boards.cpu_s / boards.lasted_s
    ids = dict(Order.objects.values_list("external_order_id", "pk"))
    sent_at = {str(ids[number]): at for number, at in evening_.first_sent.items() if number in ids}
    run.shown_s = [at - sent_at[ident] for ident, at in boards.shown() if ident in sent_at]
    run.shown_s.sort()
    received = sum(answer.length for answer in boards.answers)
    run.mb_an_hour = received / BOARDS / boards.lasted_s * 3600 / 1024**2
    return run


def _cpu_of_ended_s() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _hub() -> Iterator[int]:
    database.empty()
    open_orders(FEW_ORDERS)
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
        line = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
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


@dataclass(frozen=True, slots=True)
class Answer:
    """``at`` is when it had come; ``length`` in bytes, head and body."""

    board: int
    at: float
    ms: float
    length: int
    body: bytes

    @property
    def text(self) -> str:
        return (
            gzip.decompress(self.body).decode() if self.body.startswith(b"\x1f\x8b") else self.body.decode()
        )


class OpenBoards:
    """Open pages that ask what changed, each at its own moment of every two seconds."""

    def __init__(self, port: int, sessions: Sequence[str]) -> None:
        self._port = port
        self._sessions = sessions
        self._over = threading.Event()
        self.are_open = threading.Event()
        self.answers: list[Answer] = []
        self.cpu_s = self.lasted_s = 0.0

    def run(self) -> None:
        """Ask until ``stop``. A page that is not answered as it should be ends them all."""
        asyncio.run(self._all())

    def stop(self) -> None:
        self._over.set()

    def shown(self) -> Iterator[tuple[str, float]]:
        """Yield when each board first got each order."""
        known: set[tuple[int, str]] = set()
        for answer in self.answers:
            for ident in re.findall(r'data-id="(\d+)"', answer.text):
                if (answer.board, ident) not in known:
                    known.add((answer.board, ident))
                    yield ident, answer.at

    async def _all(self) -> None:
        pages = [await OpenBoard.load(self._port, session) for session in self._sessions]
        self.are_open.set()
        cpu, began = time.thread_time(), time.perf_counter()
        await asyncio.gather(*(self._one(place, page) for place, page in enumerate(pages)))
        self.cpu_s, self.lasted_s = time.thread_time() - cpu, time.perf_counter() - began

    async def _one(self, place: int, page: "OpenBoard") -> None:
        await asyncio.sleep(POLL_S * place / len(self._sessions))
        while not self._over.is_set():
            began = time.perf_counter()
            length, content = await page.ask()
            now = time.perf_counter()
            self.answers.append(Answer(place, now, (now - began) * 1000, length, content))
            await asyncio.sleep(max(0.0, began + POLL_S - time.perf_counter()))
        page.close()


class OpenBoard:
    """One open page and its connection."""

    def __init__(self, session: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._session = session
        self._reader = reader
        self._writer = writer
        self._since = self._state = ""

    @classmethod
    async def load(cls, port: int, session: str) -> "OpenBoard":
        board = cls(session, *await asyncio.open_connection("127.0.0.1", port, limit=2**20))
        _head, content = await board._get(BOARD)
        board._since, board._state = begin(gzip.decompress(content).decode())
        return board

    async def ask(self) -> tuple[int, bytes]:
        """Return the length of the answer and its body."""
        since = self._since.replace("+", "%2B")
        head, content = await self._get(f"{CHANGES}?since={since}&state={self._state}")
        self._since, self._state = _value(head, NEXT_HEADER), _value(head, STATE_HEADER)
        return len(head) + len(content), content

    def close(self) -> None:
        self._writer.close()

    async def _get(self, path: str) -> tuple[str, bytes]:
        self._writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
            f"Cookie: {settings.SESSION_COOKIE_NAME}={self._session}\r\n\r\n".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status = head.split(" ", 2)[1]
        if status == "204":
            return head, b""
        if status != "200":
            raise ProcessFailed(f"{path} was answered {status}")
        return head, await self._reader.readexactly(int(_value(head, "Content-Length")))


def _value(head: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)\r$", head, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise ProcessFailed(f"The answer has no {name}.")
    return found[1]


@contextmanager
def _asking(boards: OpenBoards) -> Iterator[OpenBoards]:
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(boards.run)
        try:
            if not boards.are_open.wait(PATIENCE_S):
                raise ProcessFailed("The boards do not open.")
            yield boards
        finally:
            boards.stop()
        asked.result(PATIENCE_S)
