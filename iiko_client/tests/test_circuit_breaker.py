"""A circuit by itself: when it opens, who tries it first, what closes it."""

from datetime import datetime, timedelta

import pytest

from iiko_client.http.circuit_breaker import CLOSED, CallResult, InMemoryBreaker, Limits, Priority
from iiko_client.tests.harness import NOON

OPERATOR, BACKGROUND = Priority.OPERATOR, Priority.BACKGROUND


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Subject:
    """One circuit under test."""

    def __init__(self) -> None:
        self.breaker = InMemoryBreaker(Limits(failures=3))

    def fail(self, *seconds: float) -> None:
        for second in seconds:
            self.breaker.record("c", CallResult.SUSPICIOUS, at(second))

    def record(self, result: CallResult, second: float) -> None:
        self.breaker.record("c", result, at(second))

    def may_go(self, priority: Priority, second: float) -> bool:
        return self.breaker.admit("c", priority, at(second)) is None


@pytest.fixture
def circuit() -> Subject:
    return Subject()


def test_opens_after_failures_in_a_row(circuit: Subject) -> None:
    circuit.fail(0, 1)
    assert circuit.may_go(BACKGROUND, 1)

    circuit.fail(2)

    assert circuit.breaker.admit("c", BACKGROUND, at(3)) == at(62)
    assert circuit.breaker.admit("c", OPERATOR, at(3)) == at(62)
    assert circuit.breaker.admit("another", BACKGROUND, at(3)) is None


def test_good_answer_between_them_starts_the_count_again(circuit: Subject) -> None:
    circuit.fail(0, 1)
    circuit.record(CallResult.GOOD, 2)
    circuit.fail(3, 4)

    assert circuit.may_go(BACKGROUND, 5)


def test_neutral_answers_do_not_count(circuit: Subject) -> None:
    circuit.fail(0, 1)
    for second in range(2, 9):
        circuit.record(CallResult.NEUTRAL, second)
    assert circuit.may_go(BACKGROUND, 9)

    circuit.fail(10)

    assert not circuit.may_go(BACKGROUND, 11)


def test_failures_far_apart_do_not_belong_together(circuit: Subject) -> None:
    circuit.fail(0, 700, 1400, 2100)

    assert circuit.may_go(BACKGROUND, 2101)


def test_operator_tries_first(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)

    assert not circuit.may_go(OPERATOR, 59)
    assert circuit.breaker.admit("c", BACKGROUND, at(60)) == at(70)
    assert circuit.may_go(OPERATOR, 60)
    assert not circuit.may_go(OPERATOR, 61)
    assert not circuit.may_go(BACKGROUND, 71)


def test_operator_does_not_wait_for_a_background_probe(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)

    assert circuit.may_go(BACKGROUND, 70)
    assert not circuit.may_go(BACKGROUND, 71)
    assert circuit.may_go(OPERATOR, 71)


def test_probe_closes_or_opens_for_twice_as_long(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)
    assert circuit.may_go(OPERATOR, 60)
    circuit.fail(61)
    assert not circuit.may_go(OPERATOR, 61 + 119)
    assert circuit.may_go(OPERATOR, 61 + 120)

    circuit.record(CallResult.GOOD, 182)

    assert circuit.may_go(BACKGROUND, 182)
    circuit.fail(183, 184)
    assert circuit.may_go(BACKGROUND, 185)


def test_neutral_probe_frees_the_place(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)
    assert circuit.may_go(OPERATOR, 60)

    circuit.record(CallResult.NEUTRAL, 61)

    assert circuit.may_go(OPERATOR, 61)


def test_lost_probe_is_abandoned(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)
    assert circuit.may_go(OPERATOR, 60)

    assert circuit.breaker.admit("c", OPERATOR, at(61)) == at(66)
    assert circuit.may_go(OPERATOR, 120)


def test_answers_of_calls_already_under_way_change_nothing(circuit: Subject) -> None:
    circuit.fail(0, 0, 0)

    circuit.fail(1, 2, 3)
    circuit.record(CallResult.GOOD, 4)

    assert not circuit.may_go(OPERATOR, 59)
    assert circuit.may_go(OPERATOR, 60)


def test_length_is_bounded() -> None:
    state, now, limits = CLOSED, NOON, Limits(failures=1)
    for _ in range(40):
        state = state.after(CallResult.SUSPICIOUS, now, limits)
        assert state.open_until is not None
        length, now = state.open_until - now, state.open_until

    assert length == limits.longest
