"""Lost answers and what waits behind them in one wallet of the sandbox: all of it settles, nothing twice.

The steps come as the hub calls for them (``jobs.call_worker``), on a clock that jumps from one to the
next: what a step waits for is what a guest would wait.
"""

import heapq
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.wallets import dispatch, jobs
from organizations.models.connection import IikoCircuit, IikoPause
from sandbox.faults import parse_faults
from tests.builders import authorized
from tests.sandbox_restaurant import SandboxRestaurant, sandbox as _sandbox_fixture

pytestmark = pytest.mark.django_db

sandbox = _sandbox_fixture

LOST, WAITING = 6, 20


class Wallet:
    """A guest's deposit in the sandbox, and the workers that the hub calls for what is asked of it."""

    def __init__(self, sandbox: SandboxRestaurant) -> None:
        self.sandbox = sandbox
        self.guest = sandbox.harness.simulator.loyalty.accounts(sandbox.cafe).customers[0]
        self.wallet_id = list(self.guest.balances)[1]
        self.before = self.guest.balances[self.wallet_id]
        self._due: list[tuple[datetime, int]] = []
        self._calls = patch.object(jobs, "call_worker", self._note)
        self._calls.start()

    def close(self) -> None:
        self._calls.stop()

    def _note(self, operation_id: int, at: datetime) -> None:
        heapq.heappush(self._due, (at, operation_id))

    @property
    def booked(self) -> list[Decimal]:
        return [one.sum for one in self.guest.transactions if one.wallet_id == self.wallet_id]

    def ask(self, amount: str) -> Any:
        body = {
            "organization_id": str(self.sandbox.cafe.id),
            "customer_id": str(self.guest.guest.id),
            "wallet_id": str(self.wallet_id),
            "amount": amount,
        }
        return Client().post(
            "/api/v1/loyalty/topup",
            json.dumps(body),
            "application/json",
            headers=authorized(self.sandbox.key),
        )

    def lose(self, fault: str, times: int) -> None:
        faults = parse_faults(f"{fault}=1@loyalty/iiko/customer/walletx{times}")
        self.sandbox.harness.simulator.faults.set(faults)

    def work(self) -> timedelta:
        """Take every step that is called for, in order of time; returns how long it took to the last end."""
        began = self.sandbox.harness.clock.instant = timezone.now()
        while self._due and LoyaltyOperation.objects.open().exists():
            at, operation_id = heapq.heappop(self._due)
            if at > self.sandbox.clock():
                self.sandbox.harness.clock.instant = at
                # What the link shuts opens as this clock goes on, not as the wall's does.
                IikoPause.objects.all().delete()
                IikoCircuit.objects.all().delete()
            dispatch.advance(operation_id, clock=self.sandbox.clock)
        return self.sandbox.clock() - began


@pytest.fixture
def wallet(sandbox: SandboxRestaurant) -> Iterator[Wallet]:
    wallet = Wallet(sandbox)
    yield wallet
    wallet.close()


@pytest.mark.parametrize(
    ("fault", "is_done", "within"),
    [
        pytest.param("http_408_after", True, timedelta(seconds=1), id="the answer alone is lost"),
        pytest.param("reset_after", True, timedelta(seconds=1), id="the line is cut after the effect"),
        pytest.param("http_500_before", False, timedelta(minutes=61), id="nothing is carried out"),
    ],
)
def test_all_that_waits_behind_lost_answers_is_settled(
    wallet: Wallet, fault: str, is_done: bool, within: timedelta
) -> None:
    wallet.lose(fault, LOST)
    amounts = [f"{number + 1}.00" for number in range(LOST + WAITING)]
    assert {wallet.ask(amount).status_code for amount in amounts} == {202}

    took = wallet.work()

    states = list(LoyaltyOperation.objects.order_by("id").values_list("state", flat=True))
    lost = OperationState.CONFIRMED if is_done else OperationState.EXPIRED
    assert states == [lost] * LOST + [OperationState.CONFIRMED] * WAITING
    assert wallet.booked == [Decimal(amount) for amount in (amounts if is_done else amounts[LOST:])]
    assert wallet.guest.balances[wallet.wallet_id] == wallet.before + sum(wallet.booked)
    assert took < within
