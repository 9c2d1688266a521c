"""Orders are found by what people know of them, whichever door they search at."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from core.database.sql_bulk import update_rows
from core.values.name_keys import fold
from orders.models.order import Order, OrderQuerySet, OrderTerms
from orders.search import find
from orders.search.find import found_by
from orders.search.words import LONGEST, parts_of, query_of
from organizations.models.organization import Organization
from tests.builders import (
    ORDER_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    arrive,
    arrive_apart,
    authorized,
    cloud_event,
    courier,
    customer,
    make_key,
    make_organization,
    make_other_organization,
    soi_message,
)
from tests.pages import ORDERS, rows, sign_in, sign_in_superuser, text

pytestmark = pytest.mark.django_db

POS_ID = "9f1c2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5f"
OTHER_ID = "aa5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"


def point(street: str, house: str = "12") -> dict[str, Any]:
    return {"address": {"street": {"name": street}, "house": house}}


@pytest.fixture(autouse=True)
def _orders() -> None:
    """Make №3142 of Алёна Соловьёва, carried by Вера, and after it №5077 of Иван О'Коннор."""
    make_organization()
    arrive(
        cloud_event(
            number=3142,
            external_number="WEB-20261130/0417",
            phone="+79125554417",
            customer=customer(name="Алёна", surname="Соловьёва-Чёрная"),
            deliveryPoint=point("Малышева", "101а"),
            courierInfo=courier(name="Орлова Вера"),
            info={"posId": POS_ID},
        ),
        cloud_event(
            order_id=OTHER_ID,
            number=5077,
            external_number="{0F8FAD5B-D9CB-469F-A165-70867728950E}",
            phone="8 (351) 200-10-20 доб. 7",
            customer=customer(name="Иван", surname="О'Коннор"),
            deliveryPoint=point("Веры Засулич", "7"),
            externalCourierService={"id": "x", "name": "Яндекс Доставка"},
            info={"posId": None},
        ),
    )


def api(written: str, **query: str) -> list[str]:
    """Return the numbers that the API finds."""
    answer = Client().get("/api/v1/orders", {"search": written} | query, headers=authorized(make_key()))
    assert answer.status_code == 200, answer.content
    return [one["readable_number"] for one in answer.json()["results"]]


@pytest.fixture
def admin(client: Client) -> Callable[[str], list[str]]:
    sign_in_superuser(client)
    return lambda written: [row.split()[0].strip("№") for row in rows(client.get(ORDERS, {"q": written}))]


FINDS_THE_FIRST = (
    *("3142", "№3142", "# 3142", "31", "142", "42", "14"),
    *("WEB-20261130/0417", "web-20261130/0417", "web-2026", "20261130", "0417", "1130", "WEB"),
    *(
        POS_ID,
        POS_ID.upper(),
        POS_ID.replace("-", ""),
        POS_ID[:9],
        ORDER_ID,
        ORDER_ID.upper(),
        "3c5e7a91-b2d",
    ),
    *("+79125554417", "8 912 555-44-17", "(912) 555 44 17", "tel:+79125554417", "4417"),
    *("Алёна", "алена", "АЛЁН", "ал", "соловьева", "чёрная", "Соловьёва-Чёрная", "Чер Сол"),
    *("орлова", "Орлова вера", "ВЕРА ОРЛ"),
    *("малышева", "Малыш", "малышева 101", "101А малышева", "малышева,101а"),
    *("алена малышева", "малышева 3142 алена орлова", "Алёна 8 912 555-44-17", "соловьева 4417"),
    *("  3142  ", "\N{LEFT-TO-RIGHT MARK}алёна\N{ZERO WIDTH SPACE}", "алена\n\tчерная"),
)
FINDS_NOTHING = (
    *("314200", "99", "WEB-20261131", "20261130/0417", "4d5e", "-"),
    # A phone is not learned digit by digit, and a house is no number of an order.
    *("79125", "912555", "5554417", "441", "54417", "+7912555441", "101", "101а малышевой"),
    *("алёнушка", "лена", "ёна", "алена иван", "алена орловский", "малышева 5077", "соловьева 1020"),
    *("&", "|", "!", "алена & !иван", ":*", "'", '"', "\\", "%", "_", "*", "алена:*C", "' | 'p", "\\'", "()"),
    *("<script>", "№", "##", "«»", "a\ud800b", "\N{REPLACEMENT CHARACTER}"),
)


