from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import Harness, open_harness
from sandbox.webhooks.settings_api import DELIVERY_STATUSES, ITEM_STATUSES

_ITEMS = ", ".join(ITEM_STATUSES)


def _settings(harness: Harness, restaurant: str = "Берёзка", **changes: object) -> dict[str, Any]:
    return {
        "organizationId": str(harness.restaurant(restaurant).id),
        "webHooksUri": "https://other.example/hook",
        "authToken": "other-token",
        "webHooksFilter": {"deliveryOrderFilter": {"orderStatuses": list(DELIVERY_STATUSES), "errors": True}},
        **changes,
    }


def _addresses(harness: Harness, restaurant: str) -> set[tuple[str, str]]:
    organization = harness.restaurant(restaurant)
    harness.simulator.engine.create_order(harness.clock.instant, organization)
    before = len(harness.deliveries)
    harness.run(3)
    sent = [
        delivery for delivery in harness.deliveries[before:] if str(organization.id).encode() in delivery.body
    ]
    return {(delivery.url, delivery.token) for delivery in sent}


def test_webhooks_go_where_the_login_said_with_its_token(harness: Harness) -> None:
    given = _settings(harness)
    harness.get("webhooks/update_settings", given)

    assert _addresses(harness, "Берёзка") == {("https://other.example/hook", "other-token")}
    assert _addresses(harness, "Маяк") == {("http://hub.example/hook", "very-secret")}
    now = harness.get("webhooks/settings", {"organizationId": given["organizationId"]})
    assert now == {
        "correlationId": now["correlationId"],
        "apiLoginName": "demo",
        "webHooksUri": "https://other.example/hook",
        "authToken": "other-token",
        "webHooksFilter": given["webHooksFilter"],
    }


def test_every_login_has_settings_of_its_own(harness: Harness) -> None:
    harness.get("webhooks/update_settings", _settings(harness))
    harness.log_in("second")
    organization = {"organizationId": str(harness.restaurant("Берёзка").id)}
    assert harness.get("webhooks/settings", organization)["webHooksUri"] is None

    harness.get("webhooks/update_settings", _settings(harness, webHooksUri="https://second.example/"))

    assert {url for url, _ in _addresses(harness, "Берёзка")} == {
        "https://other.example/hook",
        "https://second.example/",
    }


def test_only_what_the_filter_asks_for_is_sent(harness: Harness) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": ["OnWay", "Closed"]}}
    harness.get("webhooks/update_settings", _settings(harness, webHooksFilter=wanted))

    harness.wait_for_order("Берёзка", DeliveryStatus.DELIVERED)
    harness.run(3)

    shown = [each["eventInfo"] for each in harness.events()]
    taken = {info["order"]["status"] for info in shown if info["order"]}
    assert taken == {"OnWay", "Closed"}
    assert {info["creationStatus"] for info in shown} <= {"Success", "InProgress"}


def test_filter_of_item_statuses_lets_orders_through(harness: Harness) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": None, "itemStatuses": ["CookingStarted"]}}
    harness.get("webhooks/update_settings", _settings(harness, webHooksFilter=wanted))

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
    harness = open_harness(rate=0.001)
    for each in harness.simulator.world.organizations:
        settings = _settings(harness, each.short_name, webHooksFilter={part: {flag: True}})
        harness.get("webhooks/update_settings", settings)

    harness.control("clock", {"advance_s": 24 * 3600})
    harness.run(3)

    assert {each["eventType"] for each in harness.events()} == {event_type}


def test_table_orders_are_asked_for_by_status() -> None:
    harness = open_harness(rate=0.001)
    for each in harness.simulator.world.organizations:
        wanted = {"tableOrderFilter": {"orderStatuses": ["Bill"]}}
        harness.get("webhooks/update_settings", _settings(harness, each.short_name, webHooksFilter=wanted))

    harness.control("clock", {"advance_s": 6 * 3600})
    harness.run(3)

    assert {(e["eventType"], e["eventInfo"]["order"]["status"]) for e in harness.events()} == {
        ("TableOrderUpdate", "Bill")
    }


def test_stop_list_of_the_webhook_can_be_fetched() -> None:
    harness = open_harness(rate=0.001)
    harness.control("clock", {"advance_s": 6 * 3600})
    ids = {"organizationIds": [str(each.id) for each in harness.simulator.world.organizations]}
    harness.log_in()
    harness.run(3)

    lists = harness.get("stop_lists", ids)["terminalGroupStopLists"]

    announced = {
        update["id"]
        for each in harness.events()
        if each["eventType"] == "StopListUpdate"
        for update in each["eventInfo"]["terminalGroupsStopListsUpdates"]
    }
    filled = {group["terminalGroupId"] for each in lists for group in each["items"] if group["items"]}
    assert filled
    assert filled <= announced


def test_settings_are_changed_three_times_a_minute_at_most(harness: Harness) -> None:
    for _ in range(3):
        harness.get("webhooks/update_settings", _settings(harness))

    assert harness.refusal("webhooks/update_settings", _settings(harness, authToken="new")) == (
        429,
        "Too many requests.",
        None,
    )
    assert _addresses(harness, "Берёзка") == {("https://other.example/hook", "other-token")}
    harness.get("webhooks/update_settings", _settings(harness, "Маяк"))
    harness.clock.instant += timedelta(minutes=1)
    harness.get("webhooks/update_settings", _settings(harness, authToken="new"))


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
    assert harness.refusal("webhooks/update_settings", _settings(harness, **changes)) == (
        400,
        description,
        None,
    )
