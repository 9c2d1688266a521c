"""Reissue of an order: all that a request has a place for is carried over, the rest is refused."""

from typing import Any

import pytest

from iiko_client.endpoints.reissue import NotReissuable, reissued_order
from iiko_client.tests.harness import assert_fits
from tests.builders import ORGANIZATION_ID, cloud_order, product

pytestmark = pytest.mark.compared

NEW_ID = "9c5e7a91-b2d4-4f60-8172-93a4b5c6d7e9"
SIZE, GROUP, EXTRA = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
POSITION = "22bb33cc-44dd-45ee-86ff-770088991122"
STREET = {
    "id": "99887766-5544-4332-8110-ffeeddccbbaa",
    "name": "Малышева",
    "city": {"id": "aabbccdd-eeff-4001-8223-344556677889", "name": "Екатеринбург"},
}


def reissued(
    *,
    pos_version: tuple[int, ...] = (),
    discounts: Any = (),
    external_number: str = "WEB-117",
    **changes: Any,
) -> dict[str, Any]:
    written = reissued_order(
        cloud_order(**changes),
        order_id=NEW_ID,
        external_number=external_number,
        discounts=list(discounts),
        payments=[],
        pos_version=pos_version,
    )
    assert_fits("deliveries/create", {"organizationId": ORGANIZATION_ID, "order": written})
    return written


def refusal(**changes: Any) -> str:
    with pytest.raises(NotReissuable) as refused:
        reissued(**changes)
    return refused.value.code


def extra(**changes: Any) -> dict[str, Any]:
    return {
        "product": {"id": EXTRA, "name": "Сыр"},
        "amount": 2,
        "amountIndependentOfParentAmount": False,
        "productGroup": {"id": GROUP, "name": "Добавки"},
        "price": 45.5,
        "pricePredefined": False,
        "resultSum": 91.0,
        "deleted": None,
        "positionId": EXTRA,
    } | changes


def test_all_that_has_a_place_is_carried_over() -> None:
    marketing, operator = {"id": GROUP, "name": "Сайт"}, {"id": EXTRA, "name": "Оля", "phone": None}

    order = reissued(
        marketingSource=marketing, operator=operator, sourceKey="site", menuId="7", phoneExtension="12"
    )

    assert order == {
        "id": NEW_ID,
        "externalNumber": "WEB-117",
        "completeBefore": "2026-03-14 19:40:00.000",
        "phone": "+79030000011",
        "phoneExtension": "12",
        "orderTypeId": "76067ea3-356f-eb93-9d14-1fa00d082c4e",
        "deliveryPoint": {
            "address": {"type": "legacy", "street": {"id": STREET["id"]}, "house": "12", "flat": "7"},
            "coordinates": {"latitude": 56.8389, "longitude": 60.6057},
        },
        "comment": "Без приборов",
        "customer": {
            "type": "regular",
            "id": "55667788-99aa-4bbc-8dde-eff001122334",
            "name": "Мария",
            "surname": "Лунина",
            "gender": "NotSpecified",
        },
        "guests": {"count": 1, "splitBetweenPersons": False},
        "marketingSourceId": GROUP,
        "operatorId": EXTRA,
        "menuId": "7",
        "sourceKey": "site",
        "deliveryZone": "Центр",
        "deliveryDuration": 60,
        "items": [
            {
                "type": "Product",
                "productId": "11aa22bb-33cc-44dd-95ee-66ff77008899",
                "price": 351.0,
                "amount": 1.0,
                "positionId": order["items"][0]["positionId"],
            }
        ],
        "discountsInfo": {"discounts": []},
    }
    assert order["items"][0]["positionId"] != POSITION


def test_items_keep_size_amount_comment_and_modifiers() -> None:
    deleted = {"deletionMethod": {"id": EXTRA, "removalType": {"id": EXTRA, "name": ""}}}
    dish = product(
        amount=0.35,
        comment="поострее",
        size={"id": SIZE, "name": "30 см"},
        modifiers=[extra(), extra(deleted=deleted)],
    )

    [item] = reissued(items=[dish, product(deleted=deleted)])["items"]

    [modifier] = item.pop("modifiers")
    assert (item["amount"], item["comment"], item["productSizeId"]) == (0.35, "поострее", SIZE)
    assert modifier.pop("positionId") != EXTRA
    assert modifier == {"productId": EXTRA, "amount": 2, "productGroupId": GROUP, "price": 45.5}


def test_discount_of_some_dishes_follows_them_to_their_new_positions() -> None:
    given = {"type": "RMS", "discountTypeId": GROUP, "selectivePositions": [POSITION.upper()]}

    order = reissued(discounts=[given])

    [discount] = order["discountsInfo"]["discounts"]
    assert discount["selectivePositions"] == [order["items"][0]["positionId"]]
    assert refusal(discounts=[given | {"selectivePositions": [GROUP]}]) == "discount_not_rebuildable"


