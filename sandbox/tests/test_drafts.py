from __future__ import annotations

from typing import Any

import pytest

from sandbox.orders.order import CreationStatus, DeliveryStatus, Order
from sandbox.tests import vendor_schema
from sandbox.tests.harness import STRANGER, Theatre, open_theatre

OWN_ID = "7f3c1a2e-0000-4000-8000-000000000001"


@pytest.fixture
def theatre() -> Theatre:
    opened = open_theatre(rate=0, speed=20)
    opened.control("drafts", {"organization_id": str(opened.restaurant("Берёзка").id), "on": True})
    return opened


def _ids(theatre: Theatre, order_id: str = OWN_ID) -> dict[str, str]:
    return {"organizationId": str(theatre.restaurant("Берёзка").id), "orderId": order_id}


def _content(theatre: Theatre, **changes: object) -> dict[str, Any]:
    menu = theatre.restaurant("Берёзка").menu
    drink = next(each for each in menu.dishes if each.name.startswith("Морс"))
    return {
        "menuId": "7",
        "id": OWN_ID,
        "phone": "+79040001234",
        "orderServiceType": "DeliveryByClient",
        "items": [{"type": "Product", "productId": str(drink.id), "price": 180, "amount": 3}],
        **changes,
    }


def _discount(theatre: Theatre, amount: float) -> dict[str, Any]:
    manager = theatre.restaurant("Берёзка").dictionaries.discounts[2]
    return {"discounts": [{"type": "RMS", "discountTypeId": str(manager.id), "sum": amount}]}


def _create(theatre: Theatre, **changes: object) -> Any:
    one = {"organizationId": _ids(theatre)["organizationId"]}
    return theatre.get("deliveries/drafts/create", {**one, "order": _content(theatre, **changes)})


def test_drafts_are_off_unless_switched_on(theatre: Theatre) -> None:
    other = {"organizationId": str(theatre.restaurant("Волна").id), "orderId": OWN_ID}

    refusal = theatre.refusal("deliveries/drafts/by_id", other)

    assert (refusal[0], refusal[2]) == (400, "DRAFTS_DISABLED")


def test_draft_becomes_an_order_when_it_is_committed(theatre: Theatre) -> None:
    assert _create(theatre)["orderId"] == OWN_ID
    assert list(theatre.stage.kitchen.orders()) == []
    employee = str(theatre.restaurant("Берёзка").operators[0].id)
    saved = _content(theatre, discountsInfo=_discount(theatre, 40.5))

    theatre.get(
        "deliveries/drafts/save",
        {"organizationId": _ids(theatre)["organizationId"], "employeeId": employee, "order": saved},
    )
    assert theatre.get("deliveries/drafts/by_id", _ids(theatre))["order"] == saved
    committed = theatre.get("deliveries/drafts/commit", _ids(theatre))
    theatre.play(6)

    assert committed["orderInfo"]["creationStatus"] == "InProgress"
    [order] = theatre.stage.kitchen.orders()
    assert (str(order.sum), [str(one.sum) for one in order.discounts]) == ("499.50", ["40.5"])
    assert theatre.refusal("deliveries/drafts/by_id", _ids(theatre))[0] == 400


def test_draft_of_an_order_changes_it_when_it_is_committed(theatre: Theatre) -> None:
    order = _placed(theatre)
    _create(theatre, discountsInfo=_discount(theatre, 100))
    assert theatre.now_of(order).discounts == ()

    theatre.get("deliveries/drafts/commit", _ids(theatre))
    theatre.play(2)

    assert [str(one.sum) for one in theatre.now_of(order).discounts] == ["100"]
    assert theatre.now_of(order).sum == order.sum - 100


def _placed(theatre: Theatre) -> Order:
    cafe = theatre.restaurant("Берёзка")
    theatre.get("deliveries/create", {"organizationId": str(cafe.id), "order": _content(theatre)})
    theatre.play_until(lambda: _known(theatre).creation is CreationStatus.SUCCESS)
    return _known(theatre)


def _known(theatre: Theatre) -> Order:
    [order] = theatre.stage.kitchen.orders()
    return order


def test_locked_draft_is_changed_by_its_holder_alone(theatre: Theatre) -> None:
    _create(theatre)
    holder = {**_ids(theatre), "employeeId": str(theatre.restaurant("Берёзка").operators[0].id)}
    other = {**_ids(theatre), "employeeId": STRANGER}
    theatre.get("deliveries/drafts/lock", holder)

    assert theatre.get("deliveries/drafts/by_id", _ids(theatre))["lockedByUser"] == holder["employeeId"]
    save = {**other, "order": _content(theatre, comment="другой")}
    assert theatre.refusal("deliveries/drafts/save", save)[2] == "EntityAlreadyInUse"
    assert theatre.refusal("deliveries/drafts/unlock", other)[2] == "EntityAlreadyInUse"

    theatre.get("deliveries/drafts/unlock", holder)
    theatre.get("deliveries/drafts/save", save)


def test_deleted_draft_is_gone(theatre: Theatre) -> None:
    _create(theatre)

    theatre.get("deliveries/drafts/delete", _ids(theatre))

    assert theatre.refusal("deliveries/drafts/commit", _ids(theatre))[0] == 400


@vendor_schema.needs_schema
@pytest.mark.parametrize("ending", ["commit", "delete"])
def test_answer_to_the_end_of_a_draft_fits_the_vendors_schema(theatre: Theatre, ending: str) -> None:
    _create(theatre)

    answered = theatre.get(f"deliveries/drafts/{ending}", _ids(theatre))

    assert vendor_schema.answer_errors(f"/api/1/deliveries/drafts/{ending}", answered) == []


def test_order_being_cooked_gets_no_draft(theatre: Theatre) -> None:
    order = _placed(theatre)
    theatre.play_until(lambda: theatre.now_of(order).status is DeliveryStatus.COOKING_STARTED)
    one = {"organizationId": _ids(theatre)["organizationId"]}

    refusal = theatre.refusal("deliveries/drafts/create", {**one, "order": _content(theatre)})

    assert refusal[2] == "IllegalDeliveryStatus"
