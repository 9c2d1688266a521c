from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sandbox.catalogue.menu import Product
from sandbox.catalogue.stop_lists import Stop
from sandbox.orders.order import CreationStatus
from sandbox.tests.good_bodies import full_order
from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness

OWN_ID = "7f3c1a2e-0000-4000-8000-000000000001"


@pytest.fixture
def harness() -> Harness:
    return open_harness(rate=0, speed=20)


def _drink(harness: Harness) -> Product:
    return next(each for each in harness.restaurant("Берёзка").menu.dishes if each.name.startswith("Морс"))


def _request(harness: Harness, **changes: object) -> dict[str, Any]:
    cafe = harness.restaurant("Берёзка")
    order = {
        "id": OWN_ID,
        "externalNumber": "SHOP-7",
        "phone": "+79040001234",
        "orderServiceType": "DeliveryByClient",
        "completeBefore": "2026-03-14 20:30:00.000",
        "customer": {"type": "one-time", "name": "Вера"},
        "items": [{"type": "Product", "productId": str(_drink(harness).id), "price": 180, "amount": 3}],
        "payments": [
            {"paymentTypeKind": "Cash", "paymentTypeId": str(cafe.dictionaries.cash.id), "sum": 540}
        ],
        **changes,
    }
    return {"organizationId": str(cafe.id), "order": order}


def _shown(harness: Harness) -> list[tuple[str, str]]:
    mine = [each for each in harness.events() if each["eventInfo"].get("id") == OWN_ID]
    return [(each["eventType"], each["eventInfo"]["creationStatus"]) for each in mine]


def test_order_is_stored_first_and_taken_later(harness: Harness) -> None:
    answer = harness.get("deliveries/create", _request(harness))

    info = answer["orderInfo"]
    assert (info["id"], info["creationStatus"], info["order"]) == (OWN_ID, "InProgress", None)
    harness.run(6)
    assert _shown(harness)[:2] == [
        ("DeliveryOrderUpdate", "InProgress"),
        ("DeliveryOrderUpdate", "Success"),
    ]
    event = [each for each in harness.events() if each["eventInfo"].get("id") == OWN_ID][1]
    order = event["eventInfo"]["order"]
    assert event["correlationId"] == answer["correlationId"]
    assert (order["sum"], order["payments"][0]["sum"]) == (540, 540)
    assert (order["completeBefore"], order["customer"]) == (
        "2026-03-14 20:30:00.000",
        {"type": "one-time", "name": "Вера"},
    )
    assert event["eventInfo"]["externalNumber"] == "SHOP-7"


def test_order_made_over_the_api_comes_to_its_end(harness: Harness) -> None:
    harness.get("deliveries/create", _request(harness))
    cafe = harness.restaurant("Берёзка")

    def is_over() -> bool:
        order = harness.simulator.engine.order(cafe, UUID(OWN_ID))
        return order is not None and order.is_over

    harness.run_until(is_over)


def test_second_order_of_one_id_is_refused_and_not_made(harness: Harness) -> None:
    harness.get("deliveries/create", _request(harness))
    harness.run(6)
    shown = len(_shown(harness))

    again = harness.get("deliveries/create", _request(harness, comment="другой"))["orderInfo"]

    assert (again["creationStatus"], again["errorInfo"]["code"]) == ("Error", "DuplicatedOrderId")
    assert len(list(harness.simulator.engine.orders())) == 1
    assert next(harness.simulator.engine.orders()).comment is None
    assert len(_shown(harness)) == shown


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (
            {"items": [{"type": "Product", "productId": UNKNOWN_ID, "price": 1, "amount": 1}]},
            "ProductNotFound",
        ),
        ({"items": []}, "OrderItemsNotExists"),
        ({"completeBefore": "2026-03-14 18:00:00.000"}, "TooSmallDeliveryDate"),
        (
            {"payments": [{"paymentTypeKind": "Cash", "paymentTypeId": UNKNOWN_ID, "sum": 1}]},
            "PaymentTypeNotFound",
        ),
        (
            {"discountsInfo": {"discounts": [{"type": "RMS", "discountTypeId": UNKNOWN_ID}]}},
            "DiscountCardNotFound",
        ),
    ],
)
def test_what_only_the_till_knows_fails_later(
    harness: Harness, changes: dict[str, object], code: str
) -> None:
    assert (
        harness.get("deliveries/create", _request(harness, **changes))["orderInfo"]["creationStatus"]
        == "InProgress"
    )

    harness.run(6)

    event = [each for each in harness.events() if each["eventInfo"].get("id") == OWN_ID][-1]
    assert (event["eventType"], event["eventInfo"]["errorInfo"]["code"]) == ("DeliveryOrderError", code)


