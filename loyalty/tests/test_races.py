"""Many at once: nobody overdraws a wallet, sends twice, or gets two operations for one key."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.services import carrying
from loyalty.tests.played_loyalty import CHARGEOFF, TOPUP, loyal_restaurant, move, newest
from tests.at_once import AT_ONCE, at_once
from tests.builders import make_key
from tests.played_iiko import PlayedIiko

pytestmark = pytest.mark.django_db(transaction=True)


def test_parallel_withdrawals_never_overdraw(iiko: PlayedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    iiko.answers(CHARGEOFF, {})
    key = make_key()

    answers = at_once(lambda _: move(Client(), "withdraw", "60", key).status_code)
    at_once(lambda _: carrying.advance(newest().pk, clock=timezone.now))

    assert sorted(answers) == [202] + [409] * (AT_ONCE - 1)
    assert newest().state == OperationState.CONFIRMED
    assert len(iiko.bodies(CHARGEOFF)) == 1


def test_many_workers_send_an_operation_once(iiko: PlayedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    move(Client(), "topup", "10")

    at_once(lambda _: carrying.advance(newest().pk, clock=timezone.now))

    assert len(iiko.bodies(TOPUP)) == 1
    assert newest().sends == 1


def test_one_key_at_once_is_one_operation(iiko: PlayedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    key, once = make_key(), {"Idempotency-Key": "gift-1"}

    answers = at_once(lambda _: move(Client(), "withdraw", "60", key, headers=once))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert LoyaltyOperation.objects.count() == 1
