"""The log of what the sandbox did wrong."""

from typing import Any

from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import Harness, ids_of


def log(harness: Harness, since: int = 0) -> list[Any]:
    """Give the rows without number and moment."""
    rows = harness.show(f"faults/log?since={since}")["faults"]
    return [{name: value for name, value in row.items() if name not in ("number", "at")} for row in rows]


def test_log_is_empty_while_nothing_goes_wrong(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)

    harness.retrieved(order.id)

    assert [row for row in log(harness) if row["fault"] not in ("creation_refused", "problem")] == []


def test_log_tells_what_was_asked_for_and_what_failed_of_it(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)
    seen = len(log(harness))
    restaurant = harness.id_of("Берёзка")

    harness.control("till", {"organization_id": restaurant, "online": False})
    harness.control("till", {"organization_id": restaurant, "online": True})
    harness.control("orders/forget", {"order_id": str(order.id)})
    harness.control("faults", {"faults": "http_500_before=1@deliveries/by_idx1,drop=1"})
    harness.ask("deliveries/by_id", ids_of(order))
    harness.simulator.fault_for_delivery()
    harness.client.post("/api/1/access_token", json={"apiLogin": "refused-shop"})

    till = {"organization_id": restaurant, "terminal_group_id": None}
    assert log(harness, since=seen) == [
        {"fault": "pos_offline", **till},
        {"fault": "pos_online", **till},
        {"fault": "order_forgotten", "order_id": str(order.id)},
        {"fault": "http_500_before", "operation": "deliveries/by_id"},
        {"fault": "drop"},
        {"fault": "login_refused", "login": "refused-shop"},
    ]


def test_log_tells_of_orders_that_a_pos_refuses_and_of_problems(harness: Harness) -> None:
    for _ in range(80):
        harness.create_order("Берёзка")
    harness.run(1800)

    told = {(row["fault"], row["order_id"]) for row in log(harness) if "order_id" in row}
    refused = {("creation_refused", str(one.id)) for one in harness.orders() if one.creation == "Error"}
    problems = {("problem", str(one.id)) for one in harness.orders() if one.open_problem is not None}
    assert refused
    assert refused | problems <= told