FINDS_BOTH = ("вер", "ВЕР", " вер ")
FINDS_THE_SECOND = (
    *(
        "оконнор",
        "О’Коннор Иван",
        "яндекс",
        "засулич 7",
        "{0f8fad5b-d9cb-469f-a165-70867728950e}",
        "{0f8fad5b",
    ),
    *("73512001020", "3512001020", "1020"),
)


def test_order_is_found_by_all_that_is_known_of_it() -> None:
    wanted = {written: ["3142"] for written in FINDS_THE_FIRST}
    wanted |= {written: ["5077"] for written in FINDS_THE_SECOND}
    wanted |= {written: ["5077", "3142"] for written in FINDS_BOTH}

    assert {written: api(written) for written in wanted} == wanted


def test_what_fits_no_order_finds_none() -> None:
    found = {written: api(written.encode(errors="replace").decode()) for written in FINDS_NOTHING}

    assert {written: numbers for written, numbers in found.items() if numbers} == {}


def test_admin_finds_what_the_api_does(admin: Callable[[str], list[str]]) -> None:
    for written in ("№3142", "web-2026", "8 912 555-44-17", "алена малышева", "' | !алена:*", "4417", "вер"):
        assert admin(written) == api(written), written
    assert admin("вер") == ["5077", "3142"]


def test_search_is_one_filter_among_others() -> None:
    assert api("вер", status="CookingStarted", skip="1") == ["3142"]
    assert api("вер", status="Closed") == []
    assert api("вер", organization_id=OTHER_ORGANIZATION_ID) == []


def test_key_of_another_restaurant_finds_nothing() -> None:
    make_other_organization()
    headers = authorized(make_key(OTHER_ORGANIZATION_ID))

    answer = Client().get("/api/v1/orders", {"search": "алена"}, headers=headers)

    assert answer.json() == {"count": 0, "next": None, "previous": None, "results": []}


@pytest.mark.parametrize("written", ["a\0b", "а" * (LONGEST + 1)])
def test_api_refuses_what_cannot_be_searched(written: str) -> None:
    answer = Client().get("/api/v1/orders", {"search": written}, headers=authorized(make_key()))

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["search"]


def test_longest_text_and_no_text_are_searched(admin: Callable[[str], list[str]]) -> None:
    longest = ("алена " * LONGEST)[:LONGEST].strip()

    assert api(longest) == ["3142"]
    assert api("а" * LONGEST) == admin("а" * 5000) == []
    assert api("") == api("  ") == admin(" ") == ["5077", "3142"]


def test_list_that_finds_nothing_says_what_can_be_searched(client: Client) -> None:
    client.cookies["django_language"] = "en"
    sign_in_superuser(client)

    page = text(client.get(ORDERS, {"q": "nobody"}))

    assert (
        "What can be searched: Number or a part of it, external id, id in iiko or on the POS, phone" in page
    )


def test_without_people_only_orders_and_couriers_are_searched() -> None:
    def numbers(written: str) -> list[str | None]:
        found = found_by(Order.objects.all(), written, people=False)
        return list(found.values_list("readable_number", flat=True))

    for written in ("алена", "ал", "малышева", "малышева 101", "+79125554417", "4417", "3142 алена"):
        assert numbers(written) == [], written
    for written in ("3142", "0417", POS_ID, "орлова", "3142 вера"):
        assert numbers(written) == ["3142"], written


def test_person_who_may_not_see_orders_searches_none(client: Client) -> None:
    sign_in(client, "orders.view_ordercommand")

    assert client.get("/api/v1/orders", {"search": "алена"}).status_code == 403
    assert client.get(ORDERS, {"q": "алена"}).status_code == 403


# --- what is written -------------------------------------------------------------------------------


def test_changed_order_is_found_by_what_is_new_and_not_by_what_was() -> None:
    changed: dict[str, Any] = {
        "number": 3143,
        "phone": "+79990001122",
        "customer": customer(name="Ольга", surname="Ким"),
        "deliveryPoint": point("Ленина"),
    }

    arrive(cloud_event(timestamp=REVISION + 1, courierInfo=None, **changed))

    for gone in ("3142", "+79125554417", "4417", "алена", "малышева", "орлова", "0417"):
        assert api(gone) == [], gone
    for new in ("3143", "+79990001122", "1122", "ольга ким", "ленина", "WEB-117", ORDER_ID):
        assert api(new) == ["3143"], new


def test_older_message_changes_no_terms() -> None:
    arrive(cloud_event(timestamp=REVISION - 1, number=1, customer=customer(name="Ольга")))

    assert api("ольга") == []
    assert api("алена") == ["3142"]


