from __future__ import annotations

from typing import Any

import pytest

from sandbox.orders.order import CreationStatus, DeliveryStatus, Order
from sandbox.tests import vendor_schema
from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness

OWN_ID = "7f3c1a2e-0000-4000-8000-000000000001"


@pytest.fixture
def harness() -> Harness:
    opened = open_harness(rate=0, speed=20)
    opened.control("drafts", {"organization_id": str(opened.restaurant("Берёзка").id), "on": True})
    return opened


def _ids(harness: Harness, order_id: str = OWN_ID) -> dict[str, str]:
    return {"organizationId": str(harness.restaurant("Берёзка").id), "orderId": order_id}


def _content(harness: Harness, **changes: object) -> dict[str, Any]:
    menu = harness.restaurant("Берёзка").menu
    drink = next(each for each in menu.dishes if each.name.startswith("Морс"))
    return {
        "menuId": "7",
        "id": OWN_ID,
        "phone": "+79040001234",
        "orderServiceType": "DeliveryByClient",
        "items": [{"type": "Product", "productId": str(drink.id), "price": 180, "amount": 3}],
        **changes,
    }


def _discount(harness: Harness, amount: float) -> dict[str, Any]:
    manager = harness.restaurant("Берёзка").dictionaries.discounts[2]
    return {"discounts": [{"type": "RMS", "discountTypeId": str(manager.id), "sum": amount}]}


def _create(harness: Harness, **changes: object) -> Any:
    one = {"organizationId": _ids(harness)["organizationId"]}
    return harness.get("deliveries/drafts/create", {**one, "order": _content(harness, **changes)})


def test_drafts_are_off_unless_switched_on(harness: Harness) -> None:
    other = {"organizationId": str(harness.restaurant("Волна").id), "orderId": OWN_ID}

    refusal = harness.refusal("deliveries/drafts/by_id", other)

    assert (refusal[0], refusal[2]) == (400, "DRAFTS_DISABLED")


def test_draft_becomes_an_order_when_it_is_committed(harness: Harness) -> None:
    assert _create(harness)["orderId"] == OWN_ID
    assert list(harness.simulator.engine.orders()) == []
    employee = str(harness.restaurant("Берёзка").operators[0].id)
    saved = _content(harness, discountsInfo=_discount(harness, 40.5))

    harness.get(
        "deliveries/drafts/save",
        {"organizationId": _ids(harness)["organizationId"], "employeeId": employee, "order": saved},
    )
    assert harness.get("deliveries/drafts/by_id", _ids(harness))["order"] == saved
    committed = harness.get("deliveries/drafts/commit", _ids(harness))
    harness.run(6)

    assert committed["orderInfo"]["creationStatus"] == "InProgress"
    [order] = harness.simulator.engine.orders()
    assert (str(order.sum), [str(one.sum) for one in order.discounts]) == ("499.50", ["40.5"])
    assert harness.refusal("deliveries/drafts/by_id", _ids(harness))[0] == 400


def test_draft_of_an_order_changes_it_when_it_is_committed(harness: Harness) -> None:
    order = _placed(harness)
    _create(harness, discountsInfo=_discount(harness, 100))
    assert harness.now_of(order).discounts == ()

    harness.get("deliveries/drafts/commit", _ids(harness))
    harness.run(2)

    assert [str(one.sum) for one in harness.now_of(order).discounts] == ["100"]
    assert harness.now_of(order).sum == order.sum - 100


def _placed(harness: Harness) -> Order:
    cafe = harness.restaurant("Берёзка")
    harness.get("deliveries/create", {"organizationId": str(cafe.id), "order": _content(harness)})
    harness.run_until(lambda: _known(harness).creation is CreationStatus.SUCCESS)
    return _known(harness)


def _known(harness: Harness) -> Order:
    [order] = harness.simulator.engine.orders()
    return order


def test_locked_draft_is_changed_by_its_holder_alone(harness: Harness) -> None:
    _create(harness)
    holder = {**_ids(harness), "employeeId": str(harness.restaurant("Берёзка").operators[0].id)}
    other = {**_ids(harness), "employeeId": UNKNOWN_ID}
    harness.get("deliveries/drafts/lock", holder)

    assert harness.get("deliveries/drafts/by_id", _ids(harness))["lockedByUser"] == holder["employeeId"]
    save = {**other, "order": _content(harness, comment="другой")}
    assert harness.refusal("deliveries/drafts/save", save)[2] == "EntityAlreadyInUse"
    assert harness.refusal("deliveries/drafts/unlock", other)[2] == "EntityAlreadyInUse"

    harness.get("deliveries/drafts/unlock", holder)
    harness.get("deliveries/drafts/save", save)


def test_deleted_draft_is_gone(harness: Harness) -> None:
    _create(harness)

    harness.get("deliveries/drafts/delete", _ids(harness))

    assert harness.refusal("deliveries/drafts/commit", _ids(harness))[0] == 400


@vendor_schema.needs_schema
@pytest.mark.parametrize("ending", ["commit", "delete"])
def test_answer_to_the_end_of_a_draft_fits_the_vendors_schema(harness: Harness, ending: str) -> None:
    _create(harness)

    answered = harness.get(f"deliveries/drafts/{ending}", _ids(harness))

    assert vendor_schema.answer_errors(f"/api/1/deliveries/drafts/{ending}", answered) == []


def test_order_being_cooked_gets_no_draft(harness: Harness) -> None:
    order = _placed(harness)
    harness.run_until(lambda: harness.now_of(order).status is DeliveryStatus.COOKING_STARTED)
    one = {"organizationId": _ids(harness)["organizationId"]}

    refusal = harness.refusal("deliveries/drafts/create", {**one, "order": _content(harness)})

    assert refusal[2] == "IllegalDeliveryStatus"
