"""What callers may write: amounts, ids, phones, NULs; nothing of it moves money or breaks a page."""

import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone, translation

from core.values.phones import normal_phone
from loyalty.models import Customer, LoyaltyOperation, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    GUEST_ID,
    HOLD,
    INFO,
    TOPUP,
    WALLET_ID,
    HandClock,
    ask,
    guest,
    loyal_restaurant,
    move,
    newest,
    page,
    work,
)
from organizations.models.connection import IikoCircuit
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    make_key,
    make_organization,
    make_other_organization,
)
from tests.simulated_iiko import SimulatedIiko, linked, refusal

pytestmark = pytest.mark.django_db


def raw(client: Client, text: str) -> Any:
    """``POST loyalty/topup`` with an amount letter by letter."""
    ids = {"organization_id": ORGANIZATION_ID, "customer_id": GUEST_ID, "wallet_id": WALLET_ID}
    body = json.dumps(ids)[:-1] + f', "amount": {text}}}'
    return client.post("/api/v1/loyalty/topup", body, "application/json", headers=authorized(make_key()))


@pytest.mark.parametrize(
    ("text", "minor", "sent"),
    [
        ("19.99", 1999, "19.99"),
        ("0.1", 10, "0.1"),
        ("0.30", 30, "0.3"),
        ("1e2", 10000, "100"),
        ("1.500", 150, "1.5"),
        ('"0.29"', 29, "0.29"),
        ('"1520.5"', 152050, "1520.5"),
        ("29999.99", 2999999, "29999.99"),
    ],
)
def test_amount_is_taken_and_sent_to_the_kopeck(
    client: Client, iiko: SimulatedIiko, text: str, minor: int, sent: str
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})

    assert raw(client, text).status_code == 202
    work()

    assert newest().amount_minor == minor
    assert iiko.bodies(TOPUP)[0]["sum"] == float(sent)
    assert newest().state == OperationState.CONFIRMED


@pytest.mark.parametrize(
    "text",
    [
        "0.005",
        "-0",
        "-0.01",
        "1e-999999999",
        '"1e999999999"',
        "1e400",
        "NaN",
        "Infinity",
        '"NaN"',
        '"1e2"',
        '"1_000"',
        '"1.500"',
        '"1,500"',
        '"19,99"',
        '" 5 "',
        '"+5"',
        '"١٠"',
        '"5\\u0000"',
        '""',
        "true",
        "null",
        "[]",
        '{"a": 1}',
        "10000000000.01",
        "9" * 4500,
    ],
    ids=lambda text: text[:20],
)
def test_amount_that_means_two_things_or_none_is_refused(
    client: Client, iiko: SimulatedIiko, text: str
) -> None:
    loyal_restaurant(iiko)

    answer = raw(client, text)

    assert answer.status_code == 400, answer.content
    assert not LoyaltyOperation.objects.exists()
    assert iiko.operations() == []


def test_amount_beyond_any_wallet_is_refused_without_limits_too(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.LOYALTY_MAX_OPERATION_MINOR = settings.LOYALTY_MAX_DAY_MINOR = 0
    loyal_restaurant(iiko)

    with pytest.raises(CommandError, match="larger than any wallet"):
        call_command(
            "loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "99999999999", "--comment", "x"
        )
    with pytest.raises(CommandError, match="not written as an amount"):
        call_command("loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "1_0", "--comment", "x")

    assert not LoyaltyOperation.objects.exists()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"email": "a\0b"}, 422),
        ({"card": "\0"}, 422),
        ({"id": "\0"}, 422),
        ({"id": "nonsense"}, 422),
        ({"phone": "\0"}, 422),
        ({"phone": "12"}, 422),
        ({"phone": "1", "organization_id": "\0"}, 404),
    ],
)
def test_search_that_cannot_be_one_is_refused_and_not_asked_of_iiko(
    client: Client, iiko: SimulatedIiko, query: dict[str, str], status: int
) -> None:
    loyal_restaurant(iiko)
    client.raise_request_exception = False

    answer = client.get(
        "/api/v1/loyalty/customers",
        {"organization_id": ORGANIZATION_ID} | query,
        headers=authorized(make_key()),
    )

    assert answer.status_code == status
    assert iiko.operations() == []


def test_ids_that_cannot_be_any_are_refused(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    client.raise_request_exception = False

    answers = [
        ask(client, "holds/%00/cancel"),
        move(client, "topup", "1", make_key(name="b"), customer_id="nonsense"),
        move(client, "topup", "1", make_key(name="c"), wallet_id="a\0b"),
        move(client, "topup", "1", make_key(name="d"), comment="\ud800"),
        move(client, "topup", "1", make_key(name="e"), order_id=2**63),
    ]

    assert [answer.status_code for answer in answers] == [404, 422, 400, 400, 400]
    assert not LoyaltyOperation.objects.exists()


def test_guest_that_iiko_writes_oddly_is_kept(client: Client, iiko: SimulatedIiko) -> None:
    wallets = [{"id": WALLET_ID, "name": "Д\0" + "о" * 900, "type": 0, "balance": 100}]
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, guest(name="Ма\0рия", email="m\ud800@example.com", walletBalances=wallets))
    iiko.answers(CHARGEOFF, {})

    assert move(client, "withdraw", "1").status_code == 202
    assert work().state == OperationState.CONFIRMED
    assert Customer.objects.get().name == "Ма\N{REPLACEMENT CHARACTER}рия"


@pytest.mark.parametrize("text", ["+3725551234", "+372 555 1234"])
def test_phone_of_another_country_with_ten_digits_is_left_alone(text: str) -> None:
    assert normal_phone(text) == "+3725551234"


