from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import Theatre, open_theatre
from sandbox.webhooks.settings_api import DELIVERY_STATUSES, ITEM_STATUSES

_ITEMS = ", ".join(ITEM_STATUSES)


@pytest.fixture
def theatre() -> Theatre:
    return open_theatre(rate=0, speed=20)


def _settings(theatre: Theatre, restaurant: str = "Берёзка", **changes: object) -> dict[str, Any]:
    return {
        "organizationId": str(theatre.restaurant(restaurant).id),
        "webHooksUri": "https://other.example/hook",
        "authToken": "other-token",
        "webHooksFilter": {"deliveryOrderFilter": {"orderStatuses": list(DELIVERY_STATUSES), "errors": True}},
        **changes,
    }


def _addresses(theatre: Theatre, restaurant: str) -> set[tuple[str, str]]:
    organization = theatre.restaurant(restaurant)
    theatre.stage.kitchen.bear_now(theatre.clock.instant, organization)
    before = len(theatre.letters)
    theatre.play(3)
    sent = [letter for letter in theatre.letters[before:] if str(organization.id).encode() in letter.body]
    return {(letter.url, letter.token) for letter in sent}


def test_webhooks_go_where_the_login_said_with_its_token(theatre: Theatre) -> None:
    given = _settings(theatre)
    theatre.get("webhooks/update_settings", given)

    assert _addresses(theatre, "Берёзка") == {("https://other.example/hook", "other-token")}
    assert _addresses(theatre, "Маяк") == {("http://hub.example/hook", "very-secret")}
    now = theatre.get("webhooks/settings", {"organizationId": given["organizationId"]})
    assert now == {
        "correlationId": now["correlationId"],
        "apiLoginName": "demo",
        "webHooksUri": "https://other.example/hook",
        "authToken": "other-token",
        "webHooksFilter": given["webHooksFilter"],
    }


def test_every_login_has_settings_of_its_own(theatre: Theatre) -> None:
    theatre.get("webhooks/update_settings", _settings(theatre))
    theatre.log_in("second")
    organization = {"organizationId": str(theatre.restaurant("Берёзка").id)}
    assert theatre.get("webhooks/settings", organization)["webHooksUri"] is None

    theatre.get("webhooks/update_settings", _settings(theatre, webHooksUri="https://second.example/"))

    assert {url for url, _ in _addresses(theatre, "Берёзка")} == {
        "https://other.example/hook",
        "https://second.example/",
    }


def test_only_what_the_filter_asks_for_is_sent(theatre: Theatre) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": ["OnWay", "Closed"]}}
    theatre.get("webhooks/update_settings", _settings(theatre, webHooksFilter=wanted))

    theatre.wait_for_order("Берёзка", DeliveryStatus.DELIVERED)
    theatre.play(3)

    told = [each["eventInfo"] for each in theatre.events()]
    taken = {info["order"]["status"] for info in told if info["order"]}
    assert taken == {"OnWay", "Closed"}
    assert {info["creationStatus"] for info in told} <= {"Success", "InProgress"}


def test_filter_of_item_statuses_lets_orders_through(theatre: Theatre) -> None:
    wanted = {"deliveryOrderFilter": {"orderStatuses": None, "itemStatuses": ["CookingStarted"]}}
    theatre.get("webhooks/update_settings", _settings(theatre, webHooksFilter=wanted))

    theatre.wait_for_order("Берёзка", DeliveryStatus.WAITING)
    theatre.play(3)

    orders = [each["eventInfo"]["order"] for each in theatre.events()]
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
    theatre = open_theatre(rate=0.001)
    for each in theatre.stage.world.organizations:
        settings = _settings(theatre, each.short_name, webHooksFilter={part: {flag: True}})
        theatre.get("webhooks/update_settings", settings)

    theatre.control("clock", {"advance_s": 24 * 3600})
    theatre.play(3)

    assert {each["eventType"] for each in theatre.events()} == {event_type}


def test_table_orders_are_asked_for_by_status() -> None:
    theatre = open_theatre(rate=0.001)
    for each in theatre.stage.world.organizations:
        wanted = {"tableOrderFilter": {"orderStatuses": ["Bill"]}}
        theatre.get("webhooks/update_settings", _settings(theatre, each.short_name, webHooksFilter=wanted))

    theatre.control("clock", {"advance_s": 6 * 3600})
    theatre.play(3)

    assert {(e["eventType"], e["eventInfo"]["order"]["status"]) for e in theatre.events()} == {
        ("TableOrderUpdate", "Bill")
    }


def test_stop_list_of_the_webhook_can_be_fetched() -> None:
    theatre = open_theatre(rate=0.001)
    theatre.control("clock", {"advance_s": 6 * 3600})
    ids = {"organizationIds": [str(each.id) for each in theatre.stage.world.organizations]}
    theatre.log_in()
    theatre.play(3)

    lists = theatre.get("stop_lists", ids)["terminalGroupStopLists"]

    announced = {
        update["id"]
        for each in theatre.events()
        if each["eventType"] == "StopListUpdate"
        for update in each["eventInfo"]["terminalGroupsStopListsUpdates"]
    }
    filled = {group["terminalGroupId"] for each in lists for group in each["items"] if group["items"]}
    assert filled
    assert filled <= announced


def test_settings_are_changed_three_times_a_minute_at_most(theatre: Theatre) -> None:
    for _ in range(3):
        theatre.get("webhooks/update_settings", _settings(theatre))

    assert theatre.refusal("webhooks/update_settings", _settings(theatre, authToken="new")) == (
        429,
        "Too many requests.",
        None,
    )
    assert _addresses(theatre, "Берёзка") == {("https://other.example/hook", "other-token")}
    theatre.get("webhooks/update_settings", _settings(theatre, "Маяк"))
    theatre.clock.instant += timedelta(minutes=1)
    theatre.get("webhooks/update_settings", _settings(theatre, authToken="new"))


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
def test_settings_that_make_no_sense(theatre: Theatre, changes: dict[str, Any], description: str) -> None:
    assert theatre.refusal("webhooks/update_settings", _settings(theatre, **changes)) == (
        400,
        description,
        None,
    )
