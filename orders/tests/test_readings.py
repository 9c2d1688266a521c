"""How the numbers, names and lines of an order are read: rounding, text for objects, dishes of parts."""

import json
from typing import Any

import pytest
from django.test import Client

from hall.models import TableOrder
from orders.models.order import Order
from tests.builders import (
    cloud_event,
    customer,
    drain,
    inbox,
    make_organization,
    post,
    product,
    soi_message,
    table_order_event,
)
from tests.pages import ORDERS, sign_in_superuser, text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _restaurant(db: None) -> None:
    make_organization()


def arrive(message: Any) -> Order:
    assert post(Client(), message).status_code == 200
    drain()
    return Order.objects.get()


def exactly(event: dict[str, Any], written: str) -> str:
    """Return the body with every "@" replaced by a number just as it is written."""
    return json.dumps([event]).replace('"@"', written)


# --- money -------------------------------------------------------------------------------------------

PAYMENT = {"paymentType": {"name": "Наличные"}, "sum": "@"}


@pytest.mark.parametrize(
    ("written", "minor", "is_noted"),
    [
        ("1016.4499999999999", 101645, False),
        ("440.90000000000003", 44090, False),
        ("117.549", 11755, True),
        ("105.79410000000001", 10579, True),
        ("0.30000000000000004", 30, False),
        ("10.005", 1001, True),
        ("-10.005", -1001, True),
    ],
)
def test_every_amount_is_rounded_by_one_rule(written: str, minor: int, *, is_noted: bool) -> None:
    modifier = {"product": {"name": "Сыр"}, "amount": 1.0, "price": "@", "resultSum": "@"}
    event = cloud_event(
        sum="@",
        processedPaymentsSum="@",
        items=[product(price="@", cost="@", resultSum="@", modifiers=[modifier])],
        payments=[PAYMENT],
        tips=[PAYMENT],
        discounts=[{"discountType": {"name": "Скидка"}, "sum": "@"}],
    )

    order = arrive(exactly(event, written))

    [item] = order.items
    assert {order.amount_minor, order.processed_payments_minor} == {minor}
    assert {item["price_minor"], item["cost_minor"], item["result_minor"]} == {minor}
    assert {item["modifiers"][0]["price_minor"], item["modifiers"][0]["result_minor"]} == {minor}
    assert {row["sum_minor"] for row in (*order.payments, *order.tips, *order.discounts)} == {minor}
    assert len(inbox()[0].notes) == (10 if is_noted else 0)
    assert written in str(inbox()[0].payload)


def test_amount_of_a_table_order_and_of_soi_is_rounded(client: Client) -> None:
    post(client, exactly(table_order_event(sum="@"), "117.549"))
    post(client, json.dumps(soi_message(orderAmount="@")).replace('"@"', "117.549"))
    drain()

    assert TableOrder.objects.get().amount_minor == 11755
    assert Order.objects.get().amount_minor == 11755


@pytest.mark.parametrize(
    ("written", "amount"),
    [("0.353", "0.353"), ("0.30000000000000004", "0.3"), ("2.0", "2"), ("0.3333333333", "0.3333333333")],
)
def test_amount_of_a_line_loses_the_noise_alone(written: str, amount: str) -> None:
    [item] = arrive(exactly(cloud_event(items=[product(amount="@")]), written)).items

    assert item["amount"] == amount


@pytest.mark.parametrize(
    ("deleted", "is_deleted", "reason"),
    [
        (None, False, None),
        (False, False, None),
        (True, True, None),
        ("ошибка кассира", True, "ошибка кассира"),
        ({"deletionMethod": {"id": "x", "comment": "пролили"}}, True, "пролили"),
        ({"deletionMethod": {"id": "x", "comment": None, "removalType": "Брак"}}, True, "Брак"),
    ],
)
def test_line_says_whether_and_why_it_was_deleted(deleted: Any, *, is_deleted: bool, reason: Any) -> None:
    [item] = arrive(cloud_event(items=[product(deleted=deleted)])).items

    assert (item["is_deleted"], item["deletion_reason"]) == (is_deleted, reason)


