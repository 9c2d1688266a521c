from datetime import timedelta
from typing import Any

import pytest

from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import Harness, open_harness
from sandbox.webhooks.subscriptions import DELIVERY_STATUSES, ITEM_STATUSES

UPDATE = "webhooks/update_settings"
_ITEMS = ", ".join(ITEM_STATUSES)


def _settings(harness: Harness, restaurant: str = "Берёзка", **changes: object) -> dict[str, Any]:
    return {
        "organizationId": harness.id_of(restaurant),
        "webHooksUri": "https://other.example/hook",
        "authToken": "other-token",
        "webHooksFilter": {"deliveryOrderFilter": {"orderStatuses": list(DELIVERY_STATUSES), "errors": True}},
        **changes,
    }


def _addresses(harness: Harness, restaurant: str) -> set[tuple[str, str]]:
    harness.create_order(restaurant)
    before, organization_id = len(harness.deliveries), harness.id_of(restaurant).encode()
    harness.run(3)
    sent = [delivery for delivery in harness.deliveries[before:] if organization_id in delivery.body]
    return {(delivery.url, delivery.token) for delivery in sent}


def _events_of_hours(hours: int, wanted: dict[str, object] | None) -> tuple[Harness, list[Any]]:
    """Give the events of some hours with hardly an order, with this filter in all restaurants."""
    harness = open_harness(rate=0.001)
    for each in harness.simulator.world.organizations if wanted else ():
        harness.get(UPDATE, _settings(harness, each.short_name, webHooksFilter=wanted))
    harness.control("clock", {"advance_s": hours * 3600})
    harness.log_in()
    harness.run(3)
    return harness, harness.events()


def test_webhooks_go_where_the_login_said_with_its_token(harness: Harness) -> None:
    given = _settings(harness)
    harness.get(UPDATE, given)

    assert _addresses(harness, "Берёзка") == {("https://other.example/hook", "other-token")}
    assert _addresses(harness, "Маяк") == {("http://hub.example/hook", "very-secret")}
    now = harness.get("webhooks/settings", given)
    shown = ("webHooksUri", "authToken", "webHooksFilter")
    assert now == {
        "correlationId": now["correlationId"],
        "apiLoginName": "demo",
        **{name: given[name] for name in shown},
    }


def test_nothing_is_sent_until_a_login_says_where() -> None:
    harness = open_harness(rate=0, webhook_url="", webhook_token="")
    organization = {"organizationId": harness.id_of("Берёзка")}

    assert harness.get("webhooks/settings", organization)["webHooksUri"] is None
    assert _addresses(harness, "Берёзка") == set()
    assert harness.deliveries == []

    harness.get(UPDATE, _settings(harness))

    assert _addresses(harness, "Берёзка") == {("https://other.example/hook", "other-token")}


def test_every_login_has_settings_of_its_own(harness: Harness) -> None:
    harness.get(UPDATE, _settings(harness))
    harness.log_in("second")
    organization = {"organizationId": harness.id_of("Берёзка")}
    assert harness.get("webhooks/settings", organization)["webHooksUri"] is None

    harness.get(UPDATE, _settings(harness, webHooksUri="https://second.example/"))

    addresses = {"https://other.example/hook", "https://second.example/"}
    assert {url for url, _ in _addresses(harness, "Берёзка")} == addresses


def test_only_what_the_filter_asks_for_is_sent(harness: Harness) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": ["OnWay", "Closed"]}}
    harness.get(UPDATE, _settings(harness, webHooksFilter=wanted))

    harness.wait_for_order("Берёзка", DeliveryStatus.DELIVERED)
    harness.run(3)

    sent = [each["eventInfo"] for each in harness.events()]
    assert {info["order"]["status"] for info in sent if info["order"]} == {"OnWay", "Closed"}
    assert {info["creationStatus"] for info in sent} <= {"Success", "InProgress"}


def test_filter_of_item_statuses_lets_orders_through(harness: Harness) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": None, "itemStatuses": ["CookingStarted"]}}
    harness.get(UPDATE, _settings(harness, webHooksFilter=wanted))

    harness.wait_for_order("Берёзка", DeliveryStatus.WAITING)
    harness.run(3)

    orders = [each["eventInfo"]["order"] for each in harness.events()]
    assert orders
    assert all("CookingStarted" in {item["status"] for item in order["items"]} for order in orders)


@pytest.mark.parametrize(
    ("part", "flag", "event_type"),
    [
        ("stopListUpdateFilter", "updates", "StopListUpdate"),
        ("personalShiftFilter", "updates", "PersonalShift"),
        ("reserveFilter", "updates", "ReserveUpdate"),
        ("reserveFilter", "errors", "ReserveError"),
        ("tableOrderFilter", "errors", "TableOrderError"),
    ],
)
def test_other_events_are_asked_for_one_by_one(part: str, flag: str, event_type: str) -> None:
    _, events = _events_of_hours(24, {part: {flag: True}})

    assert {each["eventType"] for each in events} == {event_type}


def test_table_orders_are_asked_for_by_status() -> None:
    _, events = _events_of_hours(6, {"tableOrderFilter": {"orderStatuses": ["Bill"]}})

    sent = {(each["eventType"], each["eventInfo"]["order"]["status"]) for each in events}
    assert sent == {("TableOrderUpdate", "Bill")}


def test_stop_list_of_the_webhook_can_be_fetched() -> None:
    harness, events = _events_of_hours(6, None)

    lists = harness.get("stop_lists", harness.all_ids())["terminalGroupStopLists"]

    announced = {
        update["id"]
        for each in events
        if each["eventType"] == "StopListUpdate"
        for update in each["eventInfo"]["terminalGroupsStopListsUpdates"]
    }
    filled = {group["terminalGroupId"] for each in lists for group in each["items"] if group["items"]}
    assert filled
    assert filled <= announced


def test_settings_are_changed_three_times_a_minute_at_most(harness: Harness) -> None:
    for _ in range(3):
        harness.get(UPDATE, _settings(harness))

    refused = (429, "Too many requests.", None)
    assert harness.refusal(UPDATE, _settings(harness, authToken="new")) == refused
    assert _addresses(harness, "Берёзка") == {("https://other.example/hook", "other-token")}
    harness.get(UPDATE, _settings(harness, "Маяк"))
    harness.clock.instant += timedelta(minutes=1)
    harness.get(UPDATE, _settings(harness, authToken="new"))


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"webHooksUri": None}, "webHooksUri: a string is expected."),
        ({"webHooksUri": "hub"}, "webHooksUri: an absolute http or https address is expected."),
        (
            {"webHooksFilter": {"deliveryOrderFilter": {"itemStatuses": ["Eaten"]}}},
            f"webHooksFilter.deliveryOrderFilter.itemStatuses: 'Eaten' is not one of {_ITEMS}.",
        ),
        (
            {"webHooksFilter": {"reserveFilter": {"updates": 1}}},
            "webHooksFilter.reserveFilter.updates: true or false is expected.",
        ),
    ],
)
def test_settings_that_make_no_sense(harness: Harness, changes: dict[str, Any], description: str) -> None:
    assert harness.refusal(UPDATE, _settings(harness, **changes)) == (400, description, None)