def test_one_time_customer_and_a_pickup() -> None:
    pickup = {"id": GROUP, "name": "Самовывоз", "orderServiceType": "DeliveryByClient"}

    order = reissued(customer={"type": "one-time", "name": "Вера"}, deliveryPoint=None, orderType=pickup)

    assert order["customer"] == {"type": "one-time", "name": "Вера"}
    assert "deliveryPoint" not in order


def test_address_of_one_line() -> None:
    place = {"street": None, "line1": "Baker St 221b", "flat": "2", "region": {"id": GROUP, "name": "N"}}

    point = reissued(deliveryPoint={"address": place, "comment": "вход со двора"})["deliveryPoint"]

    assert point == {
        "address": {"type": "city", "line1": "Baker St 221b", "flat": "2", "regionId": GROUP},
        "comment": "вход со двора",
    }


def test_older_pos_gets_no_field_that_it_does_not_know() -> None:
    order = reissued(pos_version=(8, 7, 0))

    assert not {"deliveryZone", "deliveryDuration"} & order.keys()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"items": [product(type="Compound")]}, "has_compound_item"),
        ({"items": [product(product=None)]}, "item_not_rebuildable"),
        ({"items": [product(price=None)]}, "item_not_rebuildable"),
        ({"items": [product(codes=[["0104"]])]}, "item_not_rebuildable"),
        ({"items": [product(modifiers=[extra(product=None)])]}, "item_not_rebuildable"),
        ({"items": [product(comment="о" * 256)]}, "text_too_long"),
        ({"phone": "89030000011"}, "guest_not_rebuildable"),
        ({"phone": "+7903"}, "guest_not_rebuildable"),
        ({"customer": {"type": "regular", "id": None, "name": "Мария"}}, "guest_not_rebuildable"),
        ({"phoneExtension": "12", "pos_version": (9, 2, 4)}, "guest_not_rebuildable"),
        ({"priceCategory": {"id": GROUP}, "pos_version": (9, 0, 4)}, "item_not_rebuildable"),
        ({"deliveryPoint": None}, "address_not_rebuildable"),
        ({"deliveryPoint": {"address": {"street": STREET, "house": None}}}, "address_not_rebuildable"),
        (
            {"deliveryPoint": {"address": {"street": STREET, "house": "1", "floor": "1" * 11}}},
            "text_too_long",
        ),
        ({"externalCourierService": {"id": GROUP, "name": "Такси"}}, "has_external_courier"),
        ({"orderType": None}, "item_not_rebuildable"),
        ({"items": [product(amount=1000)]}, "amount_too_large"),
        ({"items": [product(amount=-1)]}, "amount_too_large"),
        ({"items": [product(amount=None)]}, "item_not_rebuildable"),
        ({"phoneExtension": "12345678901"}, "text_too_long"),
        ({"customer": {"type": "regular", "id": EXTRA, "name": "М" * 61}}, "text_too_long"),
        (
            {"customer": {"type": "regular", "id": EXTRA, "name": "М", "comment": "т" * 61}},
            "text_too_long",
        ),
        (
            {"customer": {"type": "regular", "id": EXTRA, "name": "М", "surname": "т" * 61}},
            "text_too_long",
        ),
        (
            {"customer": {"type": "regular", "id": EXTRA, "name": "М", "gender": "Other"}},
            "guest_not_rebuildable",
        ),
        ({"guestsInfo": {"count": None, "splitBetweenPersons": True}}, "guest_not_rebuildable"),
        ({"deliveryPoint": {"address": {"line1": "Малышева 5", "building": "2"}}}, "address_not_rebuildable"),
        ({"deliveryPoint": {"address": {"line1": "М" * 251}}}, "text_too_long"),
        ({"deliveryPoint": {"address": {"line1": "М", "flat": "1" * 11}}}, "text_too_long"),
        (
            {"deliveryPoint": {"address": {"street": STREET, "house": "1", "flat": "1" * 101}}},
            "text_too_long",
        ),
        (
            {"deliveryPoint": {"address": {"street": STREET, "house": "1"}, "comment": "в" * 501}},
            "text_too_long",
        ),
        (
            {
                "deliveryPoint": {
                    "address": {"street": STREET, "house": "1"},
                    "externalCartographyId": "в" * 101,
                }
            },
            "text_too_long",
        ),
        ({"external_number": "7" * 51}, "text_too_long"),
        ({"combos": [{"id": EXTRA, "name": "Обед"}]}, "has_combo"),
    ],
)
def test_what_has_no_place_is_refused(changes: dict[str, Any], code: str) -> None:
    assert refusal(**changes) == code
