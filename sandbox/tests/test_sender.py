import io
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from sandbox.faults import DeliveryFault
from sandbox.journal import Journal
from sandbox.tests.builders import wait_until
from sandbox.tests.hub import Hub
from sandbox.webhooks.sender import Counts, Sender, Settings
from sandbox.webhooks.webhook_queue import Delivery

PARTITION, OTHER_PARTITION = UUID(int=1), UUID(int=2)


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


def _send(sender: Sender, *texts: str, until: str = "delivered", count: int = 0) -> None:
    """Send deliveries and wait until so many have this outcome, by default all of them."""
    for text in texts:
        sender.put(_delivery(text))
    wait_until(lambda: getattr(sender.counts(), until) == (count or len(texts)))


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

    _send(sender, *map(str, range(50)))

    assert hub.bodies == [str(number).encode() for number in range(50)]
    assert len(hub.connections) == 1
    assert sender.waiting() == 0


def test_refused_letter_is_brought_again_before_the_next_one(
    hub: Hub, make_sender: MakeSender, log: io.StringIO
) -> None:
    hub.answers = [503, 401]
    sender = make_sender()

    _send(sender, "first", "second")

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

    _send(sender, "first", "second", count=1)

    assert hub.bodies == [b"first", b"first", b"first", b"second"]
    assert sender.counts() == Counts(delivered=1, events=1, refused=3, lost=1)
    assert _lines(log)[2] == "first  302, lost after 3 tries"


def test_hub_that_is_down_costs_the_letter_and_nothing_else(
    make_sender: MakeSender, log: io.StringIO
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sender = make_sender(url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
        _send(sender, "first", until="lost")

    assert sender.counts() == Counts(refused=3, lost=1)
    assert _lines(log)[0] == "first  no answer, again in 0.01 s"
    assert [answer.status for answer in sender.answers()] == [None, None, None]


@pytest.fixture
def certificate(hub: Hub, tmp_path: Path) -> Path:
    """Have the hub speak TLS with a certificate that signed itself; returns it."""
    script = Path(__file__).parents[2] / "deploy" / "nginx" / "self-signed.sh"
    subprocess.run([script, "localhost", tmp_path], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    hub.socket = context.wrap_socket(hub.socket, server_side=True)
    return tmp_path / "fullchain.pem"


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
@pytest.mark.usefixtures("certificate")
def test_certificate_that_is_not_trusted_is_named(
    hub: Hub, make_sender: MakeSender, log: io.StringIO
) -> None:
    sender = make_sender(url=f"https://localhost:{hub.server_address[1]}/")

    _send(sender, "first", until="lost")

    reason = "certificate not valid (REQUESTS_CA_BUNDLE names one to trust)"
    assert _lines(log)[0] == f"first  {reason}, again in 0.01 s"
    assert hub.bodies == []


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
def test_certificate_that_the_machine_names_is_trusted(
    hub: Hub, make_sender: MakeSender, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    sender = make_sender(url=f"https://localhost:{hub.server_address[1]}/")

    _send(sender, "first")

    assert hub.bodies == [b"first"]


def test_slow_lane_does_not_hold_up_another(hub: Hub, make_sender: MakeSender) -> None:
    hub.answers = [503]
    sender = make_sender(pauses_s=(60,))

    _send(sender, "refused", until="refused")
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

    _send(sender, "dropped", "sent", count=1)

    assert hub.bodies == [b"sent"]
    assert sender.counts() == Counts(delivered=1, events=1, dropped=1)
    assert _lines(log)[0] == "dropped  dropped on purpose"


def test_duplicated_letter_is_sent_twice(hub: Hub, make_sender: MakeSender) -> None:
    sender = make_sender(for_delivery=lambda: DeliveryFault(copies=2))

    _send(sender, "copy", count=2)

    assert hub.bodies == [b"copy", b"copy"]
    assert sender.counts().duplicated == 1


@pytest.mark.parametrize(
    ("fault", "bodies"),
    [
        (DeliveryFault(delay_s=0.3), [b"first", b"behind"]),
        (DeliveryFault(delay_s=0.3, may_be_overtaken=True), [b"behind", b"first"]),
    ],
    ids=["delayed", "reordered"],
)
def test_late_letter_holds_those_behind_it_or_is_overtaken(
    hub: Hub, make_sender: MakeSender, fault: DeliveryFault, bodies: list[bytes]
) -> None:
    planned = iter([fault, DeliveryFault()])
    sender = make_sender(for_delivery=lambda: next(planned))

    _send(sender, "first", "behind")

    assert hub.bodies == bodies


def test_closing_ends_the_threads_without_waiting_for_retries(hub: Hub, make_sender: MakeSender) -> None:
    hub.answers = [503]
    sender = make_sender(pauses_s=(60,))
    _send(sender, "refused", until="refused")

    sender.close(grace_s=5)

    assert not sender._partitions[PARTITION]._thread.is_alive()
    assert sender.counts() == Counts(refused=1)


def test_token_is_in_no_line(hub: Hub, make_sender: MakeSender, log: io.StringIO) -> None:
    hub.answers = [401, 401, 401]
    sender = make_sender(token="very-secret")

    _send(sender, "refused", until="lost")

    assert "very-secret" not in log.getvalue()
