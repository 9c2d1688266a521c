"""Lists of orders by day, by several values and by the promised time, in the admin and the API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.http import urlencode

from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import authorized, make_key, make_organization, make_other_organization
from tests.pages import ORDERS, markup, sign_in, text

pytestmark = pytest.mark.django_db

API = "/api/v1/orders"


def make_order(organization: Organization, number: str, **changes: Any) -> Order:
    fields = {"readable_number": number, "iiko_order_id": f"order-{number}", "updated_at": db_clock.now()}
    return Order.objects.create(organization=organization, **fields | changes)


@pytest.fixture
def cafe() -> Organization:
    return make_organization(timezone="Europe/Moscow")


@pytest.fixture
def far_cafe() -> Organization:
    return make_other_organization(timezone="Asia/Vladivostok")


def api(**query: Any) -> Any:
    headers = authorized(make_key(name=urlencode(query)[:60])) | {"Accept-Language": "en"}
    return Client().get(f"{API}?{urlencode(query, doseq=True)}", headers=headers)


def listed(**query: Any) -> list[str]:
    answer = api(**query)
    assert answer.status_code == 200, answer.content
    return [row["readable_number"] for row in answer.json()["results"]]


def shown(client: Client, **query: Any) -> list[str]:
    response = client.get(f"{ORDERS}?{urlencode(query, doseq=True)}")
    assert response.status_code == 200
    return [order.readable_number for order in response.context["cl"].result_list]


# --- days ------------------------------------------------------------------------------------------


def test_day_is_that_of_each_restaurants_clock(cafe: Organization, far_cafe: Organization) -> None:
    # 14 March begins at 21:00 UTC in Moscow, at 14:00 UTC in Vladivostok.
    make_order(cafe, "1", promised_time=datetime(2026, 3, 13, 20, 59, tzinfo=UTC))
    make_order(cafe, "2", promised_time=datetime(2026, 3, 13, 21, 0, tzinfo=UTC))
    make_order(cafe, "3", promised_time=datetime(2026, 3, 14, 20, 59, tzinfo=UTC))
    make_order(cafe, "4", promised_time=datetime(2026, 3, 14, 21, 0, tzinfo=UTC))
    make_order(far_cafe, "5", promised_time=datetime(2026, 3, 13, 13, 59, tzinfo=UTC))
    make_order(far_cafe, "6", promised_time=datetime(2026, 3, 13, 14, 0, tzinfo=UTC))
    make_order(far_cafe, "7", promised_time=datetime(2026, 3, 14, 14, 0, tzinfo=UTC))
    make_order(cafe, "8")

    assert listed(promised_since="2026-03-14", promised_until="2026-03-14", ordering="id") == ["2", "3", "6"]
    assert listed(promised_since="2026-03-14T21:00:00Z", ordering="id") == ["4"]
    assert listed(promised_until="2026-03-13T14:00:00Z", ordering="id") == ["5"]


def test_words_name_days_in_both_lists(client: Client, cafe: Organization) -> None:
    now = db_clock.now()
    for number, days in (("1", -1), ("2", 0), ("3", 1)):
        order = make_order(cafe, number, promised_time=now + timedelta(days=days))
        Order.objects.filter(pk=order.pk).update(created_at=now + timedelta(days=days))
    sign_in(client, "orders.view_order")

    for word, expected in (("yesterday", ["1"]), ("today", ["2"]), ("tomorrow", ["3"])):
        for name in ("promised", "created"):
            assert listed(**{f"{name}_since": word, f"{name}_until": word}) == expected
            assert shown(client, **{f"{name}_from": word, f"{name}_to": word}) == expected
    assert shown(client, created_from="today-6", created_to="today") == ["2", "1"]


def test_period_of_one_click_is_offered_and_marked(client: Client, cafe: Organization) -> None:
    sign_in(client, "orders.view_order")
    today = "?promised_from=today&amp;promised_to=today"

    assert f'href="{today}"' in markup(client.get(ORDERS))
    page = markup(client.get(f"{ORDERS}?promised_from=today&promised_to=today"))
    assert '<a class="hub-chip" href="?" aria-current="true">Сегодня</a>' in page


@pytest.mark.parametrize("value", ["14.03.2026", "2026-02-30", "soon", "1899-12-31", "2026-03-14T25:00"])
@pytest.mark.parametrize("name", ["promised_since", "promised_until", "created_since", "created_until"])
def test_what_is_no_day_is_refused(cafe: Organization, name: str, value: str) -> None:
    answer = api(**{name: value})

    assert answer.status_code == 400
    problem = answer.json()["errors"][0]
    assert (problem["attr"], problem["detail"].split(".")[0]) == (name, "No such moment or day")


# --- several values ---------------------------------------------------------------------------------------


def test_several_values_of_one_filter_add_up(client: Client, cafe: Organization) -> None:
    for number, status, zone in (("1", "OnWay", "Север"), ("2", "Waiting", "Юг"), ("3", "Closed", "Юг")):
        make_order(cafe, number, status=status, delivery_zone=zone, source_key=f"site-{number}")
    sign_in(client, "orders.view_order")

    assert shown(client, status=["OnWay", "Waiting"]) == ["2", "1"]
    assert shown(client, status=["OnWay", "Waiting"], zone="Юг") == ["2"]
    assert shown(client, source=["site-1", "site-3"]) == ["3", "1"]
    assert shown(client, status=["OnWay", "a\0b"]) == ["1"]
    assert shown(client, status="") == ["3", "2", "1"]
    assert listed(delivery_zone=["Север", "Юг"], status="Closed") == ["3"]
    assert listed(source_key=["site-1", "site-2"]) == ["2", "1"]


def test_links_of_the_list_keep_every_value(client: Client, cafe: Organization) -> None:
    make_order(cafe, "1", status="OnWay")
    sign_in(client, "orders.view_order")
    chosen = "status=OnWay&amp;status=Waiting"

    page = client.get(f"{ORDERS}?status=OnWay&status=Waiting").content.decode()

    assert re.search(rf'href="\?o=-?[0-9]+&amp;{chosen}"', page)
    assert f'data-live-rows="{ORDERS}live/?{chosen}"' in page
    for value, is_checked in (("OnWay", True), ("Waiting", True), ("Closed", False)):
        box = re.search(rf'<input type="checkbox" name="status" value="{value}"[^>]*>', page)
        assert box is not None
        assert (" checked" in box[0]) == is_checked


# --- active filters -----------------------------------------------------------------------------------------


def test_each_active_filter_is_shown_and_taken_back_by_a_click(client: Client, cafe: Organization) -> None:
    sign_in(client, "orders.view_order")
    query = "q=142&status=OnWay&status=Waiting&promised_from=today&o=3"

    page = client.get(f"{ORDERS}?{query}")

    said = text(page)
    for words in (
        "Статус: В пути ×",
        "Статус: Ждёт отправки ×",
        "Обещан: с сегодня ×",
        "Поиск: 142 ×",
        "Сбросить всё",
    ):
        assert words in said
    links = markup(page)
    assert 'href="?o=3&amp;promised_from=today&amp;q=142&amp;status=Waiting"' in links
    assert 'href="?o=3&amp;promised_from=today&amp;status=OnWay&amp;status=Waiting"' in links
    assert 'href="?o=3&amp;q=142&amp;status=OnWay&amp;status=Waiting"' in links
    assert '<a class="hub-link hub-small" href="?o=3">' in links


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("created_from=today&created_to=today", "Появился: сегодня ×"),
        ("created_from=today-6&created_to=today", "Появился: 7 дней ×"),
        ("created_from=2026-03-14&created_to=2026-03-14", "Появился: 2026-03-14 ×"),
        ("created_to=14.03.2026 18:00", "Появился: по 14.03.2026 18:00 ×"),
        ("created_from=tomorrow", "Появился: с завтра ×"),
    ],
)
def test_period_is_told_in_one_piece(client: Client, cafe: Organization, query: str, words: str) -> None:
    sign_in(client, "orders.view_order")

    page = client.get(f"{ORDERS}?{query}")

    assert words in text(page)
    assert text(page).count("×") == 1


def test_list_without_filters_shows_none(client: Client, cafe: Organization) -> None:
    sign_in(client, "orders.view_order")

    assert "Сбросить всё" not in text(client.get(ORDERS))


# --- order ------------------------------------------------------------------------------------------


def test_orders_that_promise_nothing_stand_last_either_way(cafe: Organization) -> None:
    noon = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
    for number, at in (("1", noon), ("2", None), ("3", noon - timedelta(hours=1)), ("4", None)):
        make_order(cafe, number, promised_time=at)

    assert listed(ordering="promised_time") == ["3", "1", "4", "2"]
    assert listed(ordering="-promised_time") == ["1", "3", "4", "2"]
    assert listed(ordering="id") == ["1", "2", "3", "4"]
    assert listed() == ["4", "3", "2", "1"]


def test_unknown_order_and_one_of_changes_are_refused(cafe: Organization) -> None:
    unknown, twice = api(ordering="amount"), api(ordering="id", updated_since="2026-01-01T00:00:00Z")

    assert (unknown.status_code, unknown.json()["errors"][0]["attr"]) == (400, "ordering")
    assert (twice.status_code, twice.json()["errors"][0]["attr"]) == (400, "ordering")
