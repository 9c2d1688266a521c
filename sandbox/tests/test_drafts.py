from typing import Any

import pytest

from sandbox.orders.order import CreationStatus, DeliveryStatus, Order
from sandbox.tests import vendor_schema
from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness

OWN_ID = "7f3c1a2e-0000-4000-8000-000000000001"


@pytest.fixture
def harness() -> Harness:
    opened = open_harness(rate=0)
    opened.control("drafts", {"organization_id": opened.id_of("Берёзка"), "on": True})
    return opened


def _draft(harness: Harness, operation: str, **more: object) -> Any:
    return harness.get(f"deliveries/drafts/{operation}", {**_ids(harness), **more})


def _refusal(harness: Harness, operation: str, **more: object) -> tuple[int, str, str | None]:
    return harness.refusal(f"deliveries/drafts/{operation}", {**_ids(harness), **more})


def _ids(harness: Harness) -> dict[str, str]:
    return {"organizationId": harness.id_of("Берёзка"), "orderId": OWN_ID}


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
    return _draft(harness, "create", order=_content(harness, **changes))


def _placed(harness: Harness) -> Order:
    harness.get("deliveries/create", {**_ids(harness), "order": _content(harness)})
    harness.run_until(lambda: harness.orders()[0].creation is CreationStatus.SUCCESS)
    return harness.orders()[0]


def test_drafts_are_off_unless_switched_on(harness: Harness) -> None:
    status, _, code = _refusal(harness, "by_id", organizationId=harness.id_of("Волна"))

    assert (status, code) == (400, "DRAFTS_DISABLED")


def test_draft_becomes_an_order_when_it_is_committed(harness: Harness) -> None:
    assert _create(harness)["orderId"] == OWN_ID
    assert harness.orders() == []
    employee = str(harness.restaurant("Берёзка").operators[0].id)
    saved = _content(harness, discountsInfo=_discount(harness, 40.5))

    _draft(harness, "save", employeeId=employee, order=saved)
    assert _draft(harness, "by_id")["order"] == saved
    committed = _draft(harness, "commit")
    harness.run(6)

    assert committed["orderInfo"]["creationStatus"] == "InProgress"
    [order] = harness.orders()
    assert (str(order.sum), [str(one.sum) for one in order.discounts]) == ("499.50", ["40.5"])
    assert _refusal(harness, "by_id")[0] == 400


def test_draft_of_an_order_changes_it_when_it_is_committed(harness: Harness) -> None:
    order = _placed(harness)
    _create(harness, discountsInfo=_discount(harness, 100))
    assert harness.now_of(order).discounts == ()

    _draft(harness, "commit")
    harness.run(2)

    assert [str(one.sum) for one in harness.now_of(order).discounts] == ["100"]
    assert harness.now_of(order).sum == order.sum - 100


def test_locked_draft_is_changed_by_its_holder_alone(harness: Harness) -> None:
    _create(harness)
    holder = str(harness.restaurant("Берёзка").operators[0].id)
    changed = _content(harness, comment="другой")
    _draft(harness, "lock", employeeId=holder)

    assert _draft(harness, "by_id")["lockedByUser"] == holder
    assert _refusal(harness, "save", employeeId=UNKNOWN_ID, order=changed)[2] == "EntityAlreadyInUse"
    assert _refusal(harness, "unlock", employeeId=UNKNOWN_ID)[2] == "EntityAlreadyInUse"

    _draft(harness, "unlock", employeeId=holder)
    _draft(harness, "save", employeeId=UNKNOWN_ID, order=changed)


def test_deleted_draft_is_gone(harness: Harness) -> None:
    _create(harness)

    _draft(harness, "delete")

    assert _refusal(harness, "commit")[0] == 400


@vendor_schema.needs_schema
@pytest.mark.parametrize("ending", ["commit", "delete"])
def test_answer_to_the_end_of_a_draft_fits_the_vendors_schema(harness: Harness, ending: str) -> None:
    _create(harness)

    assert vendor_schema.answer_errors(f"/api/1/deliveries/drafts/{ending}", _draft(harness, ending)) == []


def test_order_being_cooked_gets_no_draft(harness: Harness) -> None:
    order = _placed(harness)
    harness.run_until(lambda: harness.now_of(order).status is DeliveryStatus.COOKING_STARTED)

    assert _refusal(harness, "create", order=_content(harness))[2] == "IllegalDeliveryStatus"
