import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.catalogue.world import build_world
from sandbox.http.vendor_json import vendor_date
from sandbox.orders import serializer
from sandbox.orders.order import CreationStatus, DeliveryStatus, Order
from sandbox.tests import vendor_schema
from sandbox.tests.builders import OPENED_AT, full_run, histories, make_order, order_changes, quiet_day
from sandbox.webhooks.events import OrderChange, ShiftChange, StopListChange, UndocumentedType
from sandbox.webhooks.webhook_queue import envelope

EVENT_SCHEMAS = {
    "DeliveryOrderUpdate": "WebHooks.DeliveryOrderUpdateWebHookEventInfo",
    "DeliveryOrderError": "WebHooks.DeliveryOrderErrorWebHookEventInfo",
    "StopListUpdate": "WebHooks.StopListUpdateWebHookEventInfo",
    "PersonalShift": "WebHooks.PersonalShiftWebHookEventInfo",
    "TableOrderUpdate": "WebHooks.TableOrderUpdateWebHookEventInfo",
    "TableOrderError": "WebHooks.TableOrderErrorWebHookEventInfo",
    "ReserveUpdate": "WebHooks.ReserveUpdateWebHookEventInfo",
    "ReserveError": "WebHooks.ReserveErrorWebHookEventInfo",
}


def _rendered(happened: Any) -> Any:
    """Render as the hub sees it: through JSON, numbers read from their text."""
    return json.loads(json.dumps(envelope(happened)), parse_float=Decimal)


def _order_of(order: Order) -> Any:
    return serializer.order_info(order)["order"]


@vendor_schema.needs_schema
def test_every_event_fits_the_vendors_schema() -> None:
    kinds = set()
    for happened in (*full_run(), *quiet_day()):
        event = envelope(happened)
        if event["eventType"] in set(UndocumentedType):
            continue  # the vendor publishes no schema for these
        kinds.add(event["eventType"])
        assert vendor_schema.errors(EVENT_SCHEMAS[str(event["eventType"])], event) == []

    assert kinds == set(EVENT_SCHEMAS)


@vendor_schema.needs_schema
@pytest.mark.parametrize(
    ("field", "value"), [("status", "OnTheWay"), ("phone", None), ("whenCreated", "2026-03-14T18:42:08")]
)
def test_schema_check_sees_what_is_wrong(field: str, value: object) -> None:
    info: Any = serializer.order_info(make_order())
    assert vendor_schema.errors("Deliveries.Response.Order.OrderInfo", info) == []

    info["order"][field] = value

    assert vendor_schema.errors("Deliveries.Response.Order.OrderInfo", info) != []


def test_envelope_of_an_order() -> None:
    change = OrderChange(datetime(2026, 3, 14, 13, 42, 9, 4_999, tzinfo=UTC), make_order(), opens=True)

    event = envelope(change)

    assert {key: value for key, value in event.items() if key != "eventInfo"} == {
        "eventType": "DeliveryOrderUpdate",
        "eventTime": "2026-03-14 13:42:09.004",
        "organizationId": str(change.organization.id),
        "correlationId": "00000000-0000-0000-0000-000000000003",
    }
    assert event["eventInfo"] == serializer.order_info(change.order)


def test_order_that_is_not_taken_yet_has_no_order() -> None:
    info = serializer.order_info(make_order(creation=CreationStatus.IN_PROGRESS))

    assert info == {
        "id": "00000000-0000-0000-0000-000000000001",
        "posId": None,
        "externalNumber": "WEB-20260314-184208-1",
        "organizationId": str(make_order().organization.id),
        "timestamp": 1773495728051,
        "creationStatus": "InProgress",
        "errorInfo": None,
        "order": None,
    }


def test_failed_creation_is_an_error_event_without_order() -> None:
    failed = next(change for change in order_changes() if change.is_error and change.order.error)
    assert failed.order.error is not None

    event: Any = envelope(failed)

    assert event["eventType"] == "DeliveryOrderError"
    assert event["eventInfo"]["creationStatus"] == "Error"
    assert event["eventInfo"]["errorInfo"]["code"] == failed.order.error.code
    assert event["eventInfo"]["order"] is None


def test_dates_of_an_order_are_local_to_its_terminal() -> None:
    order = _order_of(make_order())
    dates = {
        "whenCreated": "2026-03-14 18:42:08.051",
        "completeBefore": "2026-03-14 19:40:00.000",
        "cookingStartTime": "2026-03-14 18:55:00.000",
        "whenReceivedByApi": "2026-03-14 13:42:08.051",
        "whenReceivedFromFront": "2026-03-14 13:42:08.051",
        "whenClosed": None,
    }

    assert {name: order[name] for name in dates} == dates


