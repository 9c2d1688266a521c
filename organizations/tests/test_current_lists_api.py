"""``GET stop-list`` and ``GET shifts``: what is in the answer, for whom, and as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client

from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    authorized,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
)

pytestmark = pytest.mark.django_db

SOUP = "11aa22bb-33cc-44dd-95ee-66ff77008899"
PIZZA = "22bb33cc-44dd-45ee-86ff-770088991122"
LARGE = "33cc44dd-55ee-46ff-9700-889911223344"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def make_item(organization: Organization, product_id: str = SOUP, **changes: Any) -> StopListItem:
    usual: dict[str, Any] = {
        "organization": organization,
        "terminal_group_id": TERMINAL_GROUP_ID,
        "product_id": product_id,
        "balance": 0,
        "is_out_of_stock": True,
        "since": NOON,
    }
    return StopListItem.objects.create(**(usual | changes))


def make_shift(organization: Organization, **changes: Any) -> Shift:
    usual: dict[str, Any] = {
        "organization": organization,
        "terminal_group_id": TERMINAL_GROUP_ID,
        "employee_id": COURIER_ID,
        "opened_at": NOON,
        "began_at": NOON,
        "is_open": True,
    }
    return Shift.objects.create(**(usual | changes))


def name(organization: Organization, kind: DictionaryKind, iiko_id: str, text: str) -> None:
    DictionaryEntry.objects.create(organization=organization, kind=kind, iiko_id=iiko_id, name=text)


def get(path: str, key: str | None = None) -> Any:
    return Client().get(f"/api/v1/{path}", headers=authorized(key or make_key()))


def results(path: str, key: str | None = None) -> list[dict[str, Any]]:
    response = get(path, key)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def table(response: Any) -> list[list[str]]:
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(response.getvalue().decode())))


# --- the stop list ---------------------------------------------------------------------------------------


def test_product_on_the_list_has_every_value() -> None:
    organization = make_organization()
    make_terminal_group(organization)
    name(organization, DictionaryKind.PRODUCT, PIZZA, "Пицца «Сибирская»")
    name(organization, DictionaryKind.SIZE, LARGE, "35 см")
    item = make_item(
        organization,
        PIZZA,
        size_id=LARGE,
        sku="0017",
        balance="2.500000",
        is_out_of_stock=False,
        is_since_told=True,
    )

    assert results("stop-list") == [
        {
            "id": item.pk,
            "organization_id": ORGANIZATION_ID,
            "terminal_group_id": TERMINAL_GROUP_ID,
            "terminal_group_name": "Сирень, центр",
            "product_id": PIZZA,
            "product_name": "Пицца «Сибирская»",
            "size_id": LARGE,
            "size_name": "35 см",
            "sku": "0017",
            "balance": "2.5",
            "is_out_of_stock": False,
            "since": "2026-03-14T12:00:00Z",
            "is_since_told": True,
            "until": None,
            "out_of_stock_s": 0,
        }
    ]


def test_unknown_ids_have_no_names() -> None:
    make_item(make_organization(), balance=None, is_out_of_stock=False)

    (row,) = results("stop-list")
    names = ("terminal_group_name", "product_name", "size_id", "size_name", "balance")
    assert {key: row[key] for key in names} == dict.fromkeys(names)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["soup", "pizza"]),
        ("open=true", ["soup", "pizza"]),
        ("open=false", ["old soup"]),
        (f"product_id={PIZZA.upper()}", ["pizza"]),
        ("product=ПИЦЦА", ["pizza"]),
        ("out_of_stock=true", ["soup"]),
        ("out_of_stock=false", ["pizza"]),
        (f"terminal_group_id={TERMINAL_GROUP_ID}", ["soup"]),
        (f"organization_id={OTHER_ORGANIZATION_ID}", []),
        ("since=2026-03-14T09:00:00Z&until=2026-03-14T11:00:00Z", ["old soup"]),
        ("since=2026-03-14T10:00:00Z", ["soup", "pizza"]),
        ("until=2026-03-14T09:30:00Z", ["old soup"]),
    ],
)
def test_filters(query: str, expected: list[str]) -> None:
    organization = make_organization()
    name(organization, DictionaryKind.PRODUCT, PIZZA, "Пицца")
    made = {
        "old soup": make_item(organization, since=NOON - timedelta(hours=3), until=NOON - timedelta(hours=2)),
        "pizza": make_item(organization, PIZZA, terminal_group_id="other", balance=3, is_out_of_stock=False),
        "soup": make_item(organization),
    }

    ids = [row["id"] for row in results(f"stop-list?{query}")]

    assert ids == [made[one].pk for one in expected]


@pytest.mark.parametrize("query", ["opened=true", "open=perhaps", "since=noon"])
def test_filter_that_is_not_known_is_refused_in_json_even_for_csv(query: str) -> None:
    make_item(make_organization())

    for response in (get(f"stop-list?{query}"), get(f"stop-list?{query}&format=csv")):
        assert (response.status_code, response["Content-Type"]) == (400, "application/json")


def test_csv_holds_all_rows_that_the_filters_leave() -> None:
    organization = make_organization()
    name(organization, DictionaryKind.PRODUCT, SOUP, 'Суп; «дня», с "укропом"')
    for number in range(230):
        make_item(organization, terminal_group_id=f"group-{number}", since=NOON + timedelta(minutes=number))

    header, *rows = table(get("stop-list?format=csv&limit=5"))

    assert header[:3] == ["id", "organization_id", "terminal_group_id"]
    assert [row[2] for row in rows] == [f"group-{number}" for number in reversed(range(230))]
    assert {row[header.index("product_name")] for row in rows} == {'Суп; «дня», с "укропом"'}


def test_time_out_of_stock_adds_the_intervals_of_the_period() -> None:
    organization = make_organization()
    name(organization, DictionaryKind.PRODUCT, SOUP, "Суп")
    make_item(organization, since=NOON - timedelta(hours=2), until=NOON)  # half of it before the period
    make_item(organization, since=NOON, until=NOON + timedelta(hours=1), balance=3, is_out_of_stock=False)
    make_item(organization, since=NOON + timedelta(hours=1))
    make_item(organization, PIZZA, since=NOON, until=NOON + timedelta(minutes=5))
    make_item(
        organization,
        PIZZA,
        terminal_group_id="other",
        since=NOON - timedelta(days=9),
        until=NOON - timedelta(days=8),
    )

    found = results("stop-list/time-out-of-stock?since=2026-03-14T11:00:00Z&until=2026-03-14T15:00:00Z")

    assert found == [
        {
            "organization_id": ORGANIZATION_ID,
            "terminal_group_id": TERMINAL_GROUP_ID,
            "terminal_group_name": None,
            "product_id": SOUP,
            "product_name": "Суп",
            "size_id": None,
            "size_name": None,
            "times": 2,
            "out_of_stock_s": 3600 + 2 * 3600,
            "is_out_of_stock": True,
        },
        {
            "organization_id": ORGANIZATION_ID,
            "terminal_group_id": TERMINAL_GROUP_ID,
            "terminal_group_name": None,
            "product_id": PIZZA,
            "product_name": None,
            "size_id": None,
            "size_name": None,
            "times": 1,
            "out_of_stock_s": 300,
            "is_out_of_stock": False,
        },
    ]
    assert results(f"stop-list/time-out-of-stock?product_id={PIZZA}") == []  # the last week only
    assert get("stop-list/time-out-of-stock?since=soon").status_code == 400


# --- shifts ----------------------------------------------------------------------------------------------


def test_shift_has_every_value() -> None:
    organization = make_organization()
    make_terminal_group(organization)
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    shift = make_shift(
        organization, closed_at=NOON + timedelta(hours=8), is_open=False, closing_role_id="role-1"
    )

    assert results("shifts") == [
        {
            "id": shift.pk,
            "organization_id": ORGANIZATION_ID,
            "terminal_group_id": TERMINAL_GROUP_ID,
            "terminal_group_name": "Сирень, центр",
            "employee_id": COURIER_ID,
            "employee_name": "Орлова Вера",
            "role_id": "role-1",
            "opened_at": "2026-03-14T12:00:00Z",
            "closed_at": "2026-03-14T20:00:00Z",
            "is_open": False,
            "lasted_s": 8 * 3600,
        }
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["open", "closed", "half"]),
        ("open=true", ["open"]),
        ("open=false", ["closed", "half"]),
        (f"employee_id={COURIER_ID.upper()}", ["open", "closed"]),
        ("since=2026-03-14T12:00:00Z", ["open"]),
        ("until=2026-03-14T12:00:00Z", ["closed", "half"]),
        (f"terminal_group_id={TERMINAL_GROUP_ID}&skip=1&limit=1", ["closed"]),
    ],
)
def test_filters_of_shifts(query: str, expected: list[str]) -> None:
    organization = make_organization()
    early, late = NOON - timedelta(hours=9), NOON - timedelta(hours=1)
    made = {
        "half": make_shift(
            organization, employee_id="x", opened_at=None, closed_at=early, began_at=early, is_open=False
        ),
        "closed": make_shift(
            organization, opened_at=late, closed_at=NOON - timedelta(minutes=1), began_at=late, is_open=False
        ),
        "open": make_shift(organization),
    }

    assert [row["id"] for row in results(f"shifts?{query}")] == [made[one].pk for one in expected]


def test_unknown_employee_has_no_invented_name_and_half_a_shift_no_length() -> None:
    make_shift(make_organization(), opened_at=None, closed_at=NOON, is_open=False, employee_id="stranger")

    (row,) = results("shifts")
    assert (row["employee_id"], row["employee_name"], row["lasted_s"]) == ("stranger", None, None)
    assert row["opened_at"] is None


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (StopListItem.objects.order_by("-since", "-id")[:50], "stop_list_items_since"),
        (
            StopListItem.objects.filter(organization_id="x").order_by("-since", "-id")[:50],
            "stop_list_items_organization",
        ),
        (
            StopListItem.objects.current().filter(organization_id="x").order_by(),
            "stop_list_items_one_current",
        ),
        (Shift.objects.order_by("-began_at", "-id")[:50], "shifts_began"),
        (Shift.objects.open().filter(organization_id="x").order_by(), "shifts_open"),
    ],
)
def test_lists_are_answered_by_their_indexes(rows: QuerySet[Any], index: str) -> None:
    """Of several restaurants with a past: an empty table's indexes all cost the same."""
    for organization in (make_organization(), make_other_organization()):
        for number in range(200):
            ended = NOON + timedelta(hours=number) if number % 20 else None
            make_item(organization, f"product-{number}", until=ended)
            make_shift(organization, employee_id=f"person-{number}", closed_at=ended, is_open=not ended)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stop_list_items, shifts")
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")

    assert index in rows.explain()


def test_file_for_programs_leaves_every_text_as_it_is(client: Client) -> None:
    cafe = make_organization()
    make_item(cafe, balance="-1.5", sku="=1+1")

    answer = client.get("/api/v1/stop-list", {"format": "csv"}, headers=authorized(make_key()))

    header, row = csv.reader(io.StringIO(b"".join(answer).decode()))
    cells = dict(zip(header, row, strict=True))
    assert (cells["sku"], cells["balance"]) == ("=1+1", "-1.5")
