"""Guests and balances over the API: live, kept for a moment, masked for those who may not know."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from core.redaction import masked_card, masked_email, masked_phone
from core.values.phones import normal_phone
from loyalty.models import Customer, Wallet
from loyalty.tests.played_loyalty import (
    GUEST_ID,
    INFO,
    NOT_FOUND,
    PHONE,
    PROGRAMS,
    TOPUP,
    WALLET_ID,
    guest,
    loyal_restaurant,
    move,
    work,
)
from organizations.provisioning import create_api_key
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    make_key,
    make_other_organization,
)
from tests.pages import sign_in
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db


def find(client: Client, key: str | None = None, **query: str) -> Any:
    headers = authorized(key) if key else {}
    return client.get(
        "/api/v1/loyalty/customers", {"organization_id": ORGANIZATION_ID} | query, headers=headers
    )


def test_guest_is_found_by_phone_with_live_balances(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "1651.07")

    answer = find(client, make_key(), phone="8 (903) 000-00-11")

    assert answer.status_code == 200
    assert iiko.bodies(INFO) == [{"organizationId": ORGANIZATION_ID, "type": "phone", "phone": PHONE}]
    told = answer.json()
    assert told["wallets"][0] == {
        "wallet_id": WALLET_ID,
        "name": "Депозит",
        "type": 0,
        "kind": "deposit",
        "balance": "1651.07",
        "balance_minor": 165107,
        "currency": "RUB",
        "is_movable": True,
        "read_at": told["read_at"],
    }
    assert (told["customer_id"], told["phone"], told["email"]) == (GUEST_ID, PHONE, "maria@example.com")


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({"email": "maria@example.com"}, {"type": "email", "email": "maria@example.com"}),
        ({"id": GUEST_ID.upper()}, {"type": "id", "id": GUEST_ID}),
        ({"card": "77000011"}, {"type": "cardNumber", "cardNumber": "77000011"}),
    ],
)
def test_guest_is_found_in_other_ways(
    client: Client, iiko: SimulatedIiko, query: dict[str, str], asked: dict[str, str]
) -> None:
    loyal_restaurant(iiko)

    assert find(client, make_key(), **query).status_code == 200
    assert find(client, make_key(name="again"), **query).status_code == 200  # from the hub

    assert iiko.bodies(INFO) == [{"organizationId": ORGANIZATION_ID} | asked]


def test_card_is_looked_for_by_its_track_too(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, NOT_FOUND, status=400)
    iiko.answers(INFO, guest())

    assert find(client, make_key(), card="900011").status_code == 200
    assert [body["type"] for body in iiko.bodies(INFO)] == ["cardNumber", "cardTrack"]


def test_balance_is_read_again_once_the_hub_moved_money(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    key = make_key()
    find(client, key, phone=PHONE)
    iiko.answers(TOPUP, {})
    move(client, "topup", "5", key)
    work()
    iiko.forget(INFO)
    iiko.answers(INFO, guest("105.00"))

    assert find(client, key, phone=PHONE).json()["wallets"][0]["balance_minor"] == 10500


def test_part_of_a_kopeck_cannot_be_spent_and_is_kept(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "99.999")

    assert find(client, make_key(), phone=PHONE).json()["wallets"][0]["balance_minor"] == 9999
    assert str(Wallet.objects.get().balance) == "99.999000"


def test_unknown_guest_is_404(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, NOT_FOUND, status=400)

    answer = find(client, make_key(), phone=PHONE)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "customer_not_found")
    assert not Customer.objects.exists()


def test_no_loyalty_and_another_refusal_are_told_apart(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, refusal("Что-то не так", "Odd"), status=400)
    iiko.answers(PROGRAMS, {"Programs": []})
    iiko.answers(PROGRAMS, refusal("Нет", "Odd"), status=400)

    refused = find(client, make_key(), phone=PHONE)
    off = find(client, make_key(name="again"), phone=PHONE)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "iiko_refused")
    assert refused.json()["errors"][0]["detail"] == "Что-то не так"
    assert (off.status_code, off.json()["errors"][0]["code"]) == (409, "loyalty_not_provisioned")


@pytest.mark.parametrize(
    "query", [{}, {"phone": PHONE, "email": "a@b.c"}, {"phone": PHONE, "name": "x"}, {"phone": "нет"}]
)
def test_search_is_by_exactly_one_way(client: Client, iiko: SimulatedIiko, query: dict[str, str]) -> None:
    loyal_restaurant(iiko)

    assert find(client, make_key(), **query).status_code in (400, 422)
    assert iiko.bodies(INFO) == []


def test_restaurant_out_of_scope_is_not_asked(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    make_other_organization()

    assert find(client, make_key(OTHER_ORGANIZATION_ID), phone=PHONE).status_code == 404
    assert iiko.bodies(INFO) == []


def test_phones_cannot_be_tried_one_after_the_other(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.API_ACTIONS_PER_MINUTE = 2
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, NOT_FOUND, status=400)
    key = make_key()

    # Six, for a minute may end in between.
    answers = [find(client, key, phone=f"+7903000001{number}").status_code for number in range(6)]

    assert set(answers) == {404, 429}
    assert len(iiko.bodies(INFO)) == answers.count(404)


def test_people_are_masked_for_readers(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    _row, key = create_api_key(name="reader", organization_ids=[], rights=())

    by_key = find(client, key, phone=PHONE).json()
    sign_in(client, "loyalty.view_customer")
    by_person = find(client, phone=PHONE).json()

    for told in (by_key, by_person):
        assert (told["phone"], told["email"]) == ("+7•••11", "m•••@example.com")
        assert told["cards"] == [{"number": "•••0011", "track": "•••"}]


def test_people_with_the_permission_see_all(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    sign_in(client, "loyalty.view_customer", "loyalty.view_personal_data")

    assert find(client, phone=PHONE).json()["phone"] == PHONE


def test_person_without_permission_sees_nothing(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    sign_in(client, "orders.view_order")

    assert find(client, phone=PHONE).status_code == 403
    assert iiko.bodies(INFO) == []


def test_older_answer_does_not_undo_a_newer_one(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    find(client, make_key(), phone=PHONE)
    later = timezone.now().replace(year=2099)
    Customer.objects.update(read_at=later)
    Wallet.objects.update(read_at=later, balance=7)

    move(client, "withdraw", "1")

    assert str(Wallet.objects.get().balance) == "7.000000"


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("8 903 000-00-11", "+79030000011"),
        ("+7 (903) 000 00 11", "+79030000011"),
        ("9030000011", "+79030000011"),
        ("+375 29 123 45 67", "+375291234567"),
        ("нет", ""),
    ],
)
def test_phone_is_written_one_way(text: str, phone: str) -> None:
    assert normal_phone(text) == phone


def test_masks_hide_what_is_short() -> None:
    assert (masked_phone("+7903"), masked_card("1234"), masked_email(""), masked_phone("")) == (
        "•••",
        "•••",
        "",
        "",
    )
