"""``GET organizations``, ``terminal-groups``, ``couriers`` and ``logs``."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from organizations.connection.call_log import call_log
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.tests.test_call_log import record
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    authorized,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
)
from tests.simulated_iiko import API_LOGIN, linked, make_login

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
LISTS = ("organizations", "terminal-groups", "couriers", "logs")


def make_call(**changes: Any) -> ApiCall:
    defaults: dict[str, Any] = {
        "operation": "cancel_causes",
        "url": "https://iiko.example/api/1/cancel_causes",
        "organization_id": ORGANIZATION_ID,
        "request": {"organizationIds": [ORGANIZATION_ID]},
        "response": {"cancelCauses": []},
        "http_status": 200,
        "duration_ms": 10,
        "started_at": NOW,
    }
    return ApiCall.objects.create(**(defaults | changes))


@pytest.fixture
def restaurant() -> Organization:
    return linked(make_organization())


def get(client: Client, address: str, key: str | None = None) -> Any:
    response = client.get(f"/api/v1/{address}", headers=authorized(key or make_key()))
    assert response.status_code == 200, response.content
    return response.json()


def found(client: Client, query: str) -> list[int]:
    return [row["id"] for row in get(client, f"logs?{query}")["results"]]


def test_restaurants_are_listed_without_their_login(client: Client, restaurant: Organization) -> None:
    body = get(client, "organizations")

    [row] = body["results"]
    assert (body["count"], row["organization_id"], row["name"]) == (1, ORGANIZATION_ID, "Кафе «Сирень»")
    assert set(row) == {
        "organization_id",
        "name",
        "timezone",
        "currency",
        "is_active",
        "pos_version",
        "default_payment_types",
        "dictionaries_synced_at",
        "created_at",
        "updated_at",
    }
    assert API_LOGIN not in str(body)


def test_terminal_group_tells_the_clock_it_runs_on(client: Client, restaurant: Organization) -> None:
    make_terminal_group(restaurant)

    [row] = get(client, f"terminal-groups?organization_id={ORGANIZATION_ID.upper()}")["results"]

    assert row == {
        "terminal_group_id": TERMINAL_GROUP_ID,
        "organization_id": ORGANIZATION_ID,
        "name": "Сирень, центр",
        "timezone": "Asia/Yekaterinburg",
        "pos_version": "",
        "is_in_sleep": False,
        "is_deleted": False,
        "not_answering_since": None,
    }


def test_couriers_are_filtered_by_deletion(client: Client, restaurant: Organization) -> None:
    Courier.objects.create(organization=restaurant, iiko_id=COURIER_ID, name="Орлова Вера", code="7")
    Courier.objects.create(organization=restaurant, iiko_id="gone", name="Лис", is_deleted=True)

    [row] = get(client, "couriers?deleted=false")["results"]

    assert (row["courier_id"], row["name"], row["code"]) == (COURIER_ID, "Орлова Вера", "7")
    assert get(client, "couriers")["count"] == 2


def test_call_is_listed_and_shown_with_its_bodies(client: Client) -> None:
    call = make_call(requested_by="vera", order_id=ORDER_ID)

    [row] = get(client, "logs")["results"]
    one = get(client, f"logs/{call.pk}")

    assert (row["operation"], row["requested_by"], row["order_id"]) == ("cancel_causes", "vera", ORDER_ID)
    assert one["request"] == {"organizationIds": [ORGANIZATION_ID]}
    assert (one["response"], one["response_text"]) == ({"cancelCauses": []}, "")
    assert row == one


@pytest.mark.parametrize(("word", "has_bodies"), [("0", False), ("false", False), ("1", True), ("", True)])
def test_bodies_are_left_out_of_the_list_on_demand(client: Client, word: str, has_bodies: bool) -> None:
    make_call()

    [row] = get(client, f"logs?bodies={word}")["results"]

    assert [name in row for name in ("request", "response", "response_text")] == [has_bodies] * 3
    assert row["http_status"] == 200


def test_long_body_is_cut_in_the_list_alone(client: Client) -> None:
    long = {"items": ["x" * 100] * 100}
    call = make_call(request=long, response={"cut": 90000}, response_text="y" * 32000)

    [row] = get(client, "logs")["results"]
    one = get(client, f"logs/{call.pk}")

    assert row["request"] == {"cut": len(json.dumps(long))}
    assert (row["response"], row["response_text"]) == ({"cut": 90000}, "y" * 8000)
    assert (one["request"], len(one["response_text"])) == (long, 32000)


def test_listed_bodies_are_masked_as_they_are_kept(client: Client) -> None:
    call_log.note(make_login().pk, record(request={"phone": "+79030000011", "orderId": ORDER_ID}))
    call_log.flush()

    [row] = get(client, "logs")["results"]

    assert row["request"] == {"phone": "***", "orderId": ORDER_ID}


def test_calls_are_found_by_each_filter(client: Client) -> None:
    old = make_call(started_at=NOW - timedelta(hours=2))
    slow = make_call(duration_ms=1500, operation="deliveries/cancel", order_id=ORDER_ID)
    failed = make_call(error="IikoNoAnswer", http_status=None, correlation_id="c-1", organization_id="")

    assert found(client, "") == [failed.pk, slow.pk, old.pk]
    assert found(client, "operation=deliveries/cancel") == [slow.pk]
    assert found(client, f"organization_id={ORGANIZATION_ID}") == [slow.pk, old.pk]
    assert found(client, f"order_id={ORDER_ID.upper()}") == [slow.pk]
    assert found(client, "correlation_id=c-1") == [failed.pk]
    assert found(client, "failed=true") == [failed.pk]
    assert found(client, "failed=false") == [slow.pk, old.pk]
    assert found(client, "slow_ms=1000") == [slow.pk]
    assert found(client, "since=2026-03-14T11:00:00Z") == [failed.pk, slow.pk]
    assert found(client, "until=2026-03-14T11:00:00Z") == [old.pk]


@pytest.mark.parametrize(
    "query", ["slow_ms=much", "bodies=some", "slow_ms=-1", "failed=perhaps", "since=now", "colour=red"]
)
def test_wrong_filter_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/api/v1/logs?{query}", headers=authorized(make_key())).status_code == 400


def test_key_sees_its_restaurants_only(client: Client, restaurant: Organization) -> None:
    other = make_other_organization()
    make_terminal_group(restaurant)
    Courier.objects.create(organization=restaurant, iiko_id=COURIER_ID)
    call = make_call()
    make_call(organization_id="", operation="access_token")
    key = make_key(OTHER_ORGANIZATION_ID)

    [row] = get(client, "organizations", key)["results"]

    assert row["organization_id"] == other.iiko_id
    for address in ("terminal-groups", "couriers", "logs"):
        assert get(client, address, key)["results"] == []
    assert client.get(f"/api/v1/logs/{call.pk}", headers=authorized(key)).status_code == 404
    assert [one["id"] for one in get(client, "logs", make_key(ORGANIZATION_ID))["results"]] == [call.pk]
