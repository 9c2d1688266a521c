"""A guest with a wallet as a test plays them, and the worker that carries operations."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.utils import timezone

from loyalty.models import LoyaltyOperation
from loyalty.wallets import dispatch
from organizations.models.organization import Organization
from tests.builders import ORGANIZATION_ID, authorized, make_key, make_organization
from tests.simulated_iiko import SimulatedIiko, linked

GUEST_ID = "55667788-99aa-4bbc-8dde-eff001122334"
WALLET_ID = "aa11bb22-cc33-4d44-9e55-ff6677889900"
PHONE = "+79030000011"

INFO = "loyalty/iiko/customer/info"
PROGRAMS = "loyalty/iiko/program"
TOPUP = "loyalty/iiko/customer/wallet/topup"
CHARGEOFF = "loyalty/iiko/customer/wallet/chargeoff"
HOLD = "loyalty/iiko/customer/wallet/hold"
CANCEL_HOLD = "loyalty/iiko/customer/wallet/cancel_hold"
BY_DATE = "loyalty/iiko/customer/transactions/by_date"

NOT_FOUND = {"code": "Transport_WrongCustomerNumber", "message": "Customer is not found"}


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.instant = timezone.now()

    def __call__(self) -> datetime:
        return self.instant

    def forward(self, **span: float) -> None:
        self.instant += timedelta(**span)


def guest(balance: str = "100.00", **changes: Any) -> dict[str, Any]:
    """Return the answer to ``customer/info``."""
    return {
        "id": GUEST_ID,
        "name": "Мария",
        "surname": "Лунина",
        "phone": PHONE,
        "email": "maria@example.com",
        "cards": [{"id": None, "track": "900011", "number": "77000011"}],
        "categories": [],
        "walletBalances": [{"id": WALLET_ID, "name": "Депозит", "type": 0, "balance": json.loads(balance)}],
        "isDeleted": False,
    } | changes


def moved(amount: str, comment: str = "", **changes: Any) -> dict[str, Any]:
    """Return a transaction of the guest's wallet; ``amount`` is negative where money leaves."""
    before = Decimal("100.00")
    return {
        "id": "c0ffee00-0000-4000-8000-000000000001",
        "revision": 1000,
        "organizationId": ORGANIZATION_ID,
        "walletId": WALLET_ID,
        "type": 9,
        "typeName": "RefillWallet",
        "sum": float(amount),
        "balanceBefore": float(before),
        "balanceAfter": float(before + Decimal(amount)),
        "comment": comment,
        "whenCreated": "2026-03-14 13:54:52.930",
        "isIgnored": False,
    } | changes


def page(*transactions: dict[str, Any]) -> dict[str, Any]:
    return {"transactions": list(transactions), "pageNumber": 0, "pageSize": 1000}


def loyal_restaurant(iiko: SimulatedIiko, balance: str = "100.00", **changes: Any) -> Organization:
    """Make a connected restaurant, whose guest has so much in the wallet."""
    iiko.answers(INFO, guest(balance))
    return linked(make_organization(**changes))


def ask(client: Client, path: str, key: str = "", headers: dict[str, str] | None = None, **body: Any) -> Any:
    """``POST loyalty/<path>`` with a key of the restaurant; amounts as they are given."""
    key = key or make_key(ORGANIZATION_ID)
    return client.post(
        f"/api/v1/loyalty/{path}",
        data=json.dumps(body),
        content_type="application/json",
        headers=authorized(key) | (headers or {}),
    )


def move(client: Client, path: str, amount: Any = "25.50", key: str = "", **changes: Any) -> Any:
    """Ask for money to move in the guest's wallet."""
    headers = changes.pop("headers", None)
    body = {
        "organization_id": ORGANIZATION_ID,
        "customer_id": GUEST_ID,
        "wallet_id": WALLET_ID,
        "amount": amount,
        "comment": "подарок",
    } | changes
    return ask(client, path, key, headers, **body)


def work(clock: Callable[[], datetime] | None = None) -> LoyaltyOperation:
    """Take one step of the oldest open operation, or of none; returns the newest operation."""
    oldest = LoyaltyOperation.objects.open().order_by("id").first()
    if oldest is not None:
        dispatch.advance(oldest.pk, clock=clock or timezone.now)
    return newest()


def newest() -> LoyaltyOperation:
    return LoyaltyOperation.objects.order_by("-id")[0]


def timeline(operation: LoyaltyOperation) -> list[tuple[str, str]]:
    """Return the steps of an operation."""
    return list(operation.steps.values_list("before", "after"))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
