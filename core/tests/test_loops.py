"""Loops beside the inbox: they go on after errors, let what is under way end, and can be drained."""

import threading

import pytest

from core.jobs import loops
from core.jobs.loops import LoopRunner, WorkerLoop, drain_loops


class Counting(WorkerLoop):
    """Raises at its second turn; has work for five."""

    name = "counting"
    idle_s = 0.01

    def __init__(self) -> None:
        self.turns = 0
        self.finished_within: list[float] = []
        self.is_enough = threading.Event()

    def turn(self) -> bool:
        self.turns += 1
        if self.turns == 2:
            raise RuntimeError("once")
        if self.turns >= 5:
            self.is_enough.set()
        return self.turns < 5

    def finish(self, *, within_s: float) -> None:
        self.finished_within.append(within_s)


def test_a_loop_goes_on_after_an_error_and_ends_in_good_order(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Counting()
    monkeypatch.setattr(loops, "_makers", [lambda: loop])
    runner = LoopRunner()

    runner.start()
    assert loop.is_enough.wait(10)

    assert runner.stop(within_s=4)
    assert loop.finished_within == [2]
    turns = loop.turns
    assert not loop.is_enough.wait(0.05) or loop.turns == turns


def test_a_loop_rests_as_it_says_after_a_busy_turn_and_after_an_idle_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float | None] = []

    class Paced(Counting):
        def turn(self) -> bool:
            self.turns += 1
            self.idle_s, self.pause_s = 10.0 + self.turns, 20.0 + self.turns
            return self.turns % 2 == 0

    runner_waits = threading.Event.wait
    loop = Paced()
    monkeypatch.setattr(loops, "_makers", [lambda: loop])
    runner = LoopRunner()

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if event is not runner._stopping:
            return runner_waits(event, timeout)
        waits.append(timeout)
        if len(waits) == 2:
            event.set()
        return event.is_set()

    monkeypatch.setattr(threading.Event, "wait", wait)

    runner._run(loop)

    assert waits == [11.0, 22.0]


def test_a_loop_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    began, release = threading.Event(), threading.Event()

    class Stuck(Counting):
        def turn(self) -> bool:
            began.set()
            return release.wait(10)

    monkeypatch.setattr(loops, "_makers", [Stuck])
    runner = LoopRunner()
    runner.start()
    assert began.wait(10)

    assert not runner.stop(within_s=0.05)
    release.set()


def test_draining_goes_on_while_any_loop_has_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Steps(WorkerLoop):
        name = "steps"

        def __init__(self, left: list[bool]) -> None:
            self.left = left

        def turn(self) -> bool:
            return self.left.pop(0) if self.left else False

    first, second = Steps([False, True]), Steps([True, False, False])
    monkeypatch.setattr(loops, "_makers", [lambda: first, lambda: second])

    drain_loops(lambda: False)

    assert (first.left, second.left) == ([], [])
