"""A parameter that is named twice: every value counts, or the request is refused. None is dropped."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from organizations.models.connection import ApiCall
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from tests.api_lists import PATHS
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TOKEN,
    authorized,
    cloud_event,
    drain,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    soi_message,
    table_order_event,
)

pytestmark = pytest.mark.django_db

OF_SEVERAL_VALUES = {
    "orders": {"status", "organization_id", "courier_id", "order_type", "iiko_order_id", "terminal_group_id"}
    | {"delivery_zone", "source_key"},
    "webhooks/events": {
        "event_type",
        "status",
        "organization_id",
        "correlation_id",
        "reason",
        "source",
    },
    "webhooks/configs": {"organization_id"},
    "attention": {"rule", "severity", "organization_id", "state"},
    "logs": {"operation", "organization_id", "order_id", "correlation_id"},
    "loyalty/operations": {
        "organization_id",
        "customer_id",
        "wallet_id",
        "transaction_id",
        "kind",
        "state",
    },
    "analytics": {"organization_id"},
    "stop-list": {"organization_id", "terminal_group_id", "product_id"},
    "stop-list/time-out-of-stock": {"organization_id", "terminal_group_id", "product_id"},
    "shifts": {"organization_id", "terminal_group_id", "employee_id"},
    "table-orders": {"organization_id", "iiko_order_id", "status"},
    "reserves": {"organization_id", "iiko_reserve_id", "status"},
    "couriers": {"organization_id"},
    "terminal-groups": {"organization_id"},
    "organizations": set(),
    "subscriptions": set(),
    "deliveries": {"state", "event_type", "organization_id"},
}


@pytest.fixture
def key() -> str:
    make_organization()
    make_other_organization(token=TOKEN)
    return make_key()


def get(key: str, path: str, **headers: str) -> Any:
    return Client().get(f"/api/v1/{path}", headers=authorized(key) | {"Accept-Language": "en"} | headers)


def refused(response: Any) -> dict[str, str]:
    """Which parameters were refused, and how."""
    assert response.status_code == 400, response.content
    return {error["attr"]: error["detail"] for error in response.json()["errors"]}


def arrive(*statuses: str, organization_id: str = ORGANIZATION_ID) -> None:
    for status in statuses:
        event = cloud_event(
            status=status,
            organization_id=organization_id,
            order_id=str(uuid4()),
            external_number=None,
        )
        post(Client(), [event])
    drain()


def parameters(schema: Any, path: str) -> dict[str, dict[str, Any]]:
    offered = schema["paths"][f"/api/v1/{path}"]["get"]["parameters"]
    return {one["name"]: one for one in offered if one["in"] == "query"}


# --- the union --------------------------------------------------------------------------------------


def test_orders_of_either_status_are_listed(key: str) -> None:
    arrive("OnWay", "OnWay", "Waiting", "Delivered")

    both = get(key, "orders?status=OnWay&status=Waiting").json()

    assert sorted(one["status"] for one in both["results"]) == ["OnWay", "OnWay", "Waiting"]
    assert get(key, "orders?status=OnWay").json()["count"] == 2
    assert get(key, "orders?status=ON_WAY&status=WAITING").json()["count"] == 3
    assert get(key, "orders?status=&status=Waiting").json()["count"] == 1
    assert get(key, "orders?status=").json()["count"] == 4


def test_one_wrong_value_among_right_ones_is_refused(key: str) -> None:
    arrive("OnWay")

    assert set(refused(get(key, "orders?status=OnWay&status=Nowhere"))) == {"status"}
    assert set(refused(get(key, "orders?status=OnWay,Waiting"))) == {"status"}
    assert set(refused(get(key, "orders?organization_id=a%00&organization_id=b"))) == {"organization_id"}


def test_orders_of_either_restaurant_are_listed(key: str) -> None:
    arrive("OnWay", "Waiting")
    arrive("OnWay", organization_id=OTHER_ORGANIZATION_ID)
    query = f"organization_id={ORGANIZATION_ID}&organization_id={OTHER_ORGANIZATION_ID.upper()}"

    assert get(key, f"orders?{query}").json()["count"] == 3
    assert get(key, f"orders?{query}&status=OnWay&status=Closed").json()["count"] == 2
    assert get(key, f"orders?organization_id={OTHER_ORGANIZATION_ID}").json()["count"] == 1


def test_another_restaurant_named_beside_ones_own_stays_hidden(key: str) -> None:
    arrive("OnWay")
    arrive("OnWay", organization_id=OTHER_ORGANIZATION_ID)
    narrow = make_key(ORGANIZATION_ID, name="narrow")

    answer = get(narrow, f"orders?organization_id={ORGANIZATION_ID}&organization_id={OTHER_ORGANIZATION_ID}")

    assert [one["organization_id"] for one in answer.json()["results"]] == [ORGANIZATION_ID]


def test_types_of_orders_and_of_events_are_added_up(key: str) -> None:
    arrive("OnWay")
    post(
        Client(),
        [{"eventType": "NeverHeardOf", "organizationId": ORGANIZATION_ID, "eventInfo": {"id": ORDER_ID}}],
    )
    drain()

    events = get(key, "webhooks/events?event_type=DeliveryOrderUpdate&event_type=NeverHeardOf").json()

    assert events["count"] == 2
    assert get(key, "webhooks/events?event_type=NeverHeardOf").json()["count"] == 1
    assert get(key, "webhooks/events?status=processed&status=ignored").json()["count"] == 2
    assert get(key, "orders?order_type=delivery&order_type=PICKUP").json()["count"] == 1
    assert get(key, "orders?order_type=HALL&order_type=PICKUP").json()["count"] == 0


def test_calls_of_either_operation_are_listed(key: str) -> None:
    for operation in ("deliveries/cancel", "deliveries/close", "organizations"):
        ApiCall.objects.create(operation=operation, url="u", duration_ms=1, started_at=timezone.now())

    answer = get(key, "logs?operation=deliveries/cancel&operation=deliveries/close")

    assert {one["operation"] for one in answer.json()["results"]} == {"deliveries/cancel", "deliveries/close"}


def test_board_adds_up_groups_and_people_in_json_and_csv(key: str) -> None:
    organization = Organization.objects.get(iiko_id=ORGANIZATION_ID)
    make_terminal_group(organization)
    now = timezone.now()
    for group in ("a", "b", "c"):
        StopListItem.objects.create(
            organization=organization,
            terminal_group_id=group,
            product_id="p",
            is_out_of_stock=True,
            since=now,
        )
        Shift.objects.create(
            organization=organization,
            terminal_group_id=group,
            employee_id=f"e-{group}",
            opened_at=now,
            began_at=now,
            is_open=True,
        )

    assert get(key, "stop-list?terminal_group_id=a&terminal_group_id=b").json()["count"] == 2
    assert get(key, "shifts?employee_id=e-a&employee_id=e-c").json()["count"] == 2
    file = get(key, "stop-list?terminal_group_id=a&terminal_group_id=c&format=csv")
    lines = b"".join(file.streaming_content).decode().splitlines()
    assert len(lines) == 3


def test_next_page_keeps_every_value(key: str) -> None:
    arrive("OnWay", "Waiting")

    following = get(key, "orders?status=OnWay&status=Waiting&limit=1").json()["next"]

    assert following.count("status=") == 2
    page = Client().get(following, headers=authorized(key)).json()
    assert (page["count"], page["next"]) == (2, None)


# --- the refusal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_whatever_takes_one_value_refuses_two(key: str, path: str) -> None:
    schema = Client().get("/api/schema/", {"format": "json"}).json()
    offered = parameters(schema, path)

    assert {name for name, one in offered.items() if one.get("explode")} == OF_SEVERAL_VALUES[path]
    assert {"skip", "limit"} < set(offered)
    for name in {*offered, "format"} - OF_SEVERAL_VALUES[path]:
        value = "json" if name == "format" else "1"
        answer = get(key, f"{path}?{name}={value}&{name}={value}")
        assert refused(answer).get(name) == "It is given more than once. Give it one value.", name
    for name in OF_SEVERAL_VALUES[path]:
        assert offered[name]["schema"]["type"] == "array"
        assert offered[name]["schema"]["items"]["type"] == "string"


@pytest.mark.parametrize("path", ["stop-list", "shifts", "stop-list/time-out-of-stock"])
def test_file_is_refused_too_and_says_so_in_json(key: str, path: str) -> None:
    answer = get(key, f"{path}?format=csv&since=2026-03-01T00:00:00Z&since=2026-03-02T00:00:00Z")

    assert set(refused(answer)) == {"since"}
    assert answer["Content-Type"] == "application/json"


def test_lists_of_one_order_refuse_two_limits(key: str) -> None:
    arrive("OnWay")
    order_id = get(key, "orders").json()["results"][0]["id"]

    for path in (f"orders/{order_id}/timeline", f"orders/{order_id}/commands"):
        assert get(key, path).status_code == 200
        assert set(refused(get(key, f"{path}?limit=1&limit=2"))) == {"limit"}
        assert set(refused(get(key, f"{path}?skip=0&skip=0"))) == {"skip"}


def test_search_of_a_guest_refuses_two_phones(key: str) -> None:
    answer = get(
        key,
        f"loyalty/customers?organization_id={ORGANIZATION_ID}&phone=%2B79030000001&phone=%2B79030000002",
    )

    assert set(refused(answer)) == {"phone"}


def test_misspelt_filter_of_webhook_settings_is_refused_and_a_restaurant_is_not(key: str) -> None:
    assert set(refused(get(key, "webhooks/configs?organisation_id=1"))) == {"organisation_id"}

    found = get(key, f"webhooks/configs?organization_id={OTHER_ORGANIZATION_ID}").json()["results"]

    assert [one["organization_id"] for one in found] == [OTHER_ORGANIZATION_ID]


# --- any spelling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "orders?status=cooking_started",
        "orders?status=COOKING-STARTED&status=Waiting",
        "orders?order_type=delivery",
        "orders?order_type=DeliveryByCourier",
        "webhooks/events?event_type=deliveryorderupdate",
        "webhooks/events?event_type=DELIVERY_ORDER_UPDATE",
        "table-orders?status=NEW",
        "table-orders?status=new&status=BILL",
    ],
)
def test_word_of_a_list_is_taken_in_any_spelling(asked: str) -> None:
    make_organization()
    post(Client(), [cloud_event()], TOKEN)
    drain()
    post(Client(), [table_order_event()], TOKEN)
    drain()

    answer = Client().get(f"/api/v1/{asked}", headers=authorized(make_key()))

    assert (answer.status_code, answer.json()["count"]) == (200, 1)


def test_type_that_nobody_knows_is_found_as_it_is_shown() -> None:
    make_organization()
    post(Client(), soi_message(orderType="DroneDrop"), TOKEN)
    drain()

    answer = Client().get("/api/v1/orders?order_type=DroneDrop", headers=authorized(make_key()))

    assert [row["order_type"] for row in answer.json()["results"]] == ["DroneDrop"]