@pytest.mark.parametrize(("written", "amount"), [("0.353", "0.353"), (" 2 ", "2"), ("-1.5", "-1.5")])
def test_amount_written_as_text_is_that_amount(written: str, amount: str) -> None:
    [item] = arrive(cloud_event(items=[product(amount=written)])).items

    assert (item["amount"], inbox()[0].notes) == (amount, [])


@pytest.mark.parametrize("written", ["1 016,45", "1,5", "1e3", "", "٣", "много"])
def test_text_that_is_no_amount_is_unknown_and_noted(written: str) -> None:
    [item] = arrive(cloud_event(items=[product(amount=written)])).items

    assert item["amount"] is None
    assert inbox()[0].notes == [f"order.items[0].amount: expected a number, got {written!r}"]


# --- text in the place of an object ------------------------------------------------------------------


def test_text_in_the_place_of_an_object_is_its_name() -> None:
    order = arrive(
        cloud_event(
            customer="Мария",
            operator="Ким Ольга",
            orderType="Доставка курьером",
            courierInfo={"courier": "Орлова Вера", "isCourierSelectedManually": True},
            externalCourierService="Быстрые ноги",
            cancelInfo={"whenCancelled": None, "cause": "Гость передумал", "comment": None},
            problem="Не отвечает",
            items=[product(product="Суп дня", size="Большой", modifiers=[{"product": "Сыр", "amount": 1}])],
            payments=[{"paymentType": "Наличные", "sum": 5.0}],
            discounts=[{"discountType": "Скидка", "sum": 5.0}],
        )
    )

    [item] = order.items
    assert order.customer is not None
    assert (order.customer["name"], order.operator_name) == ("Мария", "Ким Ольга")
    assert (order.order_type_name, order.courier_name) == ("Доставка курьером", "Орлова Вера")
    assert (order.external_courier_service_name, order.cancel_cause) == ("Быстрые ноги", "Гость передумал")
    assert order.problem == "Не отвечает"
    assert (item["name"], item["size"], item["modifiers"][0]["name"]) == ("Суп дня", "Большой", "Сыр")
    assert (order.payments[0]["name"], order.discounts[0]["name"]) == ("Наличные", "Скидка")
    assert len(inbox()[0].notes) == 12
    assert "order.customer: expected an object, got text; taken for its name" in inbox()[0].notes


def test_an_id_in_the_place_of_an_object_is_no_name() -> None:
    ident = "11AA22BB-33cc-44dd-95ee-66ff77008899"

    [item] = arrive(cloud_event(items=[product(product=ident)])).items

    assert (item["product_id"], item["name"]) == (ident.lower(), None)


# --- addresses ---------------------------------------------------------------------------------------

WAY = {"flat": "7", "entrance": "2", "floor": "3", "doorphone": "7К"}
PARTS = {"street": {"name": "Первая", "city": {"name": "Тюмень"}}, "house": "5", "building": "2"}


@pytest.mark.parametrize(
    ("address", "shown", "notes"),
    [
        (
            {"line1": "Тюмень, улица Первая, 1", **WAY},
            "Тюмень, улица Первая, 1, кв. 7, подъезд 2, этаж 3, домофон 7К",
            0,
        ),
        (PARTS | WAY, "Тюмень, Первая, 5, корп. 2, кв. 7, подъезд 2, этаж 3, домофон 7К", 0),
        ({"street": {"name": "Первая", "city": "Тюмень"}, "house": "5"}, "Тюмень, Первая, 5", 1),
        ({"street": "Первая", "house": "5", "flat": "12"}, "Первая, 5, кв. 12", 1),
        ({"region": "Тюменская область", "line1": "Первая, 5"}, "Тюменская область, Первая, 5", 1),
        (
            PARTS | {"building": None, "line1": "Тюмень, Первая, 5", "flat": "1"},
            "Тюмень, Первая, 5, кв. 1",
            0,
        ),
        ({"house": "5", "line1": "Первая, 55"}, "5, Первая, 55", 0),
        ("Тюмень, Первая, 5", "Тюмень, Первая, 5", 1),
        ({"city": "Тюмень", "street": "Первая", "house": "5"}, "Тюмень, Первая, 5", 2),
        ({"city": {"name": "Омск"}, "street": PARTS["street"], "house": "5"}, "Тюмень, Первая, 5", 0),
    ],
)
def test_address_begins_with_the_street_and_ends_at_the_door(
    client: Client, address: Any, shown: str, notes: int
) -> None:
    order = arrive(cloud_event(deliveryPoint={"address": address, "coordinates": None, "comment": None}))
    sign_in_superuser(client)

    page = text(client.get(f"{ORDERS}{order.pk}/change/"))

    assert f"Адрес {shown} Зона" in page
    assert len(inbox()[0].notes) == notes