@pytest.mark.parametrize(
    ("changes", "description", "code"),
    [
        ({"phone": "123"}, "order.phone: a string of 8 to 40 characters is expected.", None),
        (
            {"phone": "89040001234"},
            "order.phone: '89040001234' is not a phone, + and digits are expected.",
            "InvalidPhone",
        ),
        (
            {"orderServiceType": None},
            "order.orderTypeId: no order type of a delivery is named.",
            "OrderTypeNotFound",
        ),
        (
            {"orderServiceType": "DeliveryByCourier"},
            "order.deliveryPoint.address: an object is expected.",
            "AddressNotFound",
        ),
        ({"items": None}, "order.items: a list of objects is expected.", None),
        (
            {"externalNumber": "7" * 51},
            "order.externalNumber: a string of 0 to 50 characters is expected.",
            None,
        ),
        ({"id": "mine"}, "order.id: 'mine' is not a uuid.", None),
        (
            {"items": [{"type": "Product", "productId": UNKNOWN_ID, "amount": 1}]},
            "order.items[0].price: a number is expected.",
            None,
        ),
        (
            {"customer": {"name": "Вера"}},
            "order.customer.type: None is not one of regular, one-time.",
            None,
        ),
        (
            {"deliveryPoint": {"address": {"line1": "Республики, 61"}}},
            "order.deliveryPoint.address.type: None is not one of legacy, city.",
            None,
        ),
        (
            {"guests": {"count": 2, "splitBetweenPersons": "no"}},
            "order.guests.splitBetweenPersons: true or false is expected.",
            None,
        ),
        (
            {"phoneExtension": "12345678901"},
            "order.phoneExtension: a string of 1 to 10 characters is expected.",
            None,
        ),
    ],
)
def test_what_the_cloud_can_see_is_refused_at_once(
    harness: Harness, changes: dict[str, object], description: str, code: str | None
) -> None:
    assert harness.refusal("deliveries/create", _request(harness, **changes)) == (400, description, code)
    assert list(harness.simulator.engine.orders()) == []


def test_delivery_with_a_discount_costs_to_the_kopeck(harness: Harness) -> None:
    cafe = harness.restaurant("Берёзка")
    discount = {"type": "RMS", "discountTypeId": str(cafe.dictionaries.discounts[0].id)}
    street = {"name": cafe.city.streets[0].name, "city": cafe.city.name}
    request = _request(
        harness,
        orderServiceType="DeliveryByCourier",
        deliveryPoint={"address": {"type": "legacy", "street": street, "house": "61"}},
        discountsInfo={"discounts": [discount]},
    )

    harness.get("deliveries/create", request)

    order = next(harness.simulator.engine.orders())
    # 3 × 180 less 10 %, and 149 for the delivery
    assert str(order.sum) == "635.00"
    assert order.address is not None
    assert (order.address.street, order.address.house) == (cafe.city.streets[0], "61")


def test_product_of_the_stop_list_is_refused_when_asked_to_check(harness: Harness) -> None:
    group, drink = harness.restaurant("Берёзка").terminal_groups[0], _drink(harness)
    stops = harness.simulator.engine.side_events.stops
    stops._stops[group.id] = {drink.id: Stop(drink, drink.price * 0, harness.simulator.now())}

    checked = {**_request(harness), "createOrderSettings": {"checkStopList": True}}

    assert harness.refusal("deliveries/create", checked) == (
        403,
        f"Product {drink.id} is in the stop list.",
        None,
    )
    assert harness.get("deliveries/create", _request(harness))["orderInfo"]["creationStatus"] == "InProgress"


def test_order_for_a_till_that_is_cut_off_fails_and_is_taken_after_all(harness: Harness) -> None:
    cafe = harness.restaurant("Берёзка")
    harness.control("till", {"organization_id": str(cafe.id), "online": False})
    harness.get("deliveries/create", _request(harness))

    harness.run(20)
    assert _shown(harness) == [("DeliveryOrderUpdate", "InProgress"), ("DeliveryOrderError", "Error")]
    failed = next(harness.simulator.engine.orders())
    assert failed.error is not None
    assert failed.error.message.startswith("Creation timeout expired")
    harness.control("till", {"organization_id": str(cafe.id), "online": True})
    harness.run(3)

    assert _shown(harness)[2] == ("DeliveryOrderUpdate", "Success")
    assert next(harness.simulator.engine.orders()).creation is CreationStatus.SUCCESS


def _retrieved(harness: Harness, order_id: str) -> Any:
    cafe = harness.restaurant("Берёзка")
    query = {"organizationId": str(cafe.id), "orderIds": [order_id], "returnExternalDataKeys": ["till"]}
    return harness.get("deliveries/by_id", query)["orders"][0]


