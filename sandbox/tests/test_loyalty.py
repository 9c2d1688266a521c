from decimal import Decimal
from typing import Any

import pytest

from sandbox.loyalty.wallets import Accounts, Customer
from sandbox.tests.harness import UNKNOWN_ID, Harness

HOLD_ID = "00000000-0000-4000-8000-000000000777"
WALLET = "loyalty/iiko/customer/wallet"
TRANSACTIONS = "loyalty/iiko/customer/transactions"


def _accounts(harness: Harness) -> Accounts:
    return harness.simulator.loyalty.accounts(harness.restaurant("Берёзка"))


def _customer(harness: Harness) -> Customer:
    return _accounts(harness).customers[0]


def _wallet(harness: Harness, **more: object) -> dict[str, Any]:
    return {
        "organizationId": harness.id_of("Берёзка"),
        "customerId": str(_customer(harness).guest.id),
        "walletId": str(_accounts(harness).programs[0].wallet_id),
        **more,
    }


def _balance(harness: Harness) -> Decimal:
    return next(iter(_customer(harness).balances.values()))


def _transactions(harness: Harness) -> list[Any]:
    query = _wallet(harness, revision=0, pageSize=100)
    return list(harness.get(f"{TRANSACTIONS}/by_revision", query)["transactions"])


def test_customer_is_found_by_everything_he_is_known_by(harness: Harness) -> None:
    customer = _customer(harness)
    known_by = {
        "phone": customer.guest.phone,
        "cardTrack": customer.card_track,
        "cardNumber": customer.card_number,
        "email": customer.email,
        "id": str(customer.guest.id),
    }

    for kind, value in known_by.items():
        query = {"organizationId": harness.id_of("Берёзка"), "type": kind, kind: value}
        found = harness.get("loyalty/iiko/customer/info", query)
        assert found["id"] == str(customer.guest.id)
        assert Decimal(str(found["walletBalances"][0]["balance"])) == _balance(harness)


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("phone", "123", "Validation_IncorrectPhone"),
        ("phone", "+79040009999", "Transport_WrongCustomerNumber"),
        ("id", UNKNOWN_ID, "Transport_WrongCustomerNumber"),
    ],
)
def test_unknown_customer_is_a_bad_request(harness: Harness, kind: str, value: str, code: str) -> None:
    query = {"organizationId": harness.id_of("Берёзка"), "type": kind, kind: value}

    status, _, error = harness.refusal("loyalty/iiko/customer/info", query)

    assert (status, error) == (400, code)


def test_topup_answers_nothing_and_a_repeat_is_made_again(harness: Harness) -> None:
    before = _balance(harness)

    for _ in range(2):
        assert harness.get(f"{WALLET}/topup", _wallet(harness, sum=19.99, comment="hub:42")) == {}

    assert _balance(harness) == before + Decimal("39.98")
    booked = _transactions(harness)
    assert [(each["sum"], each["comment"]) for each in booked] == [(19.99, "hub:42"), (19.99, "hub:42")]
    assert booked[0]["id"] != booked[1]["id"]
    assert booked[0]["balanceAfter"] == booked[1]["balanceBefore"]


def test_chargeoff_takes_what_is_there_and_not_a_kopeck_more(harness: Harness) -> None:
    balance = _balance(harness)
    too_much = _wallet(harness, sum=float(balance + Decimal("0.01")))

    refused = (400, "Not enough money in the wallet", "Wallet_NotEnoughMoney")
    assert harness.refusal(f"{WALLET}/chargeoff", too_much) == refused
    assert _transactions(harness) == []
    assert harness.get(f"{WALLET}/chargeoff", _wallet(harness, sum=float(balance))) == {}

    assert _balance(harness) == 0


def test_held_money_is_gone_until_the_hold_is_cancelled(harness: Harness) -> None:
    harness.get(f"{WALLET}/topup", _wallet(harness, sum=100))
    before = _balance(harness)
    hold = _wallet(harness, sum=60.5, transactionId=HOLD_ID)

    assert harness.get(f"{WALLET}/hold", hold) == {"transactionId": HOLD_ID}
    assert _balance(harness) == before - Decimal("60.50")
    assert harness.refusal(f"{WALLET}/hold", hold)[2] == "Transaction_AlreadyExists"
    assert harness.get(f"{WALLET}/cancel_hold", hold) == {}

    assert _balance(harness) == before
    assert harness.refusal(f"{WALLET}/cancel_hold", hold)[2] == "Transaction_NotFound"


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

    assert harness.refusal(f"{WALLET}/topup", _wallet(harness, **changes))[:2] == (400, description)

    assert _balance(harness) == before


def test_transactions_come_by_page_and_by_revision(harness: Harness) -> None:
    for amount in (1, 2, 3):
        harness.get(f"{WALLET}/topup", _wallet(harness, sum=amount))
        harness.run(1)
    period = {"dateFrom": "2026-03-14 13:42:08.000", "dateTo": "2026-03-14 13:42:10.051"}

    def page(how: str, **query: object) -> Any:
        return harness.get(f"{TRANSACTIONS}/{how}", _wallet(harness, pageSize=2, **query))

    def sums(answer: Any) -> list[float]:
        return [each["sum"] for each in answer["transactions"]]

    first = page("by_revision")
    rest = page("by_revision", revision=first["lastRevision"])

    assert [sums(page("by_date", **period, pageNumber=number)) for number in (0, 1)] == [[1, 2], [3]]
    assert (sums(first), sums(rest)) == ([1, 2], [3])
    assert first["transactions"][0]["whenCreated"] == "2026-03-14 13:42:08.051"
