"""Table orders and reserves over the API."""

from typing import Any

import pytest
from django.test import Client

from hall.models import Reserve, TableOrder
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    RESERVE_ID,
    REVISION,
    TABLE_ID,
    TABLE_ORDER_ID,
    arrive,
    authorized,
    banquet_order,
    make_key,
    make_organization,
    make_other_organization,
    reserve_event,
    table_order_event,
)
from tests.pages import sign_in

pytestmark = pytest.mark.django_db

API = "/api/v1/"


def get(path: str, key: str | None = None, **headers: str) -> Any:
    return Client().get(f"{API}{path}", headers=authorized(key or make_key()) | headers)


def results(path: str) -> list[dict[str, Any]]:
    answer = get(path)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_table_order_in_the_list() -> None:
    make_organization()
    arrive(table_order_event(status="Bill", external_number="QR-7", sum=19.99))
    row = TableOrder.objects.get()

    (found,) = results("table-orders")

    moments = {name: found.pop(name) for name in ("created_at", "updated_at")}
    assert all(str(one).endswith("Z") for one in moments.values())
    assert found == {
        "id": row.pk,
        "organization_id": ORGANIZATION_ID,
        "iiko_order_id": TABLE_ORDER_ID,
        "external_number": "QR-7",
        "status": "Bill",
        "raw_status": "Bill",
        "is_open": True,
        "creation_status": "Success",
        "error_info": None,
        "is_deleted": None,
        "number": "57",
        "amount_minor": 1999,
        "currency": "RUB",
        "terminal_group_id": "0a9b8c7d-6e5f-4d3c-8b2a-1f0e9d8c7b6a",
        "table_ids": [TABLE_ID],
        "guests_count": 2,
        "waiter_id": "7d8e9fa0-b1c2-4d3e-8f40-516273849500",
        "waiter_name": "Соколова Вера",
        "when_created": "2026-03-14T13:42:11.480000Z",
        "revision": REVISION,
    }


def test_reserve_in_the_list_and_in_detail() -> None:
    make_organization()
    arrive(reserve_event(status="Started", order=banquet_order(sum=45000.5, number=9)))
    row = Reserve.objects.get()

    (listed,) = results("reserves")
    found = get(f"reserves/{row.pk}").json()

    assert {name: listed[name] for name in ("iiko_reserve_id", "estimated_start_time", "occasion")} == {
        "iiko_reserve_id": RESERVE_ID,
        "estimated_start_time": "2026-03-20T14:00:00Z",
        "occasion": "Банкет",
    }
    assert "phone" not in listed
    assert {
        name: found[name]
        for name in (
            "phone",
            "comment",
            "number",
            "amount_minor",
            "duration_minutes",
            "should_remind",
            "is_deleted",
        )
    } == {
        "phone": "+79030000011",
        "comment": "Нужен детский стул",
        "number": "9",
        "amount_minor": 4500050,
        "duration_minutes": 150,
        "should_remind": True,
        "is_deleted": False,
    }
    assert (found["customer"]["name"], found["items"][0]["name"]) == ("Мария", "Суп дня")


def test_table_order_in_detail() -> None:
    make_organization()
    arrive(table_order_event(tabName="Стойка", splitOrderBetweenCashRegisters="Allowed"))

    found = get(f"table-orders/{TableOrder.objects.get().pk}").json()

    assert (found["tab_name"], found["split_between_registers"], found["items"][0]["result_minor"]) == (
        "Стойка",
        "Allowed",
        35100,
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=Closed", ["b"]),
        ("open=true", ["a", "c"]),
        ("open=false", ["b"]),
        ("external_number=SITE-7", ["b"]),
        ("iiko_reserve_id=A", []),
        ("iiko_reserve_id=a", ["a"]),
        (f"organization_id={ORGANIZATION_ID.upper()}", ["a", "b"]),
        ("expected_since=2026-03-20T14:00:00Z&expected_until=2026-03-20T14:00:01Z", ["a", "c"]),
        ("search=%2B79030000011", ["a"]),
    ],
)
def test_reserves_are_filtered(query: str, found: list[str]) -> None:
    make_organization()
    make_other_organization()
    arrive(
        reserve_event(order_id="a"),
        reserve_event(
            order_id="b",
            status="Closed",
            external_number="SITE-7",
            phone=None,
            estimatedStartTime="2026-03-21 12:00:00.000",
        ),
    )
    other = reserve_event(order_id="c", organization_id=OTHER_ORGANIZATION_ID, phone=None)
    arrive(other, token=OTHER_TOKEN)

    assert sorted(row["iiko_reserve_id"] for row in results(f"reserves?{query}")) == found


def test_table_orders_are_filtered() -> None:
    make_organization()
    arrive(
        table_order_event(order_id="a", number=1),
        table_order_event(order_id="b", number=2, status="Teleported"),
        table_order_event(order_id="c", number=3, status="Deleted"),
    )

    def found(query: str) -> list[str]:
        return sorted(row["iiko_order_id"] for row in results(f"table-orders?{query}"))

    assert found("open=true") == ["a", "b"]
    assert found("number=3") == ["c"]
    assert found("status=Deleted") == ["c"]
    assert found("iiko_order_id=b") == ["b"]
    assert found("limit=1&skip=1") == ["b"]


@pytest.mark.parametrize(
    "query",
    ["status=Teleported", "open=perhaps", "late=true", "updated_since=yesterday", "limit=0", "search=%00"],
)
def test_what_cannot_be_asked_is_refused(query: str) -> None:
    for name in ("reserves", "table-orders"):
        assert get(f"{name}?{query}").status_code == 400


def test_changes_are_followed_oldest_first() -> None:
    make_organization()
    arrive(*(reserve_event(order_id=str(number)) for number in range(3)))
    arrive(reserve_event(order_id="0", timestamp=REVISION + 1, status="Started"))

    rows = results("reserves?updated_since=2000-01-01T00:00:00Z")
    later = results(f"reserves?updated_since={rows[-1]['updated_at']}")

    assert [row["iiko_reserve_id"] for row in rows] == ["1", "2", "0"]
    assert [(row["iiko_reserve_id"], row["status"]) for row in later] == [("0", "Started")]


def test_next_goes_on_by_time_while_changes_are_followed() -> None:
    make_organization()
    arrive(*(table_order_event(order_id=str(number)) for number in range(3)))
    first = get("table-orders?updated_since=2000-01-01T00:00:00Z&limit=2").json()
    arrive(table_order_event(order_id="0", timestamp=REVISION + 1, status="Bill"))

    second = Client().get(first["next"], headers=authorized(make_key())).json()

    assert [row["iiko_order_id"] for row in second["results"]] == ["2", "0"]


def test_guest_is_masked_for_a_person_without_the_permission(client: Client) -> None:
    make_organization()
    arrive(reserve_event(order=banquet_order(externalData=[{"key": "k", "value": "Мария"}])))
    path = f"{API}reserves/{Reserve.objects.get().pk}"
    user = sign_in(client, "hall.view_reserve")

    masked = client.get(path).json()

    assert (masked["phone"], masked["comment"]) == ("+7•••11", "***")
    assert masked["external_data"] == [{"key": "***", "value": "***"}]
    assert masked["customer"] == {"id": "55667788-99aa-4bbc-8dde-eff001122334", "name": "***"}
    user.delete()
    sign_in(client, "hall.view_reserve", "hall.view_personal_data")
    assert client.get(path).json()["phone"] == "+79030000011"
