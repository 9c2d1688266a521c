"""Sends deliveries to the hub: in order per partition, with retries, in threads of its own.

A hub that is down costs deliveries at worst and never stops the simulation: queues are bounded, and only the
partition's own thread waits for the hub.
"""

from __future__ import annotations

import heapq
import os
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
CERTIFICATE = "certificate not valid (REQUESTS_CA_BUNDLE names one to trust)"


@dataclass(frozen=True, slots=True)
class Settings:
    """The address, the token and the retries.

    ``pauses_s``: the pauses before each retry; after the last the delivery counts as lost.
    """

    url: str
    token: str
    pauses_s: tuple[float, ...] = (1, 2, 4, 8, 15)
    timeout_s: float = 10
    queue_limit: int = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries by their outcome. ``refused`` counts attempts, not deliveries."""

    delivered: int = 0
    events: int = 0
    refused: int = 0
    lost: int = 0
    dropped: int = 0
    duplicated: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The hub's answer to one attempt; ``status`` is None when there was none, and ``why`` says so.

    ``number`` counts all.
    """

    at: datetime
    title: str
    status: int | None
    took_ms: int
    url: str = ""
    body: bytes = b""
    number: int = 0
    why: str = ""

    @property
    def is_accepted(self) -> bool:
        return self.status == 200


class Sender:
    """Sends deliveries; ``for_delivery`` chooses the faults of each."""

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
        self._attempts = 0

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery and return at once. Call it from one thread."""
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
        """Count the deliveries not yet delivered or lost."""
        return sum(len(partition) for partition in list(self._partitions.values()))

    def answers(self) -> list[Answer]:
        """Give the hub's last answers, the newest first."""
        with self._lock:
            return list(reversed(self._answers))

    def close(self, *, grace_s: float = 3) -> None:
        """Stop sending; what is queued is not sent. A request under way has ``grace_s`` to end."""
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
            # Ignore a .netrc or a proxy of the machine, and take what it names to know certificates by.
            session.trust_env = False
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
            session.headers["Content-Type"] = "application/json"
            session.headers["User-Agent"] = "iiko-sandbox"
            while delivery := partition.wait_for_next():
                self._deliver(session, delivery)
                partition.done()

    def _deliver(self, session: requests.Session, delivery: Delivery) -> None:
        """Send one delivery until the hub accepts it or all retries are used."""
        for pause_s in (*self._settings.pauses_s, None):
            answer = self._post(session, delivery)
            if answer.is_accepted:
                self._count(delivered=1, events=delivery.events)
                self._journal.line(f"{delivery.title}  200 {answer.took_ms} ms")
                return
            self._count(refused=1)
            status = answer.status or answer.why
            if pause_s is None:
                break
            self._journal.line(f"{delivery.title}  {status}, again in {pause_s:g} s")
            if self._stopping.wait(pause_s):
                return
        self._count(lost=1)
        self._journal.line(f"{delivery.title}  {status}, lost after {len(self._settings.pauses_s) + 1} tries")

    def _post(self, session: requests.Session, delivery: Delivery) -> Answer:
        started = time.monotonic()
        status: int | None
        why = "no answer"
        url = delivery.url or self._settings.url
        # Without a scheme: noted from real traffic (REFERENCE 7.1).
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
        except requests.RequestException as error:
            status = None
            why = CERTIFICATE if isinstance(error, requests.exceptions.SSLError) else why
        took_ms = round((time.monotonic() - started) * 1000)
        with self._lock:
            self._attempts += 1
            at = datetime.now(UTC)
            answer = Answer(at, delivery.title, status, took_ms, url, delivery.body, self._attempts, why)
            self._answers.append(answer)
        return answer

    def _count(self, **more: int) -> None:
        with self._lock:
            counted = asdict(self._counts)
            self._counts = replace(self._counts, **{name: counted[name] + n for name, n in more.items()})


class _Partition:
    """Deliveries that must not overtake each other, and the thread that sends them."""

    def __init__(self, limit: int, stopping: Event, work: Callable[[_Partition], None]) -> None:
        self._limit = limit
        self._stopping = stopping
        self._changed = Condition()
        self._heap: list[tuple[float, int, Delivery]] = []
        self._put = 0
        self._not_before = 0.0
        self._under_way = 0
        self._thread = Thread(target=work, args=(self,), name="sender", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        with self._changed:
            return len(self._heap) + self._under_way

    def put(self, delivery: Delivery, fault: DeliveryFault) -> bool:
        """Queue a delivery; False when the queue is full."""
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
        """Wait for the next delivery that is due; None when it is time to stop."""
        with self._changed:
            while not self._stopping.is_set():
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    self._under_way = 1
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait_s)
        return None

    def done(self) -> None:
        with self._changed:
            self._under_way = 0

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