def test_all_that_was_asked_for_is_given_back(harness: Harness) -> None:
    cafe, query = harness.restaurant("Берёзка"), full_order(harness)
    dictionaries, pizza = cafe.dictionaries, cafe.menu.dishes[0]

    harness.get("deliveries/create", {"organizationId": str(cafe.id), "order": query})
    harness.run(6)

    info = _retrieved(harness, str(query["id"]))
    order = info["order"]
    assert info["externalNumber"] == "SHOP-8"
    assert {
        key: order[key] for key in ("menuId", "completeBefore", "phone", "phoneExtension", "comment")
    } == {key: query[key] for key in ("menuId", "completeBefore", "phone", "phoneExtension", "comment")}
    assert {key: order[key] for key in ("deliveryDuration", "deliveryZone", "sourceKey")} == {
        key: query[key] for key in ("deliveryDuration", "deliveryZone", "sourceKey")
    }
    assert order["orderType"]["id"] == query["orderTypeId"]
    assert order["deliveryPoint"] == {
        "coordinates": {"latitude": 57.15, "longitude": 65.53},
        "address": {
            "street": {
                "id": str(cafe.city.streets[0].id),
                "name": cafe.city.streets[0].name,
                "city": {"id": str(cafe.city.id), "name": cafe.city.name},
            },
            "index": "625000",
            "house": "61",
            "building": "2",
            "flat": "18",
            "entrance": "3",
            "floor": "5",
            "doorphone": "18К",
            "region": {"id": str(cafe.city.regions[0].id), "name": cafe.city.regions[0].name},
            "line1": None,
        },
        "externalCartographyId": "map-5",
        "comment": "Вход со двора",
    }
    assert order["customer"] == {
        "type": "regular",
        "id": "00000000-0000-0000-0000-00000000005f",
        "name": "Вера",
        "surname": "Зимина",
        "comment": "Аллергия",
        "gender": "Female",
        "inBlacklist": False,
        "blacklistReason": None,
        "birthdate": "1990-05-17 00:00:00.000",
    }
    assert order["guestsInfo"] == {"count": 3, "splitBetweenPersons": True}
    assert order["marketingSource"]["id"] == str(dictionaries.marketing_sources[0].id)
    assert order["operator"]["id"] == str(cafe.operators[0].id)
    assert order["priceCategory"]["id"] == str(dictionaries.price_categories[0].id)
    dish = order["items"][0]
    [extra] = dish["modifiers"]
    assert (dish["product"]["id"], dish["size"]["id"]) == (str(pizza.id), str(pizza.sizes[1].id))
    assert (dish["amount"], dish["price"], dish["comment"], dish["positionId"]) == (
        2,
        690,
        "без лука",
        "00000000-0000-0000-0000-000000000060",
    )
    assert (extra["amount"], extra["price"], extra["positionId"]) == (
        1,
        45.5,
        "00000000-0000-0000-0000-000000000061",
    )
    assert dish["comboInformation"]["groupName"] == "Пицца"
    assert [(one["name"], one["amount"], one["price"]) for one in order["combos"]] == [("Обед", 1, 700)]
    flags = ("sum", "isProcessedExternally", "isFiscalizedExternally", "isPrepay")
    assert [tuple(one[flag] for flag in flags) for one in order["payments"]] == [
        (900, True, True, True),
        (571, False, False, False),
    ]
    assert order["processedPaymentsSum"] == 900
    assert [(one["sum"], one["tipsType"]["name"]) for one in order["tips"]] == [(50, "Курьеру")]
    assert [(one["discountType"]["id"], one["sum"]) for one in order["discounts"]] == [
        (str(dictionaries.discounts[2].id), 100)
    ]
    assert order["loyaltyInfo"]["coupon"] == "SPRING"
    assert order["externalData"] == [{"key": "till", "value": "5"}]


def test_flags_of_a_payment_are_those_of_the_request_not_of_its_type(harness: Harness) -> None:
    online = harness.restaurant("Берёзка").dictionaries.card_online
    paid = {"paymentTypeKind": "Card", "paymentTypeId": str(online.id), "sum": 540}

    harness.get("deliveries/create", _request(harness, payments=[{**paid, "isProcessedExternally": False}]))
    harness.run(6)

    order = _retrieved(harness, OWN_ID)["order"]
    [shown] = order["payments"]
    assert (shown["isProcessedExternally"], shown["isPrepay"], order["processedPaymentsSum"]) == (
        False,
        False,
        0,
    )


def test_address_in_one_line_is_given_back_as_one(harness: Harness) -> None:
    point = {"address": {"type": "city", "line1": "Республики, 61", "flat": "7"}}

    harness.get(
        "deliveries/create", _request(harness, orderServiceType="DeliveryByCourier", deliveryPoint=point)
    )
    harness.run(6)

    shown = _retrieved(harness, OWN_ID)["order"]["deliveryPoint"]
    assert (shown["address"]["line1"], shown["address"]["flat"]) == ("Республики, 61", "7")
    assert (shown["address"]["street"], shown["coordinates"]) == (None, None)
