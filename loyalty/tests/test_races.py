"""Many at once: nobody overdraws a wallet, sends twice, or gets two operations for one key."""

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    HOLD,
    TOPUP,
    ask,
    loyal_restaurant,
    move,
    newest,
    page,
    work,
)
from loyalty.wallets import dispatch
from tests.at_once import AT_ONCE, at_once
from tests.builders import make_key
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 50


def test_parallel_withdrawals_never_overdraw(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    iiko.answers(CHARGEOFF, {})
    key = make_key()

    answers = at_once(lambda _: move(Client(), "withdraw", "60", key).status_code)
    at_once(lambda _: dispatch.advance(newest().pk, clock=timezone.now))

    assert sorted(answers) == [202] + [409] * (AT_ONCE - 1)
    assert newest().state == OperationState.CONFIRMED
    assert len(iiko.bodies(CHARGEOFF)) == 1


def test_many_workers_send_an_operation_once(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    move(Client(), "topup", "10")

    at_once(lambda _: dispatch.advance(newest().pk, clock=timezone.now))

    assert len(iiko.bodies(TOPUP)) == 1
    assert newest().sends == 1


def test_one_key_at_once_is_one_operation(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    key, once = make_key(), {"Idempotency-Key": "gift-1"}

    answers = at_once(lambda _: move(Client(), "withdraw", "60", key, headers=once), MANY)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert LoyaltyOperation.objects.count() == 1


def test_one_key_for_two_bodies_at_once_is_one_operation_and_a_mistake(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    key, once = make_key(), {"Idempotency-Key": "gift-1"}

    answers = at_once(lambda number: move(Client(), "topup", f"{1 + number % 2}.00", key, headers=once))

    assert sorted(answer.status_code for answer in answers) == [202] * (AT_ONCE // 2) + [422] * (AT_ONCE // 2)
    assert LoyaltyOperation.objects.count() == 1


def test_one_hold_is_released_once_by_many(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    iiko.answers(HOLD, {})
    iiko.answers(BY_DATE, page())
    iiko.answers(CANCEL_HOLD, {})
    key = make_key()
    move(Client(), "hold", "60", key)
    hold = work()

    answers = at_once(lambda _: ask(Client(), f"holds/{hold.transaction_id}/cancel", key).status_code)
    at_once(lambda _: dispatch.advance(newest().pk, clock=timezone.now))

    assert sorted(answers) == [202] + [409] * (AT_ONCE - 1)
    assert len(iiko.bodies(CANCEL_HOLD)) == 1


def test_calling_off_and_sending_at_once_end_as_one_of_both(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    key = make_key()
    move(Client(), "topup", "10", key)
    operation = newest()

    def act(number: int) -> int | None:
        if number % 2:
            return int(ask(Client(), f"operations/{operation.pk}/cancel", key).status_code)
        dispatch.advance(operation.pk, clock=timezone.now)
        return None

    said = {answer for answer in at_once(act) if answer}

    operation.refresh_from_db()
    if operation.state == OperationState.CANCELLED:
        assert (said, len(iiko.bodies(TOPUP)), operation.sends) == ({200}, 0, 0)
    else:
        assert (operation.state, said) == (OperationState.CONFIRMED, {409})
        assert len(iiko.bodies(TOPUP)) == 1
