from typing import Any
from uuid import UUID

import pytest

from sandbox.catalogue.menu import Product
from sandbox.engine.side_events import Stop
from sandbox.orders.order import CreationStatus
from sandbox.tests.good_bodies import full_order
from sandbox.tests.harness import UNKNOWN_ID, Harness

OWN_ID = "7f3c1a2e-0000-4000-8000-000000000001"
CREATE = "deliveries/create"


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


def _events(harness: Harness) -> list[Any]:
    return [each for each in harness.events() if each["eventInfo"].get("id") == OWN_ID]


def _sent(harness: Harness) -> list[tuple[str, str]]:
    return [(each["eventType"], each["eventInfo"]["creationStatus"]) for each in _events(harness)]


def test_order_is_stored_first_and_accepted_later(harness: Harness) -> None:
    answer = harness.get(CREATE, _request(harness))

    info = answer["orderInfo"]
    assert (info["id"], info["creationStatus"], info["order"]) == (OWN_ID, "InProgress", None)
    harness.run(6)
    assert _sent(harness)[:2] == [("DeliveryOrderUpdate", "InProgress"), ("DeliveryOrderUpdate", "Success")]
    event = _events(harness)[1]
    order = event["eventInfo"]["order"]
    assert event["correlationId"] == answer["correlationId"]
    assert (order["sum"], order["payments"][0]["sum"]) == (540, 540)
    assert order["completeBefore"] == "2026-03-14 20:30:00.000"
    assert order["customer"] == {"type": "one-time", "name": "Вера"}
    assert event["eventInfo"]["externalNumber"] == "SHOP-7"


def test_order_made_over_the_api_comes_to_its_end(harness: Harness) -> None:
    harness.get(CREATE, _request(harness))
    cafe = harness.restaurant("Берёзка")

    def is_over() -> bool:
        order = harness.simulator.engine.order(cafe, UUID(OWN_ID))
        return order is not None and order.is_over

    harness.run_until(is_over)


def test_second_order_of_one_id_is_refused_and_not_made(harness: Harness) -> None:
    harness.get(CREATE, _request(harness))
    harness.run(6)
    sent = len(_sent(harness))

    again = harness.get(CREATE, _request(harness, comment="другой"))["orderInfo"]

    assert (again["creationStatus"], again["errorInfo"]["code"]) == ("Error", "DuplicatedOrderId")
    [order] = harness.orders()
    assert order.comment is None
    assert len(_sent(harness)) == sent


UNKNOWN_DISH = {"type": "Product", "productId": UNKNOWN_ID, "price": 1, "amount": 1}
UNKNOWN_PAYMENT = {"paymentTypeKind": "Cash", "paymentTypeId": UNKNOWN_ID, "sum": 1}
UNKNOWN_DISCOUNT = {"type": "RMS", "discountTypeId": UNKNOWN_ID}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"items": [UNKNOWN_DISH]}, "ProductNotFound"),
        ({"items": []}, "OrderItemsNotExists"),
        ({"completeBefore": "2026-03-14 18:00:00.000"}, "TooSmallDeliveryDate"),
        ({"payments": [UNKNOWN_PAYMENT]}, "PaymentTypeNotFound"),
        ({"discountsInfo": {"discounts": [UNKNOWN_DISCOUNT]}}, "DiscountCardNotFound"),
    ],
)
def test_what_only_the_pos_knows_fails_later(harness: Harness, changes: dict[str, object], code: str) -> None:
    created = harness.get(CREATE, _request(harness, **changes))
    assert created["orderInfo"]["creationStatus"] == "InProgress"

    harness.run(6)

    event = _events(harness)[-1]
    assert (event["eventType"], event["eventInfo"]["errorInfo"]["code"]) == ("DeliveryOrderError", code)


