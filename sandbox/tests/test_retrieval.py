from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.engine.engine import REACHES_BACK, Revisions, TooOld
from sandbox.http.vendor_json import vendor_date
from sandbox.orders import retrieval
from sandbox.orders.order import DeliveryStatus
from sandbox.orders.serializer import order_info
from sandbox.tests.builders import OPENED_AT
from sandbox.tests.harness import Harness

BY_DATE = "deliveries/by_delivery_date_and_status"


def _since(harness: Harness, revision: int) -> tuple[list[Any], int]:
    """Give the orders changed since a revision, and the last revision."""
    answer = harness.get("deliveries/by_revision", {**harness.all_ids(), "startRevision": revision})
    return _orders(answer), answer["maxRevision"]


def _orders(answer: Any) -> list[Any]:
    return [order for each in answer["ordersByOrganizations"] for order in each["orders"]]


def test_by_revision_gives_what_changed_since_and_not_the_revision_itself(harness: Harness) -> None:
    _, start = _since(harness, 10**15)
    assert _since(harness, start) == ([], start)
    order = harness.create_order("Маяк")

    changed, last = _since(harness, start)

    assert ([each["id"] for each in changed], last) == ([str(order.id)], start + 1)
    assert _since(harness, last) == ([], start + 1)
    assert last != order.revision  # a revision is no timestamp


def test_revision_of_long_ago_is_too_old(harness: Harness) -> None:
    refusal = harness.refusal("deliveries/by_revision", {**harness.all_ids(), "startRevision": 1})

    assert refusal == (400, "Passed revision is too old", "TOO_OLD_REVISION")


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
    due, second, zone = order.complete_before, timedelta(seconds=1), order.organization.zone

    def is_found(first: datetime, last: datetime) -> bool:
        window = {"deliveryDateFrom": vendor_date(first, zone), "deliveryDateTo": vendor_date(last, zone)}
        answer = harness.get(BY_DATE, {"organizationIds": [harness.id_of("Маяк")], **window})
        return str(order.id) in {each["id"] for each in _orders(answer)}

    assert is_found(due - second, due + second)
    assert not is_found(due + second, due + 2 * second)
    assert not is_found(due - timedelta(hours=2), due - second)


def test_statuses_and_couriers_narrow_the_window(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.ON_WAY)
    query = {**harness.all_ids(), "deliveryDateFrom": "2026-03-01 00:00:00.000", "statuses": ["OnWay"]}
    assert order.courier is not None
    courier_id = str(order.courier.id)

    on_way = _orders(harness.get(BY_DATE, query))
    his = _orders(harness.get(BY_DATE, {**query, "courierIds": [courier_id]}))

    assert {each["order"]["status"] for each in on_way} == {"OnWay"}
    assert order_info(order) in his
    assert {each["order"]["courierInfo"]["courier"]["id"] for each in his} == {courier_id}


def test_too_much_at_once_is_refused(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "MOST_ORDERS", 3)
    for _ in range(4):
        harness.create_order("Маяк")

    refusal = harness.refusal(BY_DATE, {**harness.all_ids(), "deliveryDateFrom": "2026-03-01 00:00:00.000"})

    assert refusal == (422, "Too many data requested", "TOO_MANY_DATA_REQUESTED")


def test_login_with_a_source_key_sees_only_its_own_orders(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING)
    assert len(harness.retrieved(order.id)) == 1

    harness.control("logins", {"name": "demo", "source_key": "shop"})

    assert harness.retrieved(order.id) == []


@pytest.mark.parametrize(
    ("path", "changes", "description"),
    [
        (
            *("deliveries/by_revision", {"startRevision": "1"}),
            "startRevision: a whole number from 0 is expected.",
        ),
        ("deliveries/by_revision", {}, "startRevision: a whole number from 0 is expected."),
        (
            *(BY_DATE, {"deliveryDateFrom": "2026-02-30 00:00:00.000"}),
            "deliveryDateFrom: '2026-02-30 00:00:00.000' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
    ],
)
def test_query_that_makes_no_sense(
    harness: Harness, path: str, changes: dict[str, object], description: str
) -> None:
    assert harness.refusal(path, {**harness.all_ids(), **changes}) == (400, description, None)
