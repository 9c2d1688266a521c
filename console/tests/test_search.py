"""Search on the console: the page, and what appears below the box."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from console.pages.search import BELOW_BOX, PAGE
from core.database import db_clock
from orders.models.order import Order
from orders.search.marks import Marker
from organizations.models.organization import Organization
from tests.builders import make_organization, make_other_organization
from tests.pages import sign_in, text

pytestmark = pytest.mark.django_db

SEARCH = "/console/search"
HTMX = {"HX-Request": "true", "HX-Target": "search-found"}


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, "loyalty.view_personal_data", "orders.view_order")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(cafe: Organization, number: str, **changes: Any) -> Order:
    row: dict[str, Any] = {
        "organization": cafe,
        "readable_number": number,
        "external_order_id": f"WEB-{number}",
        "iiko_order_id": f"i-{number}",
        "status": "OnWay",
        "raw_status": "OnWay",
        "customer": {"name": "Семён", "surname": "Чернёнок"},
        "phone": "8 (912) 555-44-17",
        "address": {"street": "Малышева", "house": "12"},
        "updated_at": db_clock.now(),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


def numbers(response: Any) -> list[str]:
    assert response.status_code == 200, response
    return [line.split("</strong>")[0] for line in response.content.decode().split('found-number">')[1:]]


def plain(response: Any) -> list[str]:
    return [one.replace("<mark>", "").replace("</mark>", "").strip("№") for one in numbers(response)]


def test_line_says_what_was_found_and_marks_it(operator: Client, cafe: Organization) -> None:
    promised = db_clock.now() + timedelta(minutes=30)
    order = put(cafe, "142", courier_name="Орлова Вера", promised_time=promised)
    put(cafe, "143", customer={"name": "Ольга"})

    page = operator.get(SEARCH, {"q": "ЧЕРНЕН малыш 12", "list": "1"})

    body = page.content.decode()
    said = text(HttpResponse(body.replace("<mark>", "").replace("</mark>", "")))
    assert "1 order №142 On the way" in said
    assert "Кафе «Сирень»" in said
    assert "Семён Чернёнок · 8 (912) 555-44-17 · Малышева, 12 · Орлова Вера · WEB-142" in said
    assert f'href="/console/orders/{order.pk}"' in body
    assert "<mark>Чернён</mark>ок" in body
    assert "<mark>Малыш</mark>ева, <mark>12</mark>" in body
    assert "8 (912) 555-44-17" in body
    assert f'datetime="{promised.isoformat()}"' in body


def test_open_orders_stand_first_then_the_newest(operator: Client, cafe: Organization) -> None:
    for number, status in (
        ("1", "Closed"),
        ("2", "OnWay"),
        ("3", "Closed"),
        ("4", "OnWay"),
        ("5", "Cancelled"),
    ):
        put(cafe, number, status=status, raw_status=status)

    assert plain(operator.get(SEARCH, {"q": "семен"})) == ["4", "2", "5", "3", "1"]


def test_number_itself_stands_before_those_that_begin_with_it(operator: Client, cafe: Organization) -> None:
    for number in ("42", "420", "421"):
        put(cafe, number)

    assert plain(operator.get(SEARCH, {"q": "42", "list": "1"})) == ["42", "421", "420"]


def test_pages_follow_without_a_gap(operator: Client, cafe: Organization) -> None:
    for number in range(100, 100 + 2 * PAGE + 5):
        status = "OnWay" if number < 110 else "Closed"
        put(cafe, str(number), status=status, raw_status=status)
    expected = [*map(str, range(109, 99, -1)), *map(str, range(99 + 2 * PAGE + 5, 109, -1))]

    found: list[str] = []
    after = ""
    for _page in range(3):
        page = operator.get(SEARCH, {"q": "семен", "list": "1", "after": after})
        found += plain(page)
        body = page.content.decode()
        ways = re.findall(r'class="button" href="[^"]*after=([^"]+)"', body)
        after = ways[0] if ways else ""

    assert found == expected
    assert after == ""
    assert "More than 30 orders: open ones first, then the newest" in text(
        operator.get(SEARCH, {"q": "семен"})
    )


@pytest.mark.parametrize("after", ["open", "over-x", "over-" + "9" * 30, "'", "open-٣"])
def test_place_that_is_none_is_the_beginning(operator: Client, cafe: Organization, after: str) -> None:
    put(cafe, "1")
    put(cafe, "2")

    assert plain(operator.get(SEARCH, {"q": "семен", "after": after})) == ["2", "1"]


def test_below_the_box_stand_the_first_and_the_way_to_all(operator: Client, cafe: Organization) -> None:
    for number in range(10, 10 + BELOW_BOX + 1):
        put(cafe, str(number))

    part = operator.get(SEARCH, {"q": "Семён"}, headers=HTMX)

    assert len(numbers(part)) == BELOW_BOX
    said = part.content.decode()
    assert "9 orders" in said
    assert f'href="{SEARCH}?q=%D0%A1%D0%B5%D0%BC%D1%91%D0%BD&amp;list=1"' in said
    assert "<html" not in said


@pytest.mark.parametrize(
    ("written", "leads_to"),
    [("142", "142"), ("WEB-142", "142"), ("web-1429", "1429"), ("+79125554418", "1429"), ("i-150", "150")],
)
def test_enter_opens_the_order_that_was_surely_meant(
    operator: Client, cafe: Organization, written: str, leads_to: str
) -> None:
    put(cafe, "142", status="Closed", raw_status="Closed", iiko_order_id="i-0", external_order_id="old")
    put(cafe, "142")
    put(cafe, "1429", phone="+79125554418")
    put(cafe, "150", status="Closed", raw_status="Closed")

    response = operator.get(SEARCH, {"q": written})

    order = Order.objects.filter(readable_number=leads_to).latest("pk")
    assert (response.status_code, response.get("Location")) == (302, f"/console/orders/{order.pk}")
    assert operator.get(SEARCH, {"q": written, "list": "1"}).status_code == 200
    assert operator.get(SEARCH, {"q": written}, headers=HTMX).status_code == 200


def test_enter_opens_none_of_several(operator: Client, cafe: Organization) -> None:
    put(cafe, "142")
    put(make_other_organization(), "142")

    assert plain(operator.get(SEARCH, {"q": "142"})) == ["142", "142"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "below the box"])
def test_nothing_found_says_what_can_be_searched(operator: Client, headers: dict[str, str]) -> None:
    page = text(operator.get(SEARCH, {"q": "<никто>"}, headers=headers))

    assert "Nothing was found. What can be searched: Number or a part of it, external id" in page


def test_search_for_nothing_says_what_can_be_searched(operator: Client, cafe: Organization) -> None:
    put(cafe, "1")

    assert "What can be searched: Number or a part of it" in text(operator.get(SEARCH))
    assert operator.get(SEARCH, {"q": "  "}, headers=HTMX).content.strip() == b""


def test_too_long_a_search_says_so(operator: Client, cafe: Organization) -> None:
    put(cafe, "1")

    assert "That is too long: a search takes 500 signs." in text(operator.get(SEARCH, {"q": "1" * 501}))


@pytest.mark.parametrize(
    "written", ["a\0b", "'", "\\", "' & | ! :*", "%_", "<b>", "\udcff".encode(errors="replace")]
)
def test_any_sign_may_be_typed(operator: Client, cafe: Organization, written: str) -> None:
    put(cafe, "1")

    assert numbers(operator.get(SEARCH, {"q": written})) == []


def test_only_restaurants_of_the_console_are_searched(operator: Client, cafe: Organization) -> None:
    put(cafe, "1")
    put(make_other_organization(is_active=False), "2")

    assert plain(operator.get(SEARCH, {"q": "семен", "list": "1"})) == ["1"]


def test_chosen_restaurants_do_not_narrow_the_search(operator: Client, cafe: Organization) -> None:
    other = make_other_organization()
    put(cafe, "1")
    put(other, "2")
    operator.post("/console/preferences", {"picker": "1", "restaurants": [cafe.pk]})

    assert plain(operator.get(SEARCH, {"q": "семен"})) == ["2", "1"]


def test_who_may_not_see_orders_searches_none(client: Client, cafe: Organization) -> None:
    put(cafe, "1")
    assert client.get(SEARCH, {"q": "1"}, headers=HTMX).status_code == 401
    assert client.get(SEARCH, {"q": "1"})["Location"].startswith("/admin/login/?next=/console/search")

    sign_in(client, "orders.view_ordercommand")

    for headers in ({}, HTMX):
        answer = client.get(SEARCH, {"q": "1"}, headers=headers)
        assert answer.status_code == 403
        assert "Чернёнок" not in answer.content.decode()


def test_search_takes_few_queries(
    operator: Client, cafe: Organization, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        put(cafe, str(number))
    operator.get(SEARCH, {"q": "семен"}, headers=HTMX)

    with django_assert_max_num_queries(14):
        assert len(numbers(operator.get(SEARCH, {"q": "семен", "list": "1"}))) == 20


@pytest.mark.parametrize(
    ("typed", "shown", "marked"),
    [
        ("чернен", "Семён Чернёнок", "Семён <mark>Чернён</mark>ок"),
        ("ок", "Чернёнок", "Чернёнок"),
        ("42", "№1425", "№1<mark>42</mark>5"),
        ("142", "№142", "№<mark>142</mark>"),
        ("web", "WEB-1", "<mark>WEB</mark>-1"),
        ("web-1", "WEB-12", "<mark>WEB-1</mark>2"),
        ("4417", "+7 912 555-44-17", "<mark>+7 912 555-44-17</mark>"),
        ("89125554417", "+7 912 555-44-17 доб. 5", "<mark>+7 912 555-44-17 доб. 5</mark>"),
        ("семён 8 912 555 44 17", "+79125554417", "<mark>+79125554417</mark>"),
        ("окон", "О'Коннор", "<mark>О&#x27;Коннор</mark>"),
        ("b", "<b>", "&lt;<mark>b</mark>&gt;"),
        ("0F8FAD5BD9CB469FA16570867728950E", "0f8fad5b-d9cb-469f-a165-70867728950e",
         "<mark>0f8fad5b-d9cb-469f-a165-70867728950e</mark>"),
        ("", "Семён", "Семён"),
    ],
)  # fmt: skip
def test_what_was_found_is_marked(typed: str, shown: str, marked: str) -> None:
    assert Marker(typed).mark(shown) == marked


def test_search_that_takes_too_long_says_so(
    operator: Client, cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(*_given: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("core.admin.base.PATIENCE_S", 1)
    monkeypatch.setattr("console.pages.search._page", read_slowly)

    page = operator.get(SEARCH, {"q": "чернен"})

    assert page.status_code == 200
    assert "This search took too long and was stopped. Type more of the word" in text(page)
