"""Big bodies share a number of bytes; small ones never wait for them."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.builders import cloud_event, make_organization, post
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import big_bodies as module
from webhooks.receiving.big_bodies import BIG_BYTES, MOST_WAITING, BigBodies, TooBusy, big_bodies

ALL = 4 * BIG_BYTES


@pytest.fixture(autouse=True)
def _bytes(settings: Settings) -> None:
    settings.WEBHOOK_PARSING_BYTES = ALL


class Given:
    times = 0

    def __call__(self) -> None:
        self.times += 1


class Sender:
    """A thread with a body: waits for its turn, says so, and stays until it is told to leave."""

    def __init__(self, bodies: BigBodies, size: int) -> None:
        self.has_turn = threading.Event()
        self.may_leave = threading.Event()
        self.outcome = ""
        self._bodies, self._size = bodies, size
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._bodies.turn(self._size):
                self.has_turn.set()
                self.may_leave.wait(10)
            self.outcome = "done"
        except TooBusy:
            self.outcome = "busy"

    def leave(self) -> str:
        self.may_leave.set()
        self._thread.join(10)
        return self.outcome


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def queued(bodies: BigBodies, size: int) -> Sender:
    before = len(bodies._queue)
    sender = Sender(bodies, size)
    wait_for(lambda: len(bodies._queue) == before + 1)
    return sender


def test_bodies_are_read_apart_together_while_their_bytes_suffice() -> None:
    bodies = BigBodies(Given())
    first, second = Sender(bodies, ALL // 2), Sender(bodies, ALL // 2)

    assert first.has_turn.wait(5)
    assert second.has_turn.wait(5)
    third = queued(bodies, BIG_BYTES)
    assert not third.has_turn.is_set()

    assert first.leave() == "done"
    assert third.has_turn.wait(5)
    assert (second.leave(), third.leave()) == ("done", "done")


def test_small_body_never_waits(settings: Settings) -> None:
    settings.WEBHOOK_PARSING_BYTES = 1
    bodies = BigBodies(Given())
    big = Sender(bodies, ALL)
    assert big.has_turn.wait(5)

    with bodies.turn(BIG_BYTES - 1):
        assert not big.outcome

    assert big.leave() == "done"


def test_body_larger_than_all_bytes_has_its_turn_alone() -> None:
    bodies = BigBodies(Given())
    huge = Sender(bodies, 10 * ALL)
    assert huge.has_turn.wait(5)
    other = queued(bodies, BIG_BYTES)

    assert not other.has_turn.is_set()
    assert huge.leave() == "done"
    assert other.has_turn.wait(5)
    assert other.leave() == "done"


def test_big_body_is_not_overtaken_by_those_that_would_fit() -> None:
    bodies = BigBodies(Given())
    first = Sender(bodies, ALL - BIG_BYTES)
    assert first.has_turn.wait(5)
    large = queued(bodies, ALL)
    fitting = queued(bodies, BIG_BYTES)

    assert not fitting.has_turn.is_set()
    first.leave()
    assert large.has_turn.wait(5)
    assert not fitting.has_turn.is_set()
    assert (large.leave(), fitting.leave()) == ("done", "done")


def test_more_than_a_few_are_not_kept_waiting() -> None:
    bodies = BigBodies(Given())
    first = Sender(bodies, ALL)
    assert first.has_turn.wait(5)
    waiting = [queued(bodies, ALL) for _ in range(MOST_WAITING)]

    started = time.monotonic()
    with pytest.raises(TooBusy), bodies.turn(ALL):
        pass

    assert time.monotonic() - started < 1
    assert [one.leave() for one in (first, *waiting)] == ["done"] * (1 + MOST_WAITING)


def test_wait_ends_and_those_behind_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = BigBodies(Given())
    first = Sender(bodies, ALL - BIG_BYTES)
    assert first.has_turn.wait(5)
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    large = queued(bodies, ALL)
    monkeypatch.setattr(module, "PATIENCE_S", 10.0)
    fitting = queued(bodies, BIG_BYTES)

    wait_for(lambda: large.outcome == "busy")
    assert fitting.has_turn.wait(5)
    assert (first.leave(), fitting.leave()) == ("done", "done")
    assert bodies._taken == 0


def test_memory_is_given_back_after_the_last_big_body() -> None:
    given = Given()
    bodies = BigBodies(given)
    with bodies.turn(BIG_BYTES - 1):
        pass
    first, second = Sender(bodies, BIG_BYTES), Sender(bodies, BIG_BYTES)
    assert first.has_turn.wait(5)
    assert second.has_turn.wait(5)

    first.leave()
    assert given.times == 0
    second.leave()
    assert given.times == 1


def test_failure_gives_the_bytes_back() -> None:
    bodies = BigBodies(Given())

    with pytest.raises(ZeroDivisionError), bodies.turn(ALL):
        raise ZeroDivisionError

    with bodies.turn(ALL):
        pass


def test_there_is_nothing_to_call_where_the_c_library_has_no_trim(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def __init__(self, name: None) -> None: ...

    monkeypatch.setattr("ctypes.CDLL", Other)
    assert module._malloc_trim() is None

    monkeypatch.setattr(module, "_trim", None)
    module.give_memory_back()


# --- through the door --------------------------------------------------------------------------------


def big_body() -> Any:
    return [cloud_event(), {"filling": "x" * BIG_BYTES}]


@pytest.mark.django_db
def test_big_body_without_a_turn_is_told_to_come_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)

    with big_bodies.turn(ALL):
        response = post(client, big_body())
        small = post(client, [cloud_event(timestamp=1)])

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json() == {
        "status": "busy",
        "detail": "Not stored: other large bodies are being stored. "
        "Send it again, in smaller bodies if you can.",
    }
    assert small.status_code == 200
    assert WebhookEvent.objects.count() == 1

    assert post(client, big_body()).status_code == 200
    assert WebhookEvent.objects.count() == 3
