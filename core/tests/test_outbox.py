"""The outbox by itself: rows in memory, one clock, and calls that end as the test says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.outbox import (
    EXPIRED,
    OPEN_STATES,
    PENDING,
    SENT,
    UNKNOWN,
    Claim,
    Clock,
    LeaseLost,
    Outbox,
    Step,
    StepOutcome,
    pause_after,
)
from iiko_client.http.errors import IikoBusy, IikoNoAnswer, IikoNotSent, IikoRejected

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 14, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Row:
    table: dict[int, Row]
    pk: int = 1
    state: str = PENDING
    error_code: str = ""
    error: str = ""
    poll_count: int = 0
    iiko_id: str = ""
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    trace_id: None = None

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES

    def save(self, **_: Any) -> None:
        self.table[self.pk] = copy.copy(self)


@dataclass
class Parcels(Outbox[Any]):
    """``answer`` is what the next call comes to: an outcome, or an error."""

    name = "parcel"

    table: dict[int, Row] = field(default_factory=dict)
    answer: Callable[[], StepOutcome] = lambda: StepOutcome(SENT, SECOND, iiko_id="A")
    calls: list[Step] = field(default_factory=list)
    woken: list[datetime | None] = field(default_factory=list)
    is_begun_by_claim: bool = True

    lease = timedelta(seconds=30)
    pauses = (SECOND, 5 * SECOND)
    held_up_code = "held_up"

    def lock(self, row_id: int) -> Row | None:
        return copy.copy(self.table[row_id]) if row_id in self.table else None

    def may_send(self, row: Row, now: datetime) -> bool:
        return True

    def is_taken(self, row: Row) -> bool:
        return bool(row.iiko_id)

    def claimed(self, claim: Claim[Any], now: datetime) -> None:
        if claim.step is Step.SEND and self.is_begun_by_claim:
            claim.row.state, claim.row.sent_at, claim.is_begun = SENT, now, True

    def send(self, claim: Claim[Any], clock: Clock) -> StepOutcome:
        return self._call(Step.SEND)

    def poll(self, row: Row, clock: Clock) -> StepOutcome:
        return self._call(Step.POLL)

    def recover(self, row: Row, clock: Clock) -> StepOutcome:
        return self._call(Step.RECOVER)

    def _call(self, step: Step) -> StepOutcome:
        self.calls.append(step)
        return self.answer()

    def refused(self, claim: Claim[Any], error: Any) -> StepOutcome:
        return StepOutcome("rejected", None, error.code)

    def lost(self, row: Row, error: Any) -> StepOutcome:
        return StepOutcome(UNKNOWN, SECOND, "answer_lost")

    def later(self, row: Row, began: datetime, error: Any) -> StepOutcome:
        return StepOutcome(row.state, 9 * SECOND)

    def keep(self, row: Row, outcome: StepOutcome) -> None:
        row.iiko_id = outcome.iiko_id or row.iiko_id
        if outcome.state == PENDING:
            row.sent_at, row.iiko_id = None, ""

    def finish(self, row: Row, outcome: StepOutcome, now: datetime) -> None:
        row.state, row.error_code, row.next_attempt_at = outcome.state, outcome.code, None
        row.save()

    def wake(self, row: Row) -> None:
        self.woken.append(row.next_attempt_at)


class Time:
    now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def outbox() -> Parcels:
    parcels = Parcels()
    Row(parcels.table).save()
    return parcels


def ends(error: Exception) -> Callable[[], StepOutcome]:
    def answer() -> StepOutcome:
        raise error

    return answer


def error_of(kind: type[Any], **facts: Any) -> Any:
    return kind("words", operation="send", **facts)


def stands(outbox: Parcels) -> tuple[str, str]:
    return outbox.table[1].state, outbox.table[1].error_code


def test_sent_once_then_polled_to_its_end(outbox: Parcels, clock: Time) -> None:
    due = outbox.advance(1, clock=clock)
    assert (stands(outbox), due, outbox.woken) == ((SENT, ""), BEGIN + SECOND, [due])
    assert outbox.advance(1, clock=clock) is None  # too early

    clock.move(1)
    outbox.answer = lambda: StepOutcome("confirmed")
    assert outbox.advance(1, clock=clock) is None

    assert outbox.calls == [Step.SEND, Step.POLL]
    assert stands(outbox) == ("confirmed", "")
    assert outbox.advance(1, clock=clock) is None  # over
    assert outbox.advance(99, clock=clock) is None  # not there


def test_row_whose_worker_died_is_recovered_and_not_sent_again(outbox: Parcels, clock: Time) -> None:
    assert outbox.claim(1, clock()) is not None
    assert outbox.claim(1, clock()) is None

    clock.move(30)
    outbox.answer = lambda: StepOutcome(UNKNOWN, SECOND, "answer_lost")
    outbox.advance(1, clock=clock)

    assert outbox.calls == [Step.RECOVER]
    assert stands(outbox) == (UNKNOWN, "answer_lost")


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (error_of(IikoNotSent), (PENDING, "iiko_unreachable")),
        (error_of(IikoBusy, retry_after_s=7), (PENDING, "iiko_busy")),
        (error_of(IikoRejected, code="no"), ("rejected", "no")),
        (error_of(IikoNoAnswer), (UNKNOWN, "answer_lost")),
    ],
)
def test_error_of_a_call_says_whether_it_may_be_made_again(
    outbox: Parcels, clock: Time, error: Exception, then: tuple[str, str]
) -> None:
    outbox.answer = ends(error)

    outbox.advance(1, clock=clock)

    assert stands(outbox) == then


def test_lost_answer_before_the_call_was_written_down_means_not_sent(outbox: Parcels, clock: Time) -> None:
    outbox.is_begun_by_claim = False
    outbox.answer = ends(error_of(IikoNoAnswer))

    outbox.advance(1, clock=clock)

    assert stands(outbox) == (PENDING, "iiko_unreachable")


def test_worker_that_slept_over_its_lease_sends_nothing(outbox: Parcels, clock: Time) -> None:
    claim = outbox.claim(1, clock())
    assert claim is not None
    clock.move(30)

    outcome = outbox.take(claim, clock)

    assert (outcome.state, outcome.code, outcome.is_unsent) == (PENDING, "held_up", True)
    assert outbox.calls == []


def test_lease_lost_right_before_the_call_is_tried_again(outbox: Parcels, clock: Time) -> None:
    outbox.answer = ends(LeaseLost())

    assert outbox.advance(1, clock=clock) == BEGIN + SECOND

    assert stands(outbox) == (PENDING, "held_up")


def test_answer_counts_however_late_but_of_two_looks_only_the_later(outbox: Parcels, clock: Time) -> None:
    sender = outbox.claim(1, clock())
    assert sender is not None
    clock.move(30)
    slow = outbox.claim(1, clock())
    assert slow is not None
    clock.move(30)
    outbox.answer = lambda: StepOutcome(UNKNOWN, 20 * SECOND, "later")
    outbox.advance(1, clock=clock)

    assert outbox.record(slow, StepOutcome(UNKNOWN, SECOND, "slow"), clock()) is None
    assert stands(outbox) == (UNKNOWN, "later")
    outbox.record(sender, StepOutcome(SENT, SECOND, iiko_id="A"), clock())

    assert (stands(outbox), outbox.table[1].iiko_id) == ((SENT, ""), "A")


def test_answer_of_done_overrules_that_it_was_given_up(outbox: Parcels, clock: Time) -> None:
    sender = outbox.claim(1, clock())
    assert sender is not None
    clock.move(30)
    outbox.answer = lambda: StepOutcome(EXPIRED, None, "not_done")
    outbox.advance(1, clock=clock)

    outbox.record(sender, StepOutcome("rejected"), clock())
    assert stands(outbox) == (EXPIRED, "not_done")
    outbox.record(sender, StepOutcome("confirmed"), clock())

    assert stands(outbox) == ("confirmed", "")


def test_poll_from_before_a_second_sending_ends_nothing(outbox: Parcels, clock: Time) -> None:
    """A polls for long; B learns that it must be sent in another way, and it is sent again."""
    outbox.advance(1, clock=clock)
    clock.move(1)
    slow = outbox.claim(1, clock())
    assert slow is not None
    clock.move(30)
    outbox.answer = lambda: StepOutcome(PENDING, SECOND)
    outbox.advance(1, clock=clock)
    clock.move(1)
    outbox.answer = lambda: StepOutcome(SENT, SECOND, iiko_id="B")
    outbox.advance(1, clock=clock)

    assert outbox.record(slow, StepOutcome("rejected", None, "of_the_first"), clock()) is None

    assert (stands(outbox), outbox.table[1].iiko_id) == ((SENT, ""), "B")


def test_poll_that_fails_goes_on_later(outbox: Parcels, clock: Time) -> None:
    outbox.advance(1, clock=clock)
    clock.move(1)
    outbox.answer = ends(error_of(IikoNoAnswer))

    assert outbox.advance(1, clock=clock) == clock() + 9 * SECOND

    assert stands(outbox) == (SENT, "")


def test_pauses_end_with_the_last_over_and_over() -> None:
    assert [pause_after((SECOND, 5 * SECOND), tries).seconds for tries in (0, 1, 2, 9)] == [1, 5, 5, 5]