# --- one wallet, several restaurants -----------------------------------------------------------------


def test_wallet_of_a_chain_is_one_wallet(client: Client, iiko: SimulatedIiko) -> None:
    """The same guest and wallet asked for through two restaurants: locked, ordered and counted together."""
    organization = loyal_restaurant(iiko, "100.00")
    linked(make_other_organization(), organization.api_login)
    iiko.answers(CHARGEOFF, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())
    clock = HandClock()
    theirs = make_key(OTHER_ORGANIZATION_ID, name="other")

    assert move(client, "withdraw", "60").status_code == 202
    assert work(clock).state == OperationState.UNKNOWN
    beyond = move(client, "withdraw", "60", theirs, organization_id=OTHER_ORGANIZATION_ID)
    within = move(client, "withdraw", "40", theirs, organization_id=OTHER_ORGANIZATION_ID)
    work(clock)

    assert (beyond.status_code, beyond.json()["errors"][0]["code"]) == (409, "insufficient_balance")
    assert within.status_code == 202
    assert newest().state == OperationState.PENDING  # behind the lost one of the other restaurant
    assert len(iiko.bodies(CHARGEOFF)) == 1


def test_order_of_another_restaurant_is_not_known(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)

    answer = move(client, "hold", "1", order_id=12345)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_order")


# --- limits, refusals, words -------------------------------------------------------------------------


def test_hold_that_was_given_back_does_not_use_up_the_day(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.LOYALTY_MAX_DAY_MINOR = 5000
    loyal_restaurant(iiko)
    iiko.answers(HOLD, {})
    iiko.answers(CANCEL_HOLD, {})
    iiko.answers(BY_DATE, page())
    move(client, "hold", "40")
    hold = work()

    assert move(client, "hold", "40").json()["errors"][0]["code"] == "limit_day"
    ask(client, f"holds/{hold.transaction_id}/cancel")
    work()
    assert move(client, "hold", "40").status_code == 202


def test_day_begins_at_midnight_of_the_restaurant(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.LOYALTY_MAX_DAY_MINOR = 5000
    loyal_restaurant(iiko, timezone="Asia/Yekaterinburg")
    move(client, "topup", "40")
    zone = ZoneInfo("Asia/Yekaterinburg")
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)

    LoyaltyOperation.objects.update(created_at=midnight)
    assert move(client, "topup", "40").json()["errors"][0]["code"] == "limit_day"
    LoyaltyOperation.objects.update(created_at=midnight - timedelta(microseconds=1))
    assert move(client, "topup", "40").status_code == 202


def test_empty_wallets_do_not_stop_the_next_one(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(CHARGEOFF, {"code": "Wallet_NotEnoughMoney", "message": "Недостаточно"}, status=400)
    wallets = [f"aa11bb22-cc33-4d44-9e55-{number:012d}" for number in range(7)]
    balances = [{"id": one, "name": "Депозит", "type": 0, "balance": 100} for one in wallets]
    iiko.forget(INFO)
    iiko.answers(INFO, guest(walletBalances=balances))
    key = make_key()

    states = []
    for wallet in wallets:
        move(client, "withdraw", "50", key, wallet_id=wallet)
        states.append(work().state)

    assert states == [OperationState.REJECTED] * 7
    assert not any(circuit.open_until for circuit in IikoCircuit.objects.all())


def test_one_wallet_asked_again_and_again_is_left_alone(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(CHARGEOFF, {"code": "Wallet_Blocked", "message": "Заблокирован"}, status=400)
    key = make_key()

    for _ in range(6):
        move(client, "withdraw", "50", key)
        work()

    assert (newest().state, newest().error_code) == (OperationState.PENDING, "iiko_busy")
    assert len(iiko.bodies(CHARGEOFF)) == 5


def test_words_of_the_hub_are_in_the_language_of_the_reader(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    key = make_key()
    move(client, "topup", "50", key)
    with translation.override("ru"):
        lost = work()

    def told(language: str) -> str:
        answer = client.get(
            f"/api/v1/loyalty/operations/{lost.pk}",
            headers=authorized(key) | {"Accept-Language": language},
        )
        return str(answer.json()["error"]["message"])

    assert told("en").startswith("iiko's answer was lost; the hub is looking")
    assert "lost" not in told("ru")
    assert (lost.error_code, lost.error) == ("answer_lost", "")


def test_no_personal_data_reaches_the_logs(
    client: Client, iiko: SimulatedIiko, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late +79030000011"), status=408)
    iiko.answers(BY_DATE, page())
    key = make_key()

    client.get(
        "/api/v1/loyalty/customers",
        {"organization_id": ORGANIZATION_ID, "phone": "+79030000011"},
        headers=authorized(key),
    )
    move(client, "topup", "1", key)
    work()

    written = caplog.text + "".join(capfd.readouterr())
    for word in ("79030000011", "maria@example.com", "Лунина", "77000011", "подарок"):
        assert word not in written


# --- from the shell ----------------------------------------------------------------------------------


def test_command_tells_by_its_exit_code_that_it_is_not_over(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())

    with pytest.raises(CommandError, match="Not over yet") as caught:
        call_command(
            "loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "1", "--comment", "x", "--wait", "0.1"
        )

    assert caught.value.returncode == 3


def test_command_speaks_one_language(iiko: SimulatedIiko) -> None:
    make_organization()

    with translation.override("ru"), pytest.raises(CommandError, match="Write the phone with its code"):
        call_command("loyalty", "customer", ORGANIZATION_ID, "--phone", "нет")
