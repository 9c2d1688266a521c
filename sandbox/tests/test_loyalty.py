from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.loyalty.wallets import Customer
from sandbox.tests.harness import STRANGER, Theatre, open_theatre

HOLD_ID = "00000000-0000-4000-8000-000000000777"


@pytest.fixture
def theatre() -> Theatre:
    return open_theatre(rate=0)


def _customer(theatre: Theatre) -> Customer:
    return theatre.stage.loyalty.club(theatre.restaurant("Берёзка")).customers[0]


def _wallet(theatre: Theatre, **more: object) -> dict[str, Any]:
    club = theatre.stage.loyalty.club(theatre.restaurant("Берёзка"))
    return {
        "organizationId": str(theatre.restaurant("Берёзка").id),
        "customerId": str(_customer(theatre).guest.id),
        "walletId": str(club.programs[0].wallet_id),
        **more,
    }


def _balance(theatre: Theatre) -> Decimal:
    return next(iter(_customer(theatre).balances.values()))


def _transactions(theatre: Theatre) -> list[Any]:
    asked = {"revision": 0, "pageSize": 100}
    path = "loyalty/iiko/customer/transactions/by_revision"
    return list(theatre.get(path, _wallet(theatre, **asked))["transactions"])


def test_customer_is_found_by_everything_he_is_known_by(theatre: Theatre) -> None:
    customer = _customer(theatre)
    one = {"organizationId": str(theatre.restaurant("Берёзка").id)}
    known_by = {
        "phone": customer.guest.phone,
        "cardTrack": customer.card_track,
        "cardNumber": customer.card_number,
        "email": customer.email,
        "id": str(customer.guest.id),
    }

    for kind, value in known_by.items():
        found = theatre.get("loyalty/iiko/customer/info", {**one, "type": kind, kind: value})
        assert found["id"] == str(customer.guest.id)
        assert Decimal(str(found["walletBalances"][0]["balance"])) == _balance(theatre)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"type": "phone", "phone": "123"}, "Validation_IncorrectPhone"),
        ({"type": "phone", "phone": "+79040009999"}, "Transport_WrongCustomerNumber"),
        ({"type": "id", "id": STRANGER}, "Transport_WrongCustomerNumber"),
    ],
)
def test_customer_nobody_knows_is_a_bad_request(theatre: Theatre, asked: dict[str, str], code: str) -> None:
    one = {"organizationId": str(theatre.restaurant("Берёзка").id)}

    status, _, error = theatre.refusal("loyalty/iiko/customer/info", {**one, **asked})

    assert (status, error) == (400, code)


def test_topup_answers_nothing_and_a_repeat_is_made_again(theatre: Theatre) -> None:
    before = _balance(theatre)

    for _ in range(2):
        asked = _wallet(theatre, sum=19.99, comment="hub:42")
        assert theatre.get("loyalty/iiko/customer/wallet/topup", asked) == {}

    assert _balance(theatre) == before + Decimal("39.98")
    booked = _transactions(theatre)
    assert [(each["sum"], each["comment"]) for each in booked] == [(19.99, "hub:42"), (19.99, "hub:42")]
    assert booked[0]["id"] != booked[1]["id"]
    assert booked[0]["balanceAfter"] == booked[1]["balanceBefore"]


def test_chargeoff_takes_what_is_there_and_not_a_kopeck_more(theatre: Theatre) -> None:
    balance = _balance(theatre)

    assert theatre.refusal(
        "loyalty/iiko/customer/wallet/chargeoff", _wallet(theatre, sum=float(balance + Decimal("0.01")))
    ) == (400, "Not enough money in the wallet", "Wallet_NotEnoughMoney")
    assert _transactions(theatre) == []
    assert theatre.get("loyalty/iiko/customer/wallet/chargeoff", _wallet(theatre, sum=float(balance))) == {}

    assert _balance(theatre) == 0


def test_held_money_is_gone_until_the_hold_is_cancelled(theatre: Theatre) -> None:
    theatre.get("loyalty/iiko/customer/wallet/topup", _wallet(theatre, sum=100))
    before = _balance(theatre)
    asked = _wallet(theatre, sum=60.5, transactionId=HOLD_ID)

    assert theatre.get("loyalty/iiko/customer/wallet/hold", asked) == {"transactionId": HOLD_ID}
    assert _balance(theatre) == before - Decimal("60.50")
    assert theatre.refusal("loyalty/iiko/customer/wallet/hold", asked)[2] == "Transaction_AlreadyExists"
    cancel = {"organizationId": asked["organizationId"], "transactionId": HOLD_ID}
    assert theatre.get("loyalty/iiko/customer/wallet/cancel_hold", cancel) == {}

    assert _balance(theatre) == before
    assert theatre.refusal("loyalty/iiko/customer/wallet/cancel_hold", cancel)[2] == "Transaction_NotFound"


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"sum": 0}, "Sum should be positive"),
        ({"sum": "10"}, "sum: a number is expected."),
        ({"sum": 0.001}, "sum: at most two decimal places are expected."),
        ({"sum": 1, "walletId": STRANGER}, "Wallet is not found"),
    ],
)
def test_wallet_that_is_asked_nonsense_stays_as_it_is(
    theatre: Theatre, changes: dict[str, object], description: str
) -> None:
    before = _balance(theatre)

    refusal = theatre.refusal("loyalty/iiko/customer/wallet/topup", _wallet(theatre, **changes))

    assert refusal[:2] == (400, description)
    assert _balance(theatre) == before


def test_transactions_come_by_page_and_by_revision(theatre: Theatre) -> None:
    for amount in (1, 2, 3):
        theatre.get("loyalty/iiko/customer/wallet/topup", _wallet(theatre, sum=amount))
        theatre.play(1)
    period = {"dateFrom": "2026-03-14 13:42:08.000", "dateTo": "2026-03-14 13:42:10.051", "pageSize": 2}
    path = "loyalty/iiko/customer/transactions"

    pages = [
        [
            each["sum"]
            for each in theatre.get(f"{path}/by_date", _wallet(theatre, **period, pageNumber=n))[
                "transactions"
            ]
        ]
        for n in (0, 1)
    ]
    first = theatre.get(f"{path}/by_revision", _wallet(theatre, pageSize=2))
    rest = theatre.get(f"{path}/by_revision", _wallet(theatre, pageSize=2, revision=first["lastRevision"]))

    assert pages == [[1, 2], [3]]
    assert (
        [each["sum"] for each in first["transactions"]],
        [each["sum"] for each in rest["transactions"]],
    ) == (
        [1, 2],
        [3],
    )
    assert first["transactions"][0]["whenCreated"] == "2026-03-14 13:42:08.051"
