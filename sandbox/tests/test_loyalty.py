from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.loyalty.wallets import Customer
from sandbox.tests.harness import UNKNOWN_ID, Harness

HOLD_ID = "00000000-0000-4000-8000-000000000777"


def _customer(harness: Harness) -> Customer:
    return harness.simulator.loyalty.accounts(harness.restaurant("Берёзка")).customers[0]


def _wallet(harness: Harness, **more: object) -> dict[str, Any]:
    accounts = harness.simulator.loyalty.accounts(harness.restaurant("Берёзка"))
    return {
        "organizationId": str(harness.restaurant("Берёзка").id),
        "customerId": str(_customer(harness).guest.id),
        "walletId": str(accounts.programs[0].wallet_id),
        **more,
    }


def _balance(harness: Harness) -> Decimal:
    return next(iter(_customer(harness).balances.values()))


def _transactions(harness: Harness) -> list[Any]:
    query = {"revision": 0, "pageSize": 100}
    path = "loyalty/iiko/customer/transactions/by_revision"
    return list(harness.get(path, _wallet(harness, **query))["transactions"])


def test_customer_is_found_by_everything_he_is_known_by(harness: Harness) -> None:
    customer = _customer(harness)
    one = {"organizationId": str(harness.restaurant("Берёзка").id)}
    known_by = {
        "phone": customer.guest.phone,
        "cardTrack": customer.card_track,
        "cardNumber": customer.card_number,
        "email": customer.email,
        "id": str(customer.guest.id),
    }

    for kind, value in known_by.items():
        found = harness.get("loyalty/iiko/customer/info", {**one, "type": kind, kind: value})
        assert found["id"] == str(customer.guest.id)
        assert Decimal(str(found["walletBalances"][0]["balance"])) == _balance(harness)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"type": "phone", "phone": "123"}, "Validation_IncorrectPhone"),
        ({"type": "phone", "phone": "+79040009999"}, "Transport_WrongCustomerNumber"),
        ({"type": "id", "id": UNKNOWN_ID}, "Transport_WrongCustomerNumber"),
    ],
)
def test_customer_nobody_knows_is_a_bad_request(harness: Harness, query: dict[str, str], code: str) -> None:
    one = {"organizationId": str(harness.restaurant("Берёзка").id)}

    status, _, error = harness.refusal("loyalty/iiko/customer/info", {**one, **query})

    assert (status, error) == (400, code)


def test_topup_answers_nothing_and_a_repeat_is_made_again(harness: Harness) -> None:
    before = _balance(harness)

    for _ in range(2):
        query = _wallet(harness, sum=19.99, comment="hub:42")
        assert harness.get("loyalty/iiko/customer/wallet/topup", query) == {}

    assert _balance(harness) == before + Decimal("39.98")
    booked = _transactions(harness)
    assert [(each["sum"], each["comment"]) for each in booked] == [(19.99, "hub:42"), (19.99, "hub:42")]
    assert booked[0]["id"] != booked[1]["id"]
    assert booked[0]["balanceAfter"] == booked[1]["balanceBefore"]


def test_chargeoff_takes_what_is_there_and_not_a_kopeck_more(harness: Harness) -> None:
    balance = _balance(harness)

    assert harness.refusal(
        "loyalty/iiko/customer/wallet/chargeoff", _wallet(harness, sum=float(balance + Decimal("0.01")))
    ) == (400, "Not enough money in the wallet", "Wallet_NotEnoughMoney")
    assert _transactions(harness) == []
    assert harness.get("loyalty/iiko/customer/wallet/chargeoff", _wallet(harness, sum=float(balance))) == {}

    assert _balance(harness) == 0


def test_held_money_is_gone_until_the_hold_is_cancelled(harness: Harness) -> None:
    harness.get("loyalty/iiko/customer/wallet/topup", _wallet(harness, sum=100))
    before = _balance(harness)
    query = _wallet(harness, sum=60.5, transactionId=HOLD_ID)

    assert harness.get("loyalty/iiko/customer/wallet/hold", query) == {"transactionId": HOLD_ID}
    assert _balance(harness) == before - Decimal("60.50")
    assert harness.refusal("loyalty/iiko/customer/wallet/hold", query)[2] == "Transaction_AlreadyExists"
    cancel = {"organizationId": query["organizationId"], "transactionId": HOLD_ID}
    assert harness.get("loyalty/iiko/customer/wallet/cancel_hold", cancel) == {}

    assert _balance(harness) == before
    assert harness.refusal("loyalty/iiko/customer/wallet/cancel_hold", cancel)[2] == "Transaction_NotFound"


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"sum": 0}, "Sum should be positive"),
        ({"sum": "10"}, "sum: a number is expected."),
        ({"sum": 0.001}, "sum: at most two decimal places are expected."),
        ({"sum": 1, "walletId": UNKNOWN_ID}, "Wallet is not found"),
    ],
)
def test_wallet_that_is_asked_nonsense_stays_as_it_is(
    harness: Harness, changes: dict[str, object], description: str
) -> None:
    before = _balance(harness)

    refusal = harness.refusal("loyalty/iiko/customer/wallet/topup", _wallet(harness, **changes))

    assert refusal[:2] == (400, description)
    assert _balance(harness) == before


def test_transactions_come_by_page_and_by_revision(harness: Harness) -> None:
    for amount in (1, 2, 3):
        harness.get("loyalty/iiko/customer/wallet/topup", _wallet(harness, sum=amount))
        harness.run(1)
    period = {"dateFrom": "2026-03-14 13:42:08.000", "dateTo": "2026-03-14 13:42:10.051", "pageSize": 2}
    path = "loyalty/iiko/customer/transactions"

    pages = [
        [
            each["sum"]
            for each in harness.get(f"{path}/by_date", _wallet(harness, **period, pageNumber=n))[
                "transactions"
            ]
        ]
        for n in (0, 1)
    ]
    first = harness.get(f"{path}/by_revision", _wallet(harness, pageSize=2))
    rest = harness.get(f"{path}/by_revision", _wallet(harness, pageSize=2, revision=first["lastRevision"]))

    assert pages == [[1, 2], [3]]
    assert (
        [each["sum"] for each in first["transactions"]],
        [each["sum"] for each in rest["transactions"]],
    ) == (
        [1, 2],
        [3],
    )
    assert first["transactions"][0]["whenCreated"] == "2026-03-14 13:42:08.051"