def test_dates_of_far_restaurants_differ_by_their_zones() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert [vendor_date(noon, each.zone) for each in build_world().organizations] == [
        "2026-07-01 17:00:00.000",
        "2026-07-01 14:00:00.000",
        "2026-07-01 15:00:00.000",
        "2026-07-01 22:00:00.000",
    ]


def test_items_of_an_order() -> None:
    pizza, drink, delivery = _order_of(make_order())["items"]

    assert (pizza["type"], pizza["product"]["name"], pizza["size"]["name"]) == (
        "Product",
        "Пицца «Сибирская»",
        "30 см",
    )
    assert (pizza["amount"], pizza["price"], pizza["cost"], pizza["resultSum"]) == (
        2.0,
        690.0,
        1380.0,
        1471.0,
    )
    (jalapeno,) = pizza["modifiers"]
    assert (jalapeno["product"]["name"], jalapeno["productGroup"]["name"]) == ("Халапеньо", "Добавки")
    assert (jalapeno["amount"], jalapeno["price"], jalapeno["resultSum"]) == (1.0, 45.5, 45.5)
    assert (drink["comment"], drink["size"], drink["resultSum"]) == ("без льда", None, 180.0)
    assert (delivery["type"], delivery["service"]["name"], delivery["cost"]) == ("Service", "Доставка", 149.0)


def test_money_is_a_number_with_the_kopecks_of_the_sum() -> None:
    text = json.dumps(_order_of(make_order()))

    assert '"sum": 1800.0,' in text
    assert json.loads(text, parse_float=str)["items"][0]["modifiers"][0]["price"] == "45.5"


def test_sum_is_the_sum_of_its_items_to_the_kopeck() -> None:
    checked = 0
    for change in order_changes():
        order = _rendered(change)["eventInfo"]["order"]
        if order and not order["cancelInfo"]:
            assert order["sum"] == sum(_item_sum(item) for item in order["items"])
            assert order["sum"].as_tuple().exponent >= -2
            checked += 1
    assert checked > 1000


def _item_sum(item: Any) -> Decimal:
    match item["type"]:
        case "Product":
            return Decimal(item["resultSum"])
        case "Compound":
            components = [item["primaryComponent"], item["secondaryComponent"]]
            return Decimal(sum(one["resultSum"] for one in components if one))
        case _:
            return Decimal(item["cost"])


def test_cancelled_order_says_why_and_has_its_items_deleted() -> None:
    cancelled = next(c for c in order_changes() if c.order.status is DeliveryStatus.CANCELLED)
    assert cancelled.order.cancellation is not None

    order = _rendered(cancelled)["eventInfo"]["order"]

    assert order["cancelInfo"]["cause"]["name"] == cancelled.order.cancellation.cause.name
    assert order["cancelInfo"]["whenCancelled"] == vendor_date(
        cancelled.at, ZoneInfo(cancelled.organization.time_zone)
    )
    assert all(item["deleted"] for item in order["items"])
    assert (order["sum"], order["payments"], order["processedPaymentsSum"]) == (0, [], 0)


def test_guest_is_regular_or_one_time() -> None:
    customers = [
        _rendered(c)["eventInfo"]["order"]["customer"] for c in order_changes() if c.order.stamps.created
    ]

    assert {(customer["type"], len(customer)) for customer in customers} == {("regular", 9), ("one-time", 2)}


def test_solved_problem_is_shown_as_solved() -> None:
    problems = {
        (problem["hasProblem"], problem["description"] is not None)
        for change in order_changes()
        if change.order.stamps.created and (problem := _rendered(change)["eventInfo"]["order"]["problem"])
    }

    assert problems == {(True, True), (False, False)}


def test_orders_over_the_api_keep_the_operation_of_their_creation() -> None:
    for history in histories().values():
        operations = {change.operation_id for change in history}
        assert len(operations) == (1 if history[0].order.external_number else len(history))


def test_stop_list_names_the_kitchen() -> None:
    cafe = make_order().organization
    change = StopListChange(OPENED_AT, cafe, make_order().id, cafe.terminal_groups[1], is_full=True)

    assert envelope(change)["eventInfo"] == {
        "terminalGroupsStopListsUpdates": [{"id": str(cafe.terminal_groups[1].id), "isFull": True}]
    }


def test_shift_names_the_courier_by_id_only() -> None:
    cafe = make_order().organization
    change = ShiftChange(OPENED_AT, cafe, make_order().id, cafe.couriers[0], cafe.terminal_groups[0], True)

    assert envelope(change)["eventInfo"] == {
        "id": str(cafe.couriers[0].id),
        "roleId": str(cafe.dictionaries.courier_role.id),
        "opened": True,
        "terminalGroupId": str(cafe.terminal_groups[0].id),
    }


def test_no_phone_of_a_guest_looks_real() -> None:
    text = json.dumps([envelope(happened) for happened in full_run()])

    assert set(re.findall(r"\+7\d{3}\d{3}", text)) == {"+7904000"}
