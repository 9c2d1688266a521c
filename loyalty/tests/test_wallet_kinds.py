"""Wallets of each kind: what they count, and that money moves in those of money and points alone."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from iiko_client.units import MinorUnits
from loyalty.models import (
    BalanceDifference,
    Customer,
    LoyaltyOperation,
    OperationKind,
    OperationState,
    Wallet,
)
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    GUEST_ID,
    HOLD,
    INFO,
    PHONE,
    TOPUP,
    WALLET_ID as DEPOSIT,
    ask,
    guest,
    loyal_restaurant,
    move,
    page,
    work,
)
from loyalty.wallets import balance_check
from loyalty.wallets.submission import TransferRequest, prepare
from orders.commands.submission import Requester
from tests.builders import ORGANIZATION_ID, authorized, make_key
from tests.pages import markup, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

BONUS, PRODUCTS, DISCOUNT, CERTIFICATE, STRANGE, NAMELESS = (
    f"bb11cc22-dd33-4e44-8f55-00667788990{number}" for number in range(6)
)
WALLETS: list[dict[str, Any]] = [
    {"id": DEPOSIT, "name": "Питание", "type": 0, "balance": 99.5},
    {"id": BONUS, "name": "Баллы", "type": 1, "balance": -350.5},
    {"id": PRODUCTS, "name": "Кофе", "type": 2, "balance": 4},
    {"id": DISCOUNT, "name": "Своим", "type": 3, "balance": 0},
    {"id": CERTIFICATE, "name": "Подарок", "type": 4, "balance": 1000},
    {"id": STRANGE, "name": "Новый", "type": 9, "balance": 1.25},
    {"id": NAMELESS, "name": "Без вида", "type": None, "balance": 3},
]
REFUSED = {
    PRODUCTS: "wallet_of_products",
    DISCOUNT: "wallet_of_discount",
    CERTIFICATE: "wallet_of_certificate",
    STRANGE: "wallet_of_unknown_kind",
    NAMELESS: "wallet_of_unknown_kind",
}
GUESTS = "/admin/loyalty/customer/"
CALLS = (TOPUP, CHARGEOFF, HOLD)


@pytest.fixture
def _guest(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, guest(walletBalances=WALLETS))


def find() -> list[dict[str, Any]]:
    query = {"organization_id": ORGANIZATION_ID, "phone": PHONE}
    answer = Client().get("/api/v1/loyalty/customers", query, headers=authorized(make_key()))
    assert answer.status_code == 200, answer.content
    wallets: list[dict[str, Any]] = answer.json()["wallets"]
    return wallets


def sent(iiko: SimulatedIiko) -> list[Any]:
    return [body for operation in CALLS for body in iiko.bodies(operation)]


@pytest.mark.usefixtures("_guest")
def test_api_tells_what_each_wallet_counts() -> None:
    told = [
        (one["type"], one["kind"], one["balance"], one["balance_minor"], one["currency"], one["is_movable"])
        for one in find()
    ]

    assert told == [
        (0, "deposit", "99.5", 9950, "RUB", True),
        (1, "bonus", "-350.5", -35050, "RUB", True),
        (2, "products", "4", None, None, False),
        (3, "discount", None, None, None, False),
        (4, "certificate", "1000", 100000, "RUB", False),
        (9, "unknown", "1.25", None, None, False),
        (None, "unknown", "3", None, None, False),
    ]


@pytest.mark.usefixtures("_guest")
@pytest.mark.parametrize("path", ["topup", "withdraw", "hold"])
@pytest.mark.parametrize("known", [True, False])
def test_money_is_moved_in_no_other_wallet(
    client: Client, iiko: SimulatedIiko, path: str, known: bool
) -> None:
    if known:
        find()
    for wallet_id, code in REFUSED.items():
        answer = move(client, path, "1", wallet_id=wallet_id)

        assert answer.status_code == 409
        assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert not LoyaltyOperation.objects.exists()
    assert sent(iiko) == []


@pytest.mark.usefixtures("_guest")
def test_money_and_points_are_moved(client: Client, iiko: SimulatedIiko) -> None:
    iiko.answers(TOPUP, {})

    for wallet_id in (DEPOSIT, BONUS):
        assert move(client, "topup", "1", wallet_id=wallet_id).status_code == 202
        assert work().state == OperationState.CONFIRMED
    assert [body["walletId"] for body in iiko.bodies(TOPUP)] == [DEPOSIT, BONUS]


@pytest.mark.usefixtures("_guest")
def test_wallet_whose_kind_iiko_names_later_is_moved(client: Client, iiko: SimulatedIiko) -> None:
    find()
    Wallet.objects.filter(iiko_id=DEPOSIT).update(kind=None)
    iiko.answers(TOPUP, {})

    assert move(client, "topup", "1").status_code == 202
    assert Wallet.objects.get(iiko_id=DEPOSIT).kind == 0


@pytest.mark.usefixtures("_guest")
def test_operation_whose_wallet_turned_out_to_count_products_is_not_sent(
    client: Client, iiko: SimulatedIiko
) -> None:
    assert move(client, "topup", "1").status_code == 202
    Wallet.objects.filter(iiko_id=DEPOSIT).update(kind=2)

    done = work()

    assert (done.state, done.error_code) == (OperationState.REJECTED, "wallet_of_products")
    assert sent(iiko) == []


@pytest.mark.usefixtures("_guest")
def test_hold_is_released_whatever_the_wallet_counts_now(client: Client, iiko: SimulatedIiko) -> None:
    iiko.answers(HOLD, {"transactionId": "5a5a5a5a-0000-4000-8000-000000000001"})
    iiko.answers(CANCEL_HOLD, {})
    iiko.answers(BY_DATE, page())
    move(client, "hold", "1")
    hold = work()
    Wallet.objects.filter(iiko_id=DEPOSIT).update(kind=2)

    assert ask(client, f"holds/{hold.transaction_id}/cancel").status_code == 202
    assert work().state == OperationState.CONFIRMED


@pytest.mark.usefixtures("_guest")
def test_page_of_a_guest_shows_units_and_switches_buttons_off(client: Client) -> None:
    find()
    client.cookies["django_language"] = "en"
    sign_in_superuser(client)
    customer = Customer.objects.get()

    shown = client.get(f"{GUESTS}{customer.pk}/change/")

    said = text(shown)
    for line in (
        "Питание deposit 99.50 ₽",
        "Баллы bonuses -350.50 ₽",
        "Кофе products 4 pcs",
        "Своим discount —",
        "Подарок certificate 1,000.00 ₽",
        "Новый unknown kind 9 1.25",
        "Без вида — 3",
    ):
        assert line in said, line
    assert "This wallet counts products, not money." in said
    assert said.count("Choose a wallet of money or points.") == len(REFUSED)
    assert markup(shown).count('<button type="button" class="hub-button" disabled') == 3 * len(REFUSED)
    assert markup(shown).count("/topup/") == markup(shown).count("/hold/") == 2
    listed = text(client.get(GUESTS))
    assert "Кофе: 4 pcs" in listed
    assert "Своим: —" in listed
    assert "Новый: 1.25" in listed


@pytest.mark.usefixtures("_guest")
@pytest.mark.parametrize("verb", ["topup", "withdraw", "hold"])
def test_form_of_such_a_wallet_is_refused_with_the_reason(
    client: Client, iiko: SimulatedIiko, verb: str
) -> None:
    find()
    client.cookies["django_language"] = "en"
    sign_in_superuser(client)
    wallet = Wallet.objects.get(iiko_id=PRODUCTS)
    url = f"{GUESTS}{wallet.customer_id}/wallets/{wallet.pk}/{verb}/"
    form = {"amount": "1", "reason": "x", "token": "t", "confirmed": "yes", "order_number": ""}

    for answer in (client.get(url, follow=True), client.post(url, form, follow=True)):
        assert "This wallet counts products, not money." in text(answer)
    assert not LoyaltyOperation.objects.exists()
    assert sent(iiko) == []


@pytest.mark.usefixtures("_guest")
def test_shell_names_units_and_refuses(iiko: SimulatedIiko, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("loyalty", "customer", ORGANIZATION_ID, "--phone", PHONE)

    lines = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").splitlines()[1:]
    assert lines[2:4] == [f"  {PRODUCTS}  4 pcs  Кофе (products)", f"  {DISCOUNT}  —  Своим (discount)"]
    assert lines[5] == f"  {STRANGE}  1.25  Новый (unknown kind 9)"
    for verb in ("topup", "withdraw", "hold"):
        with pytest.raises(CommandError, match="counts products, not money"):
            call_command("loyalty", verb, ORGANIZATION_ID, GUEST_ID, PRODUCTS, "1", "--comment", "x")
    assert sent(iiko) == []


@pytest.mark.usefixtures("_guest")
def test_daily_check_compares_balances_of_money_alone(iiko: SimulatedIiko) -> None:
    find()
    iiko.answers(BY_DATE, page())
    Wallet.objects.update(checked_at=timezone.now(), checked_balance=77)

    balance_check.check_all(clock=timezone.now, only=Customer.objects.all())

    differing = BalanceDifference.objects.values_list("wallet__iiko_id", flat=True)
    assert set(differing) == {DEPOSIT, BONUS, CERTIFICATE}


@pytest.mark.usefixtures("_guest")
def test_older_operation_of_another_wallet_names_no_currency(client: Client) -> None:
    find()
    asked = TransferRequest(Customer.objects.get().organization, GUEST_ID, DEPOSIT, MinorUnits(400))
    by = Requester("shop", "x")
    operation = prepare(OperationKind.TOPUP, transfer=asked, by=by, now=timezone.now())()
    LoyaltyOperation.objects.update(wallet=Wallet.objects.get(iiko_id=PRODUCTS))
    headers = authorized(make_key(name="another"))

    listed = client.get("/api/v1/loyalty/operations", headers=headers).json()["results"]
    sign_in_superuser(client)
    client.cookies["django_language"] = "en"

    assert [(one["amount_minor"], one["currency"]) for one in listed] == [(400, None)]
    assert "+4.00" in text(client.get(f"/admin/loyalty/loyaltyoperation/{operation.pk}/change/"))
    assert "₽" not in text(client.get(f"/admin/loyalty/loyaltyoperation/{operation.pk}/change/"))