def test_batch_of_orders_is_found() -> None:
    arrive(
        *(
            cloud_event(order_id=f"o-{number}", external_number=f"W-{number}", number=number)
            for number in range(900, 960)
        )
    )

    assert api("931") == ["931"]
    assert len(api("мария", limit="100")) == 60
    assert OrderTerms.objects.count() == Order.objects.count() == 62


def test_row_written_in_bulk_is_found() -> None:
    order = Order.objects.get(readable_number="3142")

    update_rows(Order, ("courier_name",), [{"id": order.pk, "courier_name": "Зоря Пётр"}])

    assert api("петр") == ["3142"]
    assert api("орлова") == []


def test_merged_orders_are_one_that_is_found() -> None:
    # Two rows, until iiko's id of the first becomes known.
    arrive_apart(
        soi_message(kind="CREATE", external_id="S-77", order_id=None, iikoOrderNumber="777"),
        soi_message(external_id="S-77", order_id="i-77", iikoOrderNumber="778"),
        cloud_event(order_id="i-77", external_number="S-77", number=779, phone="+79990007777"),
    )

    assert api("S-77") == api("i-77") == api("7777") == ["779"]
    assert api("777") == []
    assert OrderTerms.objects.count() == Order.objects.count() == 3


def test_deleted_order_leaves_no_terms() -> None:
    Order.objects.filter(readable_number="3142").delete()

    assert api("алена") == []
    assert OrderTerms.objects.count() == 1


def test_terms_of_anything_can_be_stored() -> None:
    """A name of any length and of any signs stops no event."""
    long = "Ы" * 5000
    wild = "\ufdfa" * 200 + "'\\:*&|!()"
    arrive(
        cloud_event(
            order_id=wild[:190],
            external_number="№ «1» " + "9" * 400,
            number=wild[:180],
            timestamp=REVISION + 5,
            phone="9" * 190,
            customer=customer(name=long, surname=wild * 30),
            deliveryPoint={"address": {"line1": " ".join(map(str, range(4000))), "street": None}},
        )
    )

    assert api("ыыыы") == [wild[:180]]
    assert api("№ «1» " + "9" * 400) == [wild[:180]]


def test_orders_from_before_the_search_are_filled_once() -> None:
    migration = import_module("orders.migrations.0025_fill_order_terms")
    before = dict(OrderTerms.objects.values_list("pk", "terms"))
    OrderTerms.objects.filter(order__readable_number="3142").delete()
    assert api("алена") == []

    migration.fill(apps, connection.schema_editor())
    migration.fill(apps, connection.schema_editor())

    assert api("алена") == ["3142"]
    assert dict(OrderTerms.objects.values_list("pk", "terms")) == before


# --- both ways to the newest -----------------------------------------------------------------------


def test_common_word_and_rare_word_find_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(written: str) -> tuple[list[str | None], str, int]:
        orders: OrderQuerySet = found_by(Order.objects.order_by("-pk"), written, people=True)
        page = orders[:10]
        return [one.readable_number for one in page], str(page.query), orders.order_by()[:10].count()

    rare, by_ids, counted_by_ids = found("вер")
    monkeypatch.setattr(find, "_COMMON", 2)
    common, by_rows, counted_by_index = found("вер")
    single, by_its_ids, counted = found("алена")

    assert rare == common == ["5077", "3142"]
    assert single == ["3142"]
    assert (counted_by_ids, counted_by_index, counted) == (2, 2, 1)
    assert ["ts_match_vq" in sql for sql in (by_ids, by_rows, by_its_ids)] == [False, True, False]


def test_rare_word_is_found_by_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + find._OF_INDEX, [query_of("алена", people=True), 10])
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "order_terms_terms" in plan


@pytest.mark.parametrize(
    "name",
    [
        "Алёна-Мария",
        "О'Коннор",
        "ЁЖ «Ёлка»",
        "a.b/c_d",
        "№5 ½ ﬁ",
        "Й\u0306 и\u0306",
        "tab\tnb\u00a0x",
        "Ünlü–ß",
    ],
)
def test_database_and_program_split_words_alike(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT search_fold(%s), search_terms('p', search_fold(%s))", [name, name])
        folded, terms = cursor.fetchone() or ("", [])

    assert folded == fold(name)
    assert terms == [f"p{part}" for part in parts_of(name)]


def test_restaurants_are_not_searched_by_name() -> None:
    assert Organization.objects.get().name == "Кафе «Сирень»"
    assert api("сирень") == []
