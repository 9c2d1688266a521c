from dataclasses import replace

import pytest

from sandbox.orders.order import CreationError, CreationStatus, DeliveryStatus, Order, Problem, ServiceType
from sandbox.tests.builders import OPENED_AT, make_order
from sandbox.webhooks import soi
from sandbox.webhooks.events import OrderChange


def _message(order: Order, *, opens: bool = False) -> dict[str, object]:
    return soi.message(OrderChange(OPENED_AT, order, opens))


def test_create_of_a_new_order() -> None:
    order = make_order()

    assert _message(order, opens=True) == {
        "type": "CREATE",
        "orderExternalId": "WEB-20260314-184208-1",
        "readableNumber": "1",
        "creationStatus": "OK",
        "errorInfo": None,
        "transactionDetails": {
            "correlationId": "00000000-0000-0000-0000-000000000003",
            "organizationId": str(order.organization.id),
        },
        "iikoOrderDetails": {
            "iikoOrderId": "00000000-0000-0000-0000-000000000001",
            "iikoOrderNumber": "142",
            "restaurantName": "Кафе «Берёзка», Тюмень",
            "orderType": "DELIVERY",
            "orderStatus": "WAIT_COOKING",
            "receivedAt": "2026-03-14T18:42:08+05:00",
            "promisedTime": "2026-03-14T19:40:00+05:00",
            "problem": None,
            "orderAmount": 1800.0,
        },
    }


def test_update_of_a_pickup_with_a_problem() -> None:
    order = make_order(service=ServiceType.PICKUP, problem=Problem(True, "Закончилось тесто"))

    message = _message(order)

    details = message["iikoOrderDetails"]
    assert isinstance(details, dict)
    assert message["type"] == "UPDATE"
    assert (details["orderType"], details["problem"]) == ("PICKUP", "Закончилось тесто")


def test_solved_problem_is_no_problem() -> None:
    details = _message(make_order(problem=Problem(False, "Закончилось тесто")))["iikoOrderDetails"]

    assert isinstance(details, dict)
    assert details["problem"] is None


def test_failed_creation_has_no_details() -> None:
    error = CreationError("ProductNotFound", "Product is not found on the terminal.")
    failed = replace(make_order(), creation=CreationStatus.ERROR, error=error)

    message = _message(failed, opens=True)

    assert (message["type"], message["creationStatus"]) == ("CREATE", "Error")
    assert message["errorInfo"] == {"code": error.code, "message": error.message}
    assert message["iikoOrderDetails"] is None


@pytest.mark.parametrize(
    ("status", "spelling"),
    [
        (DeliveryStatus.UNCONFIRMED, "UNCONFIRMED"),
        (DeliveryStatus.COOKING_STARTED, "COOKING_STARTED"),
        (DeliveryStatus.ON_WAY, "ON_WAY"),
        (DeliveryStatus.CANCELLED, "CANCELLED"),
    ],
)
def test_statuses_are_spelled_in_upper_snake(status: DeliveryStatus, spelling: str) -> None:
    assert soi.upper_snake(status.value) == spelling
