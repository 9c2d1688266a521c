"""``GET analytics``: the figures of periods, as programs get them."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from core.database import db_clock
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    make_key,
    make_organization,
    make_other_organization,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 14, 7, tzinfo=UTC)  # 12:00 in Yekaterinburg


def put(cafe: Organization, at: datetime, **changes: Any) -> Order:
    row: dict[str, Any] = {
        "organization": cafe,
        "when_created": at,
        "status": "Closed",
        "order_type": "DELIVERY",
        "amount_minor": 1200_50,
        "promised_time": at + timedelta(hours=1),
        "when_sent": at + timedelta(minutes=30),
        "when_delivered": at + timedelta(minutes=50),
        "courier_id": "c-1",
        "updated_at": db_clock.now(),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


@pytest.fixture(autouse=True)
def _two_days(db: None) -> None:
    cafe, bar = make_organization(), make_other_organization(timezone="Europe/Moscow", currency="KZT")
    order = put(cafe, NOON)
    put(cafe, NOON, when_delivered=NOON + timedelta(hours=2), source_key="=site")
    put(cafe, NOON, status="Cancelled", cancel_cause="Гость передумал", courier_id=None)
    put(cafe, NOON - timedelta(days=1), amount_minor=100_00)
    put(bar, NOON)
    OrderCommand.objects.create(
        order=order,
        kind="cancel",
        state="confirmed",
        created_at=NOON,
        finished_at=NOON + timedelta(seconds=3),
    )
    call_command("rebuild_analytics", stdout=StringIO())


def ask(query: str, *organizations: str) -> Any:
    return Client().get(f"/api/v1/analytics?{query}", headers=authorized(make_key(*organizations)))


def rows(query: str, *organizations: str) -> list[dict[str, Any]]:
    answer = ask(query, *organizations)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_day_has_every_figure_and_those_of_the_day_before() -> None:
    day, before = rows("", ORGANIZATION_ID)

    del day["id"]
    assert day == {
        "organization_id": ORGANIZATION_ID,
        "by": "day",
        "starts_at": "2026-03-13T19:00:00Z",
        "starts_at_local": "2026-03-14T00:00:00+05:00",
        "currency": "RUB",
        "orders": 3,
        "closed": 2,
        "under_way": 0,
        "cancelled": 1,
        "refused": 0,
        "revenue_minor": 240100,
        "average_bill_minor": 120050,
        "promised": 2,
        "late": 1,
        "late_share": 0.5,
        "types": [{"order_type": "DELIVERY", "orders": 3, "revenue_minor": 240100}],
        "channels": [
            {"source_key": "", "orders": 2, "revenue_minor": 120050},
            {"source_key": "=site", "orders": 1, "revenue_minor": 120050},
        ],
        "stages": [
            {"stage": "accept", "orders": 0, "median_minutes": None, "p90_minutes": None},
            {"stage": "cook", "orders": 0, "median_minutes": None, "p90_minutes": None},
            {"stage": "wait", "orders": 0, "median_minutes": None, "p90_minutes": None},
            {"stage": "carry", "orders": 2, "median_minutes": 20, "p90_minutes": 90},
            {"stage": "total", "orders": 2, "median_minutes": 50, "p90_minutes": 120},
        ],
        "cancel_causes": [{"cause": "Гость передумал", "orders": 1}],
        "couriers": [
            {
                "courier_id": "c-1",
                "orders": 2,
                "average_minutes": 55,
                "promised": 2,
                "late": 1,
                "late_share": 0.5,
            }
        ],
        "commands": [
            {
                "kind": "cancel",
                "commands": 1,
                "confirmed": 1,
                "failed": 0,
                "needs_attention": 0,
                "median_seconds": 3,
                "p90_seconds": 3,
            }
        ],
        "missed_webhooks": 0,
        "before": {
            "orders": 1,
            "closed": 1,
            "cancelled": 0,
            "revenue_minor": 10000,
            "average_bill_minor": 10000,
            "late_share": 0.0,
            "missed_webhooks": 0,
        },
    }
    assert (before["orders"], before["before"]["orders"]) == (1, 0)


@pytest.mark.parametrize(
    ("by", "begins"),
    [
        ("hour", ["2026-03-14T12:00:00+05:00", "2026-03-13T12:00:00+05:00"]),
        ("week", ["2026-03-09T00:00:00+05:00"]),
        ("month", ["2026-03-01T00:00:00+05:00"]),
    ],
)
def test_periods_begin_on_the_restaurants_clock(by: str, begins: list[str]) -> None:
    assert [row["starts_at_local"] for row in rows(f"by={by}", ORGANIZATION_ID)] == begins


def test_days_are_narrowed_on_the_clock_of_each_restaurant() -> None:
    found = rows("since=2026-03-14&until=2026-03-14")

    assert [(row["organization_id"], row["starts_at_local"]) for row in found] == [
        (OTHER_ORGANIZATION_ID, "2026-03-14T00:00:00+03:00"),
        (ORGANIZATION_ID, "2026-03-14T00:00:00+05:00"),
    ]
    assert [row["currency"] for row in rows(f"organization_id={OTHER_ORGANIZATION_ID}")] == ["KZT"]


def test_unknown_length_is_refused_by_name() -> None:
    answer = ask("by=year")

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "by")


def test_file_has_the_values_of_the_json() -> None:
    line = ask("format=csv", ORGANIZATION_ID).getvalue().decode().splitlines()[1]

    assert "240100,120050,2,1,0.5" in line
    assert '{""source_key"": ""=site"", ""orders"": 1, ""revenue_minor"": 120050}' in line
