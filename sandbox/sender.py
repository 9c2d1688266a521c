"""Carries the letters to the hub: in order per lane, again when they were refused, in its own threads.

A hub that is down costs letters at worst, never the play: queues are bounded and nothing here waits
for the hub but the lane's own thread.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from threading import Condition, Event, Lock, Thread
from uuid import UUID

import requests

from sandbox.faults import Fate
from sandbox.journal import Journal
from sandbox.mail import Letter

_ANSWERS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to, with which token, and how patiently.

    ``pauses_s``: the pauses before each further try; after the last the letter counts as lost.
    """

    url: str
    token: str
    pauses_s: tuple[float, ...] = (1, 2, 4, 8, 15)
    timeout_s: float = 10
    queue_limit: int = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """Letters by what became of them. ``refused`` counts tries, not letters."""

    delivered: int = 0
    events: int = 0
    refused: int = 0
    lost: int = 0
    dropped: int = 0
    duplicated: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub said to one try; ``status`` is None when it said nothing. ``number`` counts all tries."""

    at: datetime
    title: str
    status: int | None
    took_ms: int
    url: str = ""
    body: bytes = b""
    number: int = 0

    @property
    def is_yes(self) -> bool:
        return self.status == 200


class Sender:
    """The post office. ``roll`` decides the fate of each letter."""

    def __init__(self, settings: Settings, journal: Journal, roll: Callable[[], Fate] = Fate) -> None:
        self._settings = settings
        self._journal = journal
        self._roll = roll
        self._lanes: dict[UUID, _Lane] = {}
        self._stopping = Event()
        self._lock = Lock()
        self._counts = Counts()
        self._answers: deque[Answer] = deque(maxlen=_ANSWERS_KEPT)
        self._tries = 0

    def put(self, letter: Letter) -> None:
        """Take a letter and return at once. Call it from one thread."""
        fate = self._roll()
        if not fate.copies:
            self._journal.line(f"{letter.title}  dropped on purpose")
            self._count(dropped=1)
            return
        self._count(duplicated=fate.copies - 1)
        lane = self._lane(letter.lane)
        for _ in range(fate.copies):
            if not lane.put(letter, fate):
                self._journal.line(f"{letter.title}  lost: {self._settings.queue_limit} others wait already")
                self._count(lost=1)

    def counts(self) -> Counts:
        with self._lock:
            return self._counts

    def waiting(self) -> int:
        """Count the letters not yet delivered or lost."""
        return sum(len(lane) for lane in list(self._lanes.values()))

    def answers(self) -> list[Answer]:
        """Give the hub's last answers, the newest first."""
        with self._lock:
            return list(reversed(self._answers))

    def close(self, *, grace_s: float = 3) -> None:
        """Stop sending; what still waits is not sent. A request under way has ``grace_s`` to end."""
        self._stopping.set()
        for lane in self._lanes.values():
            lane.wake()
        deadline = time.monotonic() + grace_s
        for lane in self._lanes.values():
            lane.join(max(0.0, deadline - time.monotonic()))

    def _lane(self, key: UUID) -> _Lane:
        if key not in self._lanes:
            self._lanes[key] = _Lane(self._settings.queue_limit, self._stopping, self._work)
        return self._lanes[key]

    def _work(self, lane: _Lane) -> None:
        with requests.Session() as session:
            # Else a .netrc or a proxy of the machine would have its say.
            session.trust_env = False
            session.headers["Content-Type"] = "application/json"
            session.headers["User-Agent"] = "iiko-sandbox"
            while letter := lane.wait_for_next():
                self._carry(session, letter)
                lane.done()

    def _carry(self, session: requests.Session, letter: Letter) -> None:
        """Bring one letter until the hub takes it or patience ends."""
        for pause_s in (*self._settings.pauses_s, None):
            answer = self._post(session, letter)
            if answer.is_yes:
                self._count(delivered=1, events=letter.events)
                self._journal.line(f"{letter.title}  200 {answer.took_ms} ms")
                return
            self._count(refused=1)
            said = answer.status or "no answer"
            if pause_s is None:
                break
            self._journal.line(f"{letter.title}  {said}, again in {pause_s:g} s")
            if self._stopping.wait(pause_s):
                return
        self._count(lost=1)
        self._journal.line(f"{letter.title}  {said}, lost after {len(self._settings.pauses_s) + 1} tries")

    def _post(self, session: requests.Session, letter: Letter) -> Answer:
        started = time.monotonic()
        status: int | None
        url = letter.url or self._settings.url
        # Plainly, with no scheme before it: so one who saw real traffic noted it (REFERENCE 7.1).
        token = letter.token if letter.url else self._settings.token
        try:
            response = session.post(
                url,
                data=letter.body,
                headers={"Authorization": token.encode()} if token else {},
                timeout=self._settings.timeout_s,
                allow_redirects=False,
            )
            status = response.status_code
        except requests.RequestException:
            status = None
        took_ms = round((time.monotonic() - started) * 1000)
        with self._lock:
            self._tries += 1
            at = datetime.now(UTC)
            answer = Answer(at, letter.title, status, took_ms, url, letter.body, self._tries)
            self._answers.append(answer)
        return answer

    def _count(self, **more: int) -> None:
        with self._lock:
            counted = asdict(self._counts)
            self._counts = replace(self._counts, **{name: counted[name] + n for name, n in more.items()})


class _Lane:
    """Letters that must not overtake each other, and the thread that brings them."""

    def __init__(self, limit: int, stopping: Event, work: Callable[[_Lane], None]) -> None:
        self._limit = limit
        self._stopping = stopping
        self._changed = Condition()
        self._heap: list[tuple[float, int, Letter]] = []
        self._put = 0
        self._not_before = 0.0
        self._carried = 0
        self._thread = Thread(target=work, args=(self,), name="sender", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        with self._changed:
            return len(self._heap) + self._carried

    def put(self, letter: Letter, fate: Fate) -> bool:
        """Queue a letter; False when the queue is full."""
        with self._changed:
            if len(self._heap) >= self._limit:
                return False
            due = max(self._not_before, time.monotonic() + fate.delay_s)
            if not fate.may_be_overtaken:
                self._not_before = due
            self._put += 1
            heapq.heappush(self._heap, (due, self._put, letter))
            self._changed.notify()
            return True

    def wait_for_next(self) -> Letter | None:
        """Wait for the next letter that is due; None when it is time to stop."""
        with self._changed:
            while not self._stopping.is_set():
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    self._carried = 1
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait_s)
        return None

    def done(self) -> None:
        with self._changed:
            self._carried = 0

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
