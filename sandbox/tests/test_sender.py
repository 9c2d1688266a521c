from __future__ import annotations

import io
import re
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from uuid import UUID

import pytest

from sandbox.faults import DeliveryFault
from sandbox.journal import Journal
from sandbox.tests.builders import wait_until
from sandbox.webhooks.sender import Counts, Sender, Settings
from sandbox.webhooks.webhook_queue import Delivery

PARTITION, OTHER_PARTITION = UUID(int=1), UUID(int=2)


class Hub(ThreadingHTTPServer):
    """A hub that answers with the next of ``answers``, and with 200 when there are none left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[int] = set()
        self.answers: list[int] = []
        self.opened = Event()
        self.opened.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1/webhooks/iiko"


class _Receive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.opened.wait(5)
        self.server.bodies.append(body)
        self.server.headers.append(dict(self.headers))
        self.server.connections.add(self.client_address[1])
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.opened.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


MakeSender = Callable[..., Sender]


@pytest.fixture
def make_sender(hub: Hub, log: io.StringIO) -> Iterator[MakeSender]:
    made: list[Sender] = []

    def make(
        *, url: str = "", for_delivery: Callable[[], DeliveryFault] = DeliveryFault, **settings: object
    ) -> Sender:
        chosen = {"token": "secret", "pauses_s": (0.01, 0.01), "timeout_s": 2.0, **settings}
        made.append(Sender(Settings(url=url or hub.url, **chosen), Journal(log), for_delivery))  # type: ignore[arg-type]  # the caller names settings
        return made[-1]

    yield make
    for sender in made:
        sender.close()


def _delivery(text: str, partition: UUID = PARTITION) -> Delivery:
    return Delivery(partition, text, text.encode())


def _lines(log: io.StringIO) -> list[str]:
    """Give the lines of the log without their time and with 0 for the milliseconds."""
    return [re.sub(r"\d+ ms", "0 ms", line[9:]) for line in log.getvalue().splitlines()]


def test_letter_is_posted_as_the_vendor_does(hub: Hub, make_sender: MakeSender) -> None:
    sender = make_sender(token="plain-token")

    sender.put(Delivery(PARTITION, "Берёзка №142 → OnWay", '[{"eventType":"Ы"}]'.encode(), events=3))
    wait_until(lambda: sender.counts().delivered == 1)

    assert hub.bodies == ['[{"eventType":"Ы"}]'.encode()]
    assert hub.headers[0]["Authorization"] == "plain-token"
    assert hub.headers[0]["Content-Type"] == "application/json"
    assert sender.counts() == Counts(delivered=1, events=3)


def test_letters_of_a_lane_arrive_in_order_over_one_connection(hub: Hub, make_sender: MakeSender) -> None:
    sender = make_sender()

    for number in range(50):
        sender.put(_delivery(str(number)))
    wait_until(lambda: sender.counts().delivered == 50)

    assert hub.bodies == [str(number).encode() for number in range(50)]
    assert len(hub.connections) == 1
    assert sender.waiting() == 0


def test_refused_letter_is_brought_again_before_the_next_one(
    hub: Hub, make_sender: MakeSender, log: io.StringIO
) -> None:
    hub.answers = [503, 401]
    sender = make_sender()

    sender.put(_delivery("first"))
    sender.put(_delivery("second"))
    wait_until(lambda: sender.counts().delivered == 2)

    assert hub.bodies == [b"first", b"first", b"first", b"second"]
    assert sender.counts() == Counts(delivered=2, events=2, refused=2)
    assert _lines(log) == [
        "first  503, again in 0.01 s",
        "first  401, again in 0.01 s",
        "first  200 0 ms",
        "second  200 0 ms",
    ]
    assert [(answer.title, answer.status) for answer in sender.answers()] == [
        ("second", 200),
        ("first", 200),
        ("first", 401),
        ("first", 503),
    ]


def test_letter_is_lost_after_the_last_try_and_the_next_goes_on(
    hub: Hub, make_sender: MakeSender, log: io.StringIO
) -> None:
    hub.answers = [500, 500, 302]
    sender = make_sender()

    sender.put(_delivery("first"))
    sender.put(_delivery("second"))
    wait_until(lambda: sender.counts().delivered == 1)

    assert hub.bodies == [b"first", b"first", b"first", b"second"]
    assert sender.counts() == Counts(delivered=1, events=1, refused=3, lost=1)
    assert _lines(log)[2] == "first  302, lost after 3 tries"


def test_hub_that_is_down_costs_the_letter_and_nothing_else(
    make_sender: MakeSender, log: io.StringIO
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sender = make_sender(url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
        sender.put(_delivery("first"))
        wait_until(lambda: sender.counts().lost == 1)

    assert sender.counts() == Counts(refused=3, lost=1)
    assert _lines(log)[0] == "first  no answer, again in 0.01 s"
    assert [answer.status for answer in sender.answers()] == [None, None, None]


def test_slow_lane_does_not_hold_up_another(hub: Hub, make_sender: MakeSender) -> None:
    hub.answers = [503]
    sender = make_sender(pauses_s=(60,))

    sender.put(_delivery("refused"))
    wait_until(lambda: sender.counts().refused == 1)
    sender.put(_delivery("other", OTHER_PARTITION))
    wait_until(lambda: sender.counts().delivered == 1)

    assert hub.bodies == [b"refused", b"other"]
    assert sender.waiting() == 1


def test_full_queue_loses_letters_instead_of_growing(
    hub: Hub, make_sender: MakeSender, log: io.StringIO
) -> None:
    hub.opened.clear()
    sender = make_sender(queue_limit=2)
    sender.put(_delivery("under way"))
    wait_until(lambda: sender.waiting() == 1)
    wait_until(lambda: not sender._partitions[PARTITION]._heap)

    for number in range(4):
        sender.put(_delivery(str(number)))
    assert (sender.waiting(), sender.counts().lost) == (3, 2)
    hub.opened.set()
    wait_until(lambda: sender.counts().delivered == 3)

    assert hub.bodies == [b"under way", b"0", b"1"]
    assert _lines(log)[0] == "2  lost: 2 others wait already"


def test_dropped_letter_is_never_sent(hub: Hub, make_sender: MakeSender, log: io.StringIO) -> None:
    planned = iter([DeliveryFault(copies=0), DeliveryFault()])
    sender = make_sender(for_delivery=lambda: next(planned))

    sender.put(_delivery("dropped"))
    sender.put(_delivery("sent"))
    wait_until(lambda: sender.counts().delivered == 1)

    assert hub.bodies == [b"sent"]
    assert sender.counts() == Counts(delivered=1, events=1, dropped=1)
    assert _lines(log)[0] == "dropped  dropped on purpose"


def test_duplicated_letter_is_sent_twice(hub: Hub, make_sender: MakeSender) -> None:
    sender = make_sender(for_delivery=lambda: DeliveryFault(copies=2))

    sender.put(_delivery("copy"))
    wait_until(lambda: sender.counts().delivered == 2)

    assert hub.bodies == [b"copy", b"copy"]
    assert sender.counts().duplicated == 1


def test_delayed_letter_holds_those_behind_it(hub: Hub, make_sender: MakeSender) -> None:
    planned = iter([DeliveryFault(delay_s=0.3), DeliveryFault()])
    sender = make_sender(for_delivery=lambda: next(planned))

    sender.put(_delivery("delayed"))
    sender.put(_delivery("behind"))
    wait_until(lambda: sender.counts().delivered == 2)

    assert hub.bodies == [b"delayed", b"behind"]


def test_reordered_letter_is_overtaken(hub: Hub, make_sender: MakeSender) -> None:
    planned = iter([DeliveryFault(delay_s=0.3, may_be_overtaken=True), DeliveryFault()])
    sender = make_sender(for_delivery=lambda: next(planned))

    sender.put(_delivery("overtaken"))
    sender.put(_delivery("behind"))
    wait_until(lambda: sender.counts().delivered == 2)

    assert hub.bodies == [b"behind", b"overtaken"]


def test_closing_ends_the_threads_without_waiting_for_retries(hub: Hub, make_sender: MakeSender) -> None:
    hub.answers = [503]
    sender = make_sender(pauses_s=(60,))
    sender.put(_delivery("refused"))
    wait_until(lambda: sender.counts().refused == 1)

    sender.close(grace_s=5)

    assert not sender._partitions[PARTITION]._thread.is_alive()
    assert sender.counts() == Counts(refused=1)


def test_token_is_in_no_line(hub: Hub, make_sender: MakeSender, log: io.StringIO) -> None:
    hub.answers = [401, 401, 401]
    sender = make_sender(token="very-secret")

    sender.put(_delivery("refused"))
    wait_until(lambda: sender.counts().lost == 1)

    assert "very-secret" not in log.getvalue()
