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

from sandbox.faults import DeliveryFault
from sandbox.journal import Journal
from sandbox.webhooks.webhook_queue import Delivery

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
    """What the hub said to one try; ``status`` is None when it said nothing."""

    at: datetime
    title: str
    status: int | None
    took_ms: int
    url: str = ""
    body: bytes = b""

    @property
    def is_yes(self) -> bool:
        return self.status == 200


class Sender:
    """The post office. ``roll`` decides the fate of each letter."""

    def __init__(
        self, settings: Settings, journal: Journal, for_delivery: Callable[[], DeliveryFault] = DeliveryFault
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._fault_for_delivery = for_delivery
        self._partitions: dict[UUID, _Partition] = {}
        self._stopping = Event()
        self._lock = Lock()
        self._counts = Counts()
        self._answers: deque[Answer] = deque(maxlen=_ANSWERS_KEPT)

    def put(self, delivery: Delivery) -> None:
        """Take a letter and return at once. Call it from one thread."""
        fault = self._fault_for_delivery()
        if not fault.copies:
            self._journal.line(f"{delivery.title}  dropped on purpose")
            self._count(dropped=1)
            return
        self._count(duplicated=fault.copies - 1)
        partition = self._partition(delivery.partition)
        for _ in range(fault.copies):
            if not partition.put(delivery, fault):
                self._journal.line(
                    f"{delivery.title}  lost: {self._settings.queue_limit} others wait already"
                )
                self._count(lost=1)

    def counts(self) -> Counts:
        with self._lock:
            return self._counts

    def waiting(self) -> int:
        """Count the letters not yet delivered or lost."""
        return sum(len(partition) for partition in list(self._partitions.values()))

    def answers(self) -> list[Answer]:
        """Give the hub's last answers, the newest first."""
        with self._lock:
            return list(reversed(self._answers))

    def close(self, *, grace_s: float = 3) -> None:
        """Stop sending; what still waits is not sent. A request under way has ``grace_s`` to end."""
        self._stopping.set()
        for partition in self._partitions.values():
            partition.wake()
        deadline = time.monotonic() + grace_s
        for partition in self._partitions.values():
            partition.join(max(0.0, deadline - time.monotonic()))

    def _partition(self, key: UUID) -> _Partition:
        if key not in self._partitions:
            self._partitions[key] = _Partition(self._settings.queue_limit, self._stopping, self._work)
        return self._partitions[key]

    def _work(self, partition: _Partition) -> None:
        with requests.Session() as session:
            # Else a .netrc or a proxy of the machine would have its say.
            session.trust_env = False
            session.headers["Content-Type"] = "application/json"
            session.headers["User-Agent"] = "iiko-sandbox"
            while delivery := partition.wait_for_next():
                self._carry(session, delivery)
                partition.done()

    def _carry(self, session: requests.Session, delivery: Delivery) -> None:
        """Bring one letter until the hub takes it or patience ends."""
        for pause_s in (*self._settings.pauses_s, None):
            answer = self._post(session, delivery)
            if answer.is_yes:
                self._count(delivered=1, events=delivery.events)
                self._journal.line(f"{delivery.title}  200 {answer.took_ms} ms")
                return
            self._count(refused=1)
            said = answer.status or "no answer"
            if pause_s is None:
                break
            self._journal.line(f"{delivery.title}  {said}, again in {pause_s:g} s")
            if self._stopping.wait(pause_s):
                return
        self._count(lost=1)
        self._journal.line(f"{delivery.title}  {said}, lost after {len(self._settings.pauses_s) + 1} tries")

    def _post(self, session: requests.Session, delivery: Delivery) -> Answer:
        started = time.monotonic()
        status: int | None
        url = delivery.url or self._settings.url
        # Plainly, with no scheme before it: so one who saw real traffic noted it (REFERENCE 7.1).
        token = delivery.token if delivery.url else self._settings.token
        try:
            response = session.post(
                url,
                data=delivery.body,
                headers={"Authorization": token.encode()} if token else {},
                timeout=self._settings.timeout_s,
                allow_redirects=False,
            )
            status = response.status_code
        except requests.RequestException:
            status = None
        took_ms = round((time.monotonic() - started) * 1000)
        answer = Answer(datetime.now(UTC), delivery.title, status, took_ms, url, delivery.body)
        with self._lock:
            self._answers.append(answer)
        return answer

    def _count(self, **more: int) -> None:
        with self._lock:
            counted = asdict(self._counts)
            self._counts = replace(self._counts, **{name: counted[name] + n for name, n in more.items()})


class _Partition:
    """Letters that must not overtake each other, and the thread that brings them."""

    def __init__(self, limit: int, stopping: Event, work: Callable[[_Partition], None]) -> None:
        self._limit = limit
        self._stopping = stopping
        self._changed = Condition()
        self._heap: list[tuple[float, int, Delivery]] = []
        self._put = 0
        self._not_before = 0.0
        self._carried = 0
        self._thread = Thread(target=work, args=(self,), name="sender", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        with self._changed:
            return len(self._heap) + self._carried

    def put(self, delivery: Delivery, fault: DeliveryFault) -> bool:
        """Queue a letter; False when the queue is full."""
        with self._changed:
            if len(self._heap) >= self._limit:
                return False
            due = max(self._not_before, time.monotonic() + fault.delay_s)
            if not fault.may_be_overtaken:
                self._not_before = due
            self._put += 1
            heapq.heappush(self._heap, (due, self._put, delivery))
            self._changed.notify()
            return True

    def wait_for_next(self) -> Delivery | None:
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
