from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.http.vendor_json import vendor_date
from sandbox.orders import retrieval
from sandbox.orders.order import DeliveryStatus
from sandbox.orders.revisions import REACHES_BACK, Revisions, TooOld
from sandbox.orders.serializer import order_info
from sandbox.tests.builders import OPENED_AT
from sandbox.tests.harness import Harness


def _all(harness: Harness) -> dict[str, Any]:
    return {"organizationIds": [str(each.id) for each in harness.simulator.world.organizations]}


def _orders(answer: Any) -> list[Any]:
    return [order for each in answer["ordersByOrganizations"] for order in each["orders"]]


def test_by_revision_gives_what_changed_since_and_not_the_revision_itself(harness: Harness) -> None:
    start = harness.get("deliveries/by_revision", {**_all(harness), "startRevision": 10**15})["maxRevision"]
    assert _orders(harness.get("deliveries/by_revision", {**_all(harness), "startRevision": start})) == []
    order = harness.simulator.engine.create_order(harness.clock.instant, harness.restaurant("Маяк"))

    answer = harness.get("deliveries/by_revision", {**_all(harness), "startRevision": start})

    assert [each["id"] for each in _orders(answer)] == [str(order.id)]
    assert answer["maxRevision"] == start + 1
    again = harness.get("deliveries/by_revision", {**_all(harness), "startRevision": answer["maxRevision"]})
    assert (_orders(again), again["maxRevision"]) == ([], start + 1)


def test_revisions_are_no_timestamps(harness: Harness) -> None:
    harness.simulator.engine.create_order(harness.clock.instant, harness.restaurant("Маяк"))
    order = next(harness.simulator.engine.orders())

    assert harness.simulator.engine.revisions.last != order.revision


def test_revision_of_long_ago_is_too_old(harness: Harness) -> None:
    query = {**_all(harness), "startRevision": 1}

    assert harness.refusal("deliveries/by_revision", query) == (
        400,
        "Passed revision is too old",
        "TOO_OLD_REVISION",
    )


def test_revisions_reach_three_hours_back() -> None:
    revisions = Revisions(OPENED_AT)
    start = revisions.last
    revisions.next(OPENED_AT)

    revisions.check(start, OPENED_AT + REACHES_BACK - timedelta(seconds=1))
    with pytest.raises(TooOld):
        revisions.check(start, OPENED_AT + REACHES_BACK)
    revisions.check(start + 1, OPENED_AT + REACHES_BACK)


def test_later_run_starts_with_a_higher_revision() -> None:
    earlier = Revisions(OPENED_AT)
    for _ in range(500):
        earlier.next(OPENED_AT)

    assert Revisions(OPENED_AT + timedelta(seconds=1)).last > earlier.last


def test_window_is_local_to_the_terminal(harness: Harness) -> None:
    order = harness.wait_for_order("Маяк", DeliveryStatus.WAIT_COOKING)
    due, second = order.complete_before, timedelta(seconds=1)
    mayak = {"organizationIds": [str(order.organization.id)]}

    def found(first: Any, last: Any) -> bool:
        window = {
            "deliveryDateFrom": vendor_date(first, order.organization.zone),
            "deliveryDateTo": vendor_date(last, order.organization.zone),
        }
        answer = harness.get("deliveries/by_delivery_date_and_status", {**mayak, **window})
        return str(order.id) in {each["id"] for each in _orders(answer)}

    assert found(due - second, due + second)
    assert not found(due + second, due + 2 * second)
    assert not found(due - timedelta(hours=2), due - second)


def test_statuses_and_couriers_narrow_the_window(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.ON_WAY)
    query = {**_all(harness), "deliveryDateFrom": "2026-03-01 00:00:00.000", "statuses": ["OnWay"]}

    on_way = _orders(harness.get("deliveries/by_delivery_date_and_status", query))
    assert order.courier is not None
    with_courier = {**query, "courierIds": [str(order.courier.id)]}
    his = _orders(harness.get("deliveries/by_delivery_date_and_status", with_courier))

    assert {each["order"]["status"] for each in on_way} == {"OnWay"}
    assert order_info(order) in his
    assert {each["order"]["courierInfo"]["courier"]["id"] for each in his} == {str(order.courier.id)}


def test_too_much_at_once_is_refused(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "MOST_ORDERS", 3)
    for _ in range(4):
        harness.simulator.engine.create_order(harness.clock.instant, harness.restaurant("Маяк"))
    query = {**_all(harness), "deliveryDateFrom": "2026-03-01 00:00:00.000"}

    assert harness.refusal("deliveries/by_delivery_date_and_status", query) == (
        422,
        "Too many data requested",
        "TOO_MANY_DATA_REQUESTED",
    )


def test_login_with_a_source_key_sees_only_its_own_orders(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)
    query = {"organizationId": str(order.organization.id), "orderIds": [str(order.id)]}
    assert len(harness.get("deliveries/by_id", query)["orders"]) == 1

    harness.control("logins", {"name": "demo", "source_key": "shop"})

    assert harness.get("deliveries/by_id", query)["orders"] == []


@pytest.mark.parametrize(
    ("path", "changes", "description"),
    [
        ("by_revision", {"startRevision": "1"}, "startRevision: a whole number from 0 is expected."),
        ("by_revision", {}, "startRevision: a whole number from 0 is expected."),
        (
            "by_delivery_date_and_status",
            {"deliveryDateFrom": "2026-02-30 00:00:00.000"},
            "deliveryDateFrom: '2026-02-30 00:00:00.000' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
    ],
)
def test_question_that_makes_no_sense(
    harness: Harness, path: str, changes: dict[str, object], description: str
) -> None:
    assert harness.refusal(f"deliveries/{path}", {**_all(harness), **changes}) == (400, description, None)