@pytest.mark.parametrize(
    ("changes", "description", "code"),
    [
        ({"phone": "123"}, "phone: a string of 8 to 40 characters is expected.", None),
        (
            *({"phone": "89040001234"}, "phone: '89040001234' is not a phone, + and digits are expected."),
            "InvalidPhone",
        ),
        (
            *({"orderServiceType": None}, "orderTypeId: no order type of a delivery is named."),
            "OrderTypeNotFound",
        ),
        (
            {"orderServiceType": "DeliveryByCourier"},
            *("deliveryPoint.address: an object is expected.", "AddressNotFound"),
        ),
        ({"items": None}, "items: a list of objects is expected.", None),
        ({"externalNumber": "7" * 51}, "externalNumber: a string of 0 to 50 characters is expected.", None),
        ({"id": "mine"}, "id: 'mine' is not a uuid.", None),
        (
            {"items": [{"type": "Product", "productId": UNKNOWN_ID, "amount": 1}]},
            *("items[0].price: a number is expected.", None),
        ),
        ({"customer": {"name": "Вера"}}, "customer.type: None is not one of regular, one-time.", None),
        (
            {"deliveryPoint": {"address": {"line1": "Республики, 61"}}},
            *("deliveryPoint.address.type: None is not one of legacy, city.", None),
        ),
        (
            {"guests": {"count": 2, "splitBetweenPersons": "no"}},
            *("guests.splitBetweenPersons: true or false is expected.", None),
        ),
        (
            {"phoneExtension": "12345678901"},
            *("phoneExtension: a string of 1 to 10 characters is expected.", None),
        ),
    ],
)
def test_what_the_cloud_can_see_is_refused_at_once(
    harness: Harness, changes: dict[str, object], description: str, code: str | None
) -> None:
    refused = (400, f"order.{description}", code)
    assert harness.refusal(CREATE, _request(harness, **changes)) == refused
    assert harness.orders() == []


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

    harness.get(CREATE, request)

    [order] = harness.orders()
    # 3 × 180 less 10 %, and 149 for the delivery
    assert str(order.sum) == "635.00"
    assert order.address is not None
    assert (order.address.street, order.address.house) == (cafe.city.streets[0], "61")


def test_product_of_the_stop_list_is_refused_when_asked_to_check(harness: Harness) -> None:
    group, drink = harness.restaurant("Берёзка").terminal_groups[0], _drink(harness)
    stops = harness.simulator.engine.side_events.stops
    stops._stops[group.id] = {drink.id: Stop(drink, drink.price * 0, harness.simulator.now())}

    checked = {**_request(harness), "createOrderSettings": {"checkStopList": True}}

    refused = (403, f"Product {drink.id} is in the stop list.", None)
    assert harness.refusal(CREATE, checked) == refused
    assert harness.get(CREATE, _request(harness))["orderInfo"]["creationStatus"] == "InProgress"


def test_order_for_a_pos_that_is_offline_fails_and_is_accepted_after_all(harness: Harness) -> None:
    restaurant = {"organization_id": harness.id_of("Берёзка")}
    harness.control("till", {**restaurant, "online": False})
    harness.get(CREATE, _request(harness))

    harness.run(20)
    assert _sent(harness) == [("DeliveryOrderUpdate", "InProgress"), ("DeliveryOrderError", "Error")]
    [failed] = harness.orders()
    assert failed.error is not None
    assert failed.error.message.startswith("Creation timeout expired")
    harness.control("till", {**restaurant, "online": True})
    harness.run(3)

    assert _sent(harness)[2] == ("DeliveryOrderUpdate", "Success")
    assert harness.orders()[0].creation is CreationStatus.SUCCESS


def _only(row: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: row[name] for name in names.split()}


