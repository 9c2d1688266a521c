"""Workers that die, sleep or are slow between any two steps: what is known then, and how soon."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    HOLD,
    INFO,
    TOPUP,
    HandClock,
    ask,
    guest,
    loyal_restaurant,
    move,
    moved,
    newest,
    page,
    timeline,
    work,
)
from loyalty.wallets import dispatch
from loyalty.wallets.dispatch import ABSENT_AFTER, CALL_LEASE, LEASE
from organizations.models.connection import IikoPause, IikoToken
from tests.simulated_iiko import IIKO, SimulatedIiko, refusal

pytestmark = pytest.mark.django_db


class Dead(BaseException):
    """The process ends here."""


def calls_back(iiko: SimulatedIiko, operation: str, do: Any, body: str = "{}", status: int = 200) -> None:
    """Let something happen in the middle of a call."""

    def answer(_request: object) -> tuple[int, dict[str, str], str]:
        do()
        return status, {}, body

    iiko.mock.add_callback("POST", f"{IIKO}/api/1/{operation}", callback=answer)


def die() -> None:
    raise Dead


def look_after(clock: HandClock, span: timedelta, state: OperationState) -> Callable[[], None]:
    """Another worker looks for the operation so long after it was sent, and finds nothing."""

    def look() -> None:
        clock.forward(seconds=span.total_seconds() + 1)
        dispatch.advance(newest().pk, clock=clock)
        assert newest().state == state

    return look


# --- dying -------------------------------------------------------------------------------------------


def test_death_before_the_call_leaves_it_pending_and_costs_a_short_wait(
    client: Client, iiko: SimulatedIiko
) -> None:
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "withdraw", "25.50")
    iiko.forget(INFO)
    calls_back(iiko, INFO, die)
    with pytest.raises(Dead):
        work(clock)
    assert (newest().state, newest().sends, newest().sent_at) == (OperationState.PENDING, 0, None)

    iiko.forget(INFO)
    iiko.answers(INFO, guest())
    iiko.answers(CHARGEOFF, {})
    assert work(clock).state == OperationState.PENDING  # leased
    clock.forward(seconds=LEASE.total_seconds() + 1)
    done = work(clock)

    assert (done.state, done.confirmed_by) == (OperationState.CONFIRMED, "answer")
    assert len(iiko.bodies(CHARGEOFF)) == 1
    assert timedelta(minutes=1) > LEASE


def test_death_while_a_token_is_asked_for_leaves_it_pending(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    move(client, "topup", "1")
    assert work().state == OperationState.CONFIRMED  # the wallet is known: the next top-up needs no read
    IikoToken.objects.all().delete()
    iiko.forget("access_token")
    calls_back(iiko, "access_token", die)
    move(client, "topup", "2")

    with pytest.raises(Dead):
        work()

    assert (newest().state, newest().sends) == (OperationState.PENDING, 0)
    assert len(iiko.bodies(TOPUP)) == 1


def test_death_at_the_call_stays_unknown_and_is_never_sent_again(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "topup", "25.50")
    calls_back(iiko, TOPUP, die)
    iiko.answers(BY_DATE, page())
    with pytest.raises(Dead):
        work(clock)
    assert (newest().state, newest().sends) == (OperationState.SENT, 1)

    clock.forward(seconds=LEASE.total_seconds() + 1)
    assert work(clock).state == OperationState.UNKNOWN
    clock.forward(seconds=ABSENT_AFTER.total_seconds())
    over = work(clock)

    assert (over.state, over.error_code) == (OperationState.EXPIRED, "not_done")
    assert len(iiko.bodies(TOPUP)) == 1


def test_worker_is_called_at_the_moment_a_lease_ends(client: Client, iiko: SimulatedIiko) -> None:
    """Nobody waits for a sweep, whether the worker died while reading or at the call."""
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "withdraw", "25.50")
    move(client, "topup", "1")
    iiko.forget(INFO)
    calls_back(iiko, INFO, die)
    with pytest.raises(Dead):
        work(clock)
    reader = LoyaltyOperation.objects.earliest("id")
    assert called_at(reader) == [clock() + LEASE]
    assert reader.next_attempt_at == clock() + LEASE

    clock.forward(seconds=LEASE.total_seconds())
    iiko.forget(INFO)
    calls_back(iiko, INFO, lambda: clock.forward(seconds=15), body=_json(guest()))
    calls_back(iiko, CHARGEOFF, die)
    with pytest.raises(Dead):
        work(clock)
    sender = LoyaltyOperation.objects.earliest("id")
    assert sender.state == OperationState.SENT
    # The reads left less of the lease than a call may take.
    assert called_at(sender)[-1] == sender.next_attempt_at == clock() + CALL_LEASE

    clock.forward(seconds=CALL_LEASE.total_seconds())
    iiko.answers(BY_DATE, page(moved("-25.50", f"[{sender.marker}]")))
    iiko.answers(TOPUP, {})
    work(clock)
    assert work(clock).state == OperationState.CONFIRMED
    assert set(LoyaltyOperation.objects.values_list("state", flat=True)) == {OperationState.CONFIRMED}
    assert len(iiko.bodies(CHARGEOFF)) == len(iiko.bodies(TOPUP)) == 1


def called_at(operation: LoyaltyOperation) -> list[Any]:
    """When workers are called for it later on."""
    jobs = ProcrastinateJob.objects.filter(args={"operation_id": operation.pk}, scheduled_at__isnull=False)
    return list(jobs.order_by("scheduled_at").values_list("scheduled_at", flat=True))


# --- being slow --------------------------------------------------------------------------------------


def test_worker_that_outslept_its_lease_sends_nothing(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "withdraw", "25.50")
    iiko.forget(INFO)
    sleep = LEASE.total_seconds() + 1
    calls_back(iiko, INFO, lambda: clock.forward(seconds=sleep), body=_json(guest()))

    slow = work(clock)

    assert (slow.state, slow.error_code, slow.sends) == (OperationState.PENDING, "held_up", 0)
    assert iiko.bodies(CHARGEOFF) == []


def test_worker_that_was_overtaken_sends_nothing(client: Client, iiko: SimulatedIiko) -> None:
    """A second worker takes the operation, sends it and is told yes, all while the first one reads."""
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "withdraw", "25.50")
    iiko.forget(INFO)
    iiko.answers(CHARGEOFF, {})
    calls = []

    def overtake() -> None:
        calls.append(1)
        if len(calls) == 1:
            clock.forward(seconds=LEASE.total_seconds() + 1)
            dispatch.advance(newest().pk, clock=clock)

    calls_back(iiko, INFO, overtake, body=_json(guest()))

    done = work(clock)

    assert done.state == OperationState.CONFIRMED
    assert len(iiko.bodies(CHARGEOFF)) == 1
    assert timeline(done) == [("", "pending"), ("pending", "sent"), ("sent", "confirmed")]


def test_answer_that_came_after_the_lease_counts(client: Client, iiko: SimulatedIiko) -> None:
    """While one waits for the answer another takes it for dead and begins to look."""
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "topup", "25.50")
    iiko.answers(BY_DATE, page())

    calls_back(iiko, TOPUP, look_after(clock, LEASE, OperationState.UNKNOWN))

    done = work(clock)

    assert (done.state, done.confirmed_by) == (OperationState.CONFIRMED, "answer")


def test_refusal_that_came_after_the_lease_counts(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "topup", "25.50")
    iiko.answers(BY_DATE, page())

    look = look_after(clock, LEASE, OperationState.UNKNOWN)
    calls_back(iiko, TOPUP, look, body=_json(refusal("Нельзя", "No")), status=400)

    done = work(clock)

    assert (done.state, done.error_code, done.error) == (OperationState.REJECTED, "No", "Нельзя")


def test_answer_after_it_was_taken_for_not_done_sets_that_right(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "topup", "25.50")
    iiko.answers(BY_DATE, page())

    calls_back(iiko, TOPUP, look_after(clock, ABSENT_AFTER, OperationState.EXPIRED))

    done = work(clock)

    assert (done.state, done.confirmed_by, done.error_code) == (OperationState.CONFIRMED, "answer", "")
    assert timeline(done)[-1] == ("expired", "confirmed")


def test_look_from_before_a_second_sending_ends_nothing(client: Client, iiko: SimulatedIiko) -> None:
    """A looks for long; meanwhile the sender says "not sent" and the operation is sent again."""
    loyal_restaurant(iiko)
    clock = HandClock()
    move(client, "topup", "25.50")
    iiko.answers(BY_DATE, page())
    said = []

    def sender() -> None:
        """Make the first call: others look for it meanwhile; then it turns out to be refused as busy."""
        clock.forward(seconds=ABSENT_AFTER.total_seconds() + 1)
        said.append(dispatch.OUTBOX.claim(newest().pk, clock()))  # the look begins

    calls_back(iiko, TOPUP, sender, body=_json(refusal("Too many", None)), status=429)
    work(clock)
    assert (newest().state, newest().sends) == (OperationState.PENDING, 0)
    LoyaltyOperation.objects.update(created_at=clock())  # within the time for sending
    iiko.forget(TOPUP)

    def look_ends() -> None:
        claim = said[0]
        assert claim is not None
        outcome = dispatch.OUTBOX.recover(claim.row, clock)
        assert outcome.state == OperationState.EXPIRED
        assert dispatch.OUTBOX.record(claim, outcome, clock()) is None

    calls_back(iiko, TOPUP, look_ends)
    clock.forward(minutes=2)
    IikoPause.objects.all().delete()
    done = work(clock)

    assert (done.state, done.confirmed_by, done.sends) == (OperationState.CONFIRMED, "answer", 1)


# --- waiting -----------------------------------------------------------------------------------------


def test_end_that_tells_nothing_is_not_called_not_done(
    client: Client, iiko: SimulatedIiko, settings: Any
) -> None:
    settings.LOYALTY_MAX_DAY_MINOR = 3000
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, requests.ReadTimeout("late"))
    iiko.answers(BY_DATE, refusal("broken"), status=500)
    clock = HandClock()
    move(client, "topup", "25.50")
    work(clock)
    clock.forward(hours=25)

    over = work(clock)

    assert (over.state, over.error_code, over.is_known) == (OperationState.EXPIRED, "no_answer", False)
    # It may have been done: the day's limit counts it.
    assert move(client, "topup", "25.50").json()["errors"][0]["code"] == "limit_day"


def test_another_sum_than_asked_for_is_left_to_a_person(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, requests.ReadTimeout("late"))
    clock = HandClock()
    move(client, "topup", "25.50")
    lost = work(clock)
    iiko.answers(BY_DATE, page(moved("25.00", f"[{lost.marker}]")))
    clock.forward(seconds=2)

    over = work(clock)

    assert (over.state, over.error_code, over.is_known) == (OperationState.EXPIRED, "other_sum", False)
    with translation.override("en"):
        said = over.trouble
    assert said == "iiko carried it out with another sum: 25.0. Look at the wallet in iiko."


def test_second_release_that_cannot_be_guarded_is_not_told_as_refused(
    client: Client, iiko: SimulatedIiko
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(HOLD, {})
    iiko.answers(BY_DATE, page())
    iiko.answers(CANCEL_HOLD, refusal("late"), status=408)
    iiko.answers(CANCEL_HOLD, refusal("Transaction is not found", "Gone"), status=400)
    clock = HandClock()
    move(client, "hold", "40")
    hold = work(clock)
    ask(client, f"holds/{hold.transaction_id}/cancel")
    work(clock)
    clock.forward(minutes=11)
    assert work(clock).state == OperationState.PENDING

    second = work(clock)

    assert (second.state, second.error_code, second.sends) == (OperationState.UNKNOWN, "refused", 2)


def _json(body: Any) -> str:
    return json.dumps(body)
