"""How often the loops of a worker look for work, with and without somebody who is subscribed."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.jobs.loops import WorkerLoop
from outbound import pace
from outbound.loops import Feed
from outbound.models.subscriptions import Subscription
from outbound.sending.sender import Sender
from outbound.tests.endpoints import subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[Feed, Sender])
def loop(request: pytest.FixtureRequest) -> Iterator[WorkerLoop]:
    one: WorkerLoop = request.param()
    yield one
    one.finish(within_s=0)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two seconds pass between any two looks at the clock."""
    seconds = iter(range(0, 1000, 2))
    monkeypatch.setattr(pace.time, "monotonic", lambda: float(next(seconds)))  # type: ignore[attr-defined]


def test_loops_look_seldom_while_nobody_is_subscribed_and_often_once_somebody_is(
    loop: WorkerLoop, later: None
) -> None:
    subscribe(is_active=False)
    assert not loop.turn()
    assert loop.idle_s == 1.5

    subscribe()
    assert not loop.turn()
    assert loop.idle_s == 0.1

    Subscription.objects.update(is_active=False)
    assert not loop.turn()
    assert loop.idle_s == 1.5


def test_idle_turns_of_a_second_ask_once_whether_somebody_is_subscribed(loop: WorkerLoop) -> None:
    subscribe()
    loop.turn()

    with CaptureQueriesContext(
        connection,
    ) as asked:
        for _ in range(3):
            loop.turn()

    assert len(asked) == 3