def test_all_that_was_asked_for_is_given_back(harness: Harness) -> None:
    cafe, query = harness.restaurant("Берёзка"), full_order()
    dictionaries, item = cafe.dictionaries, query["items"][0]

    harness.get(CREATE, {"organizationId": str(cafe.id), "order": query})
    harness.run(6)

    [info] = harness.retrieved(query["id"], returnExternalDataKeys=["till"])
    order = info["order"]
    assert info["externalNumber"] == "SHOP-8"
    plain = "menuId completeBefore phone phoneExtension comment deliveryDuration deliveryZone sourceKey"
    assert _only(order, plain) == _only(query, plain)
    assert order["guestsInfo"] == query["guests"]
    assert order["orderType"]["id"] == query["orderTypeId"]
    address, region = query["deliveryPoint"]["address"], cafe.city.regions[0]
    street = {"id": str(cafe.city.streets[0].id), "name": cafe.city.streets[0].name}
    del address["type"], address["regionId"]
    assert order["deliveryPoint"] == {
        **query["deliveryPoint"],
        "address": {
            **address,
            "street": {**street, "city": {"id": str(cafe.city.id), "name": cafe.city.name}},
            "region": {"id": str(region.id), "name": region.name},
            "line1": None,
        },
    }
    del query["customer"]["email"]
    assert order["customer"] == {**query["customer"], "inBlacklist": False, "blacklistReason": None}
    assert order["marketingSource"]["id"] == str(dictionaries.marketing_sources[0].id)
    assert order["operator"]["id"] == str(cafe.operators[0].id)
    assert order["priceCategory"]["id"] == str(dictionaries.price_categories[0].id)
    dish = order["items"][0]
    [modifier] = dish["modifiers"]
    assert (dish["product"]["id"], dish["size"]["id"]) == (item["productId"], item["productSizeId"])
    assert _only(dish, "amount price comment positionId") == _only(item, "amount price comment positionId")
    plain = "amount price positionId"
    assert _only(modifier, plain) == _only(item["modifiers"][0], plain)
    assert dish["comboInformation"]["groupName"] == "Пицца"
    assert [(one["name"], one["amount"], one["price"]) for one in order["combos"]] == [("Обед", 1, 700)]
    flags = ("sum", "isProcessedExternally", "isFiscalizedExternally", "isPrepay")
    assert [tuple(one[flag] for flag in flags) for one in order["payments"]] == [
        (900, True, True, True),
        (571, False, False, False),
    ]
    assert order["processedPaymentsSum"] == 900
    assert [(one["sum"], one["tipsType"]["name"]) for one in order["tips"]] == [(50, "Курьеру")]
    [discount] = order["discounts"]
    assert (discount["discountType"]["id"], discount["sum"]) == (str(dictionaries.discounts[2].id), 100)
    assert order["loyaltyInfo"]["coupon"] == "SPRING"
    assert order["externalData"] == [{"key": "till", "value": "5"}]


def test_flags_of_a_payment_are_those_of_the_request_not_of_its_type(harness: Harness) -> None:
    online = harness.restaurant("Берёзка").dictionaries.card_online
    paid = {"paymentTypeKind": "Card", "paymentTypeId": str(online.id), "sum": 540}

    harness.get(CREATE, _request(harness, payments=[{**paid, "isProcessedExternally": False}]))
    harness.run(6)

    order = harness.retrieved(OWN_ID)[0]["order"]
    [shown] = order["payments"]
    assert (shown["isProcessedExternally"], shown["isPrepay"]) == (False, False)
    assert order["processedPaymentsSum"] == 0


def test_address_in_one_line_is_given_back_as_one(harness: Harness) -> None:
    point = {"address": {"type": "city", "line1": "Республики, 61", "flat": "7"}}

    harness.get(CREATE, _request(harness, orderServiceType="DeliveryByCourier", deliveryPoint=point))
    harness.run(6)

    shown = harness.retrieved(OWN_ID)[0]["order"]["deliveryPoint"]
    assert (shown["address"]["line1"], shown["address"]["flat"]) == ("Республики, 61", "7")
    assert (shown["address"]["street"], shown["coordinates"]) == (None, None)
