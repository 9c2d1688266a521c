"""One phone, in whatever form people have it in hand, finds its orders, guests, reserves."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.values.phones import normal_phone
from hall.models import Reserve
from loyalty.models import Customer
from loyalty.tests.played_loyalty import INFO, loyal_restaurant
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import (
    ORGANIZATION_ID,
    authorized,
    cloud_event,
    drain,
    make_key,
    make_organization,
    post,
    reserve_event,
)
from tests.pages import ORDERS, RESERVES, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

NB_SPACE, NB_HYPHEN, THIN = "\N{NO-BREAK SPACE}", "\N{NON-BREAKING HYPHEN}", "\N{THIN SPACE}"
LRE, PDF, LRI, PDI = "\u202a", "\u202c", "\u2066", "\u2069"

PHONE = "+79125554417"
FORMS = (
    PHONE,
    "89125554417",
    "79125554417",
    "9125554417",
    "8 (912) 555-44-17",
    "(912) 555-44-17",
    "+7(912)555 44 17",
    f"+7{NB_SPACE}912{NB_SPACE}555{NB_HYPHEN}44{NB_HYPHEN}17",
    f"8{THIN}912{THIN}555–44–17",
    f"{LRE}+7 912 555-44-17{PDF}",
    f"{LRI}8 912 555 44 17{PDI}",
    "\u200e+7\u200b912\ufeff5554417\u200f",
    "tel:+79125554417",
    "TEL:8-912-555-44-17",
    "tel:%2B7%20912%20555-44-17",
    "tel:+7-912-555-44-17;ext=305",
    "callto:+79125554417",
    "sms:+7%20912%20555-44-17",
    "7.912.555.44.17",
    "8/912/5554417",
    "＋７９１２５５５４４１７",
    "٨٩١٢٥٥٥٤٤١٧",
    "8 912 555-44-17 доб. 305",
    "8 912 555-44-17 (доб. 305)",
    "+7 912 555-44-17, вн. 305",
    "89125554417x305",
    "89125554417 ext 305",
    "+79125554417,,305#",
    "Тел.: 8 912 555-44-17",
    "тел +7 912 555-44-17",
    "0079125554417",
    "810 7 912 555 44 17",
    f"  +7{NB_SPACE * 3}912   5554417\n",
)
STORED = ("89125554417", "8 (912) 555-44-17", "9125554417", "+7 912 555-44-17 доб. 305", "tel:+79125554417")
OTHERS = ("+79125554418", "+49125554417", "+371 2555 4417", "912555441", "12-34", "WEB-9125554417")


@pytest.fixture
def _orders() -> None:
    make_organization()
    arrive(PHONE, "+37125554417", "+79125550000")


def arrive(*phones: str) -> None:
    for number, phone in enumerate(phones, 1):
        event = cloud_event(order_id=f"o-{number}", external_number=f"W-{number}", number=number, phone=phone)
        post(Client(), [event])
    drain()


def found(written: str) -> list[str]:
    """Phones of the orders that the API finds."""
    answer = Client().get("/api/v1/orders", {"search": written}, headers=authorized(make_key()))
    assert answer.status_code == 200, answer.content
    ids = [one["id"] for one in answer.json()["results"]]
    return sorted(str(phone) for phone in Order.objects.filter(pk__in=ids).values_list("phone", flat=True))


@pytest.mark.parametrize("written", FORMS)
def test_every_form_is_one_phone(written: str) -> None:
    assert normal_phone(written) == PHONE


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("+371 2555-4417", "+37125554417"),
        ("tel:+371-2555-4417", "+37125554417"),
        ("0037125554417", "+37125554417"),
        ("8 10 371 25554417", "+37125554417"),
        ("+8 1 3 1234 5678", "+81312345678"),
        ("+82 10 1234 567", "+82101234567"),
        ("+1 (212) 555-0123", "+12125550123"),
        ("+372 555 1234", "+3725551234"),
        ("+77011234567", "+77011234567"),
    ],
)
def test_phone_of_another_country_stays_itself(written: str, phone: str) -> None:
    assert normal_phone(written) == phone


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "12", "4417", "нет", "+", "7+9125554417", "WEB-9125554417", "a@b.c", "доб. 305", "9" * 16),
        *("6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d", "912\0 5554417"),
    ],
)
def test_what_is_no_phone_is_none(written: str) -> None:
    assert normal_phone(written) == ""


@pytest.mark.usefixtures("_orders")
def test_every_form_finds_the_order_over_the_api_and_in_the_admin(client: Client) -> None:
    sign_in_superuser(client)

    for written in FORMS:
        assert found(written) == [PHONE], written
        assert len(rows(client.get(ORDERS, {"q": written}))) == 1, written


@pytest.mark.usefixtures("_orders")
def test_other_phones_and_texts_find_no_order() -> None:
    for written in OTHERS[:1] + OTHERS[1:2] + OTHERS[3:]:
        assert found(written) == [], written
    assert found("+371 2555 4417") == ["+37125554417"]
    assert found("+7 371 2555 4417") == []


@pytest.mark.parametrize("stored", STORED)
def test_order_is_found_however_its_phone_was_sent(stored: str) -> None:
    make_organization()
    arrive(stored)

    for written in (PHONE, "8 (912) 555-44-17", "9125554417"):
        assert found(written) == [stored]
    assert Order.objects.get().phone == stored


@pytest.mark.usefixtures("_orders")
def test_last_four_digits_find_orders() -> None:
    assert found("4417") == ["+37125554417", PHONE]
    assert found(" 44\N{ZERO WIDTH SPACE}17 ") == ["+37125554417", PHONE]
    assert found("417") == found("54417") == found("5441") == []


@pytest.mark.usefixtures("_orders")
def test_number_is_found_with_what_a_clipboard_carries_along() -> None:
    assert found(f"{LRE}№{NB_SPACE}2{PDF}") == found("W-2\u200b") == ["+37125554417"]


@pytest.mark.usefixtures("_orders")
def test_search_that_finds_nothing_says_what_can_be_searched(client: Client) -> None:
    client.cookies["django_language"] = "en"
    sign_in_superuser(client)

    page = text(client.get(ORDERS, {"q": "0000 0000 1"}))

    assert "phone or its last four digits, guest, courier, street and house." in page


def test_reserve_is_found_by_every_form_and_by_its_end_only_by_those_who_see_guests(client: Client) -> None:
    make_organization()
    post(Client(), [reserve_event(phone="8 (912) 555-44-17")])
    drain()
    key = authorized(make_key())

    for written in (*FORMS, "4417"):
        answer = Client().get("/api/v1/reserves", {"search": written}, headers=key)
        assert answer.json()["count"] == 1, written
    sign_in(client, "hall.view_reserve")
    for written in (PHONE, "9125554417", "4417"):
        assert rows(client.get(RESERVES, {"q": written})) == [], written
        assert client.get("/api/v1/reserves", {"search": written}).json()["count"] == 0, written


def test_member_of_staff_who_sees_guests_finds_a_reserve_by_four_digits(client: Client) -> None:
    make_organization()
    post(Client(), [reserve_event(phone="8 (912) 555-44-17")])
    drain()
    sign_in(client, "hall.view_reserve", "hall.view_personal_data")

    assert len(rows(client.get(RESERVES, {"q": "4417"}))) == 1
    assert client.get("/api/v1/reserves", {"search": "4417"}).json()["count"] == 1


def make_guest(**changes: Any) -> Customer:
    return Customer.objects.create(
        organization=Organization.objects.get(),
        iiko_id="g-1",
        read_at=timezone.now(),
        **{"name": "Пётр", "surname": "Чернёнок", "phone": PHONE, **changes},
    )


def test_guest_is_found_by_every_form_and_by_name(client: Client) -> None:
    make_organization()
    make_guest()
    sign_in_superuser(client)

    for written in (*FORMS, "4417", "черненок", "петр ЧЕРНЁНОК", "Пётр"):
        assert len(rows(client.get("/admin/loyalty/customer/", {"q": written}))) == 1, written
    for written in (*OTHERS, "4418", "черненкова", "«»"):
        assert rows(client.get("/admin/loyalty/customer/", {"q": written})) == [], written


def test_guest_is_found_by_id_alone_by_those_who_may_not_see_guests(client: Client) -> None:
    make_organization()
    make_guest(email="petr@example.com", cards=[{"number": "1122334455", "track": ""}])
    sign_in(client, "loyalty.view_customer")

    for written in ("4417", "8 912 555 44 17", "Пётр", "petr@example.com", "1122334455"):
        assert rows(client.get("/admin/loyalty/customer/", {"q": written})) == [], written
    assert len(rows(client.get("/admin/loyalty/customer/", {"q": "g-1"}))) == 1


@pytest.mark.parametrize("written", FORMS)
def test_iiko_is_asked_for_a_guest_by_one_form(iiko: SimulatedIiko, written: str) -> None:
    loyal_restaurant(iiko)

    query = {"organization_id": ORGANIZATION_ID, "phone": written}
    answer = Client().get("/api/v1/loyalty/customers", query, headers=authorized(make_key()))

    assert answer.status_code == 200, answer.content
    assert [body["phone"] for body in iiko.bodies(INFO)] == [PHONE]


def test_text_with_digits_is_not_sent_to_iiko_as_a_phone(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)

    for written in ("заказ 9125554417", "4417", "7+9125554417"):
        query = {"organization_id": ORGANIZATION_ID, "phone": written}
        answer = Client().get("/api/v1/loyalty/customers", query, headers=authorized(make_key()))
        assert answer.status_code == 422, written
    assert iiko.bodies(INFO) == []


def test_phones_are_found_by_an_index() -> None:
    make_organization()
    arrive(*(f"+7912{number:07d}" for number in range(3)))
    wanted = (Order.objects.searched(PHONE, people=True),)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")

    for orders in wanted:
        assert "orders_phone_key" in orders.explain()
    assert Reserve.objects.count() == 0