# --- dishes of parts ---------------------------------------------------------------------------------


def part(name: str, ident: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "product": {"id": f"0f94c395-0000-4000-8000-00000000000{ident}", "name": name},
        "modifiers": [],
        "price": 175.0,
        "cost": 175.0,
        "resultSum": 175.0,
        "positionId": "9f13a6e0-e2c0-4f3a-9e77-9df7dbb061c5",
    } | changes


def compound(first: Any, second: Any) -> dict[str, Any]:
    whole = product(type="Compound", primaryComponent=first, secondaryComponent=second)
    for name in ("product", "modifiers", "price", "cost", "resultSum", "positionId"):
        del whole[name]
    return whole | {
        "template": {"id": "a1395cb6-0000-4000-8000-000000000009", "name": "Собери сам"},
        "commonModifiers": None,
    }


MUSHROOMS, CHEESE = part("С грибами", 1), part("Сырная", 2)
ID_OF = "0f94c395-0000-4000-8000-00000000000{}"
TEMPLATE_ID = "a1395cb6-0000-4000-8000-000000000009"


@pytest.mark.parametrize(
    ("first", "second", "name", "product_id"),
    [
        (MUSHROOMS, None, "С грибами", ID_OF.format(1)),
        (MUSHROOMS, {}, "С грибами", ID_OF.format(1)),
        (None, CHEESE, "Сырная", ID_OF.format(2)),
        (MUSHROOMS, MUSHROOMS, "С грибами", ID_OF.format(1)),
        (MUSHROOMS, CHEESE, "½ С грибами / ½ Сырная", TEMPLATE_ID),
        (MUSHROOMS, part("", 2), "Собери сам", TEMPLATE_ID),
        ("С грибами", "Сырная", "½ С грибами / ½ Сырная", TEMPLATE_ID),
        (MUSHROOMS, "Сырная", "½ С грибами / ½ Сырная", TEMPLATE_ID),
    ],
)
def test_dish_of_parts_is_named_after_them(first: Any, second: Any, name: str, product_id: str) -> None:
    [item] = arrive(cloud_event(items=[compound(first, second)])).items

    assert (item["name"], item["product_id"]) == (name, product_id)
    assert (item["template_id"], item["template_name"]) == (TEMPLATE_ID, "Собери сам")


def test_page_names_the_dish_once_with_its_template_beside_it(client: Client) -> None:
    order = arrive(cloud_event(items=[compound(MUSHROOMS, None)]))
    sign_in_superuser(client)

    page = text(client.get(f"{ORDERS}{order.pk}/change/"))

    assert page.count("С грибами") == 1
    assert "Собери сам" in page


def test_table_orders_name_it_alike() -> None:
    post(Client(), table_order_event(items=[compound(MUSHROOMS, CHEESE)]))
    drain()

    assert TableOrder.objects.get().items[0]["name"] == "½ С грибами / ½ Сырная"


def test_customers_own_text_is_left_alone() -> None:
    order = arrive(cloud_event(customer=customer(comment="без лука")))

    assert order.customer is not None
    assert (order.customer["comment"], inbox()[0].notes) == ("без лука", [])
