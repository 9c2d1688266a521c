"""The page of figures: what it shows of a period and the one before, to whom, and as a file."""

import csv
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.tasks import follow_changes
from core.database import db_clock
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.dictionaries import Courier, DictionaryEntry
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListItem
from tests.builders import make_organization, make_other_organization
from tests.pages import sign_in, text

pytestmark = pytest.mark.django_db

PAGE = "/console/analytics"
FILE = "/console/analytics/file"
DAY = {"by": "day", "at": "2026-03-14"}
NOON = datetime(2026, 3, 14, 7, tzinfo=UTC)  # 12:00 in Yekaterinburg


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, "orders.view_order", "analytics.view_analytics")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(cafe: Organization, at: datetime, **changes: Any) -> Order:
    row: dict[str, Any] = {
        "organization": cafe,
        "when_created": at,
        "status": "Closed",
        "order_type": "DELIVERY",
        "source_key": "site",
        "amount_minor": 1200_50,
        "promised_time": at + timedelta(hours=1),
        "when_sent": at + timedelta(minutes=30),
        "when_delivered": at + timedelta(minutes=50),
        "courier_id": "c-1",
        "updated_at": db_clock.now() - timedelta(seconds=1),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


def busy_days(cafe: Organization) -> None:
    Courier.objects.create(organization=cafe, iiko_id="c-1", name="Орлова Вера")
    DictionaryEntry.objects.create(organization=cafe, kind="product", iiko_id="p-1", name="Борщ")
    order = put(cafe, NOON)
    put(cafe, NOON + timedelta(hours=1), amount_minor=800_00, when_delivered=NOON + timedelta(hours=3))
    put(cafe, NOON, status="Cancelled", cancel_cause="Гость передумал")
    put(cafe, NOON - timedelta(days=1), order_type="PICKUP", courier_id=None)
    StopListItem.objects.create(
        organization=cafe,
        terminal_group_id="g",
        product_id="p-1",
        is_out_of_stock=True,
        since=NOON - timedelta(hours=13),
        until=NOON + timedelta(hours=2, minutes=30),
    )
    row = {"order": order, "kind": "cancel", "state": "confirmed"}
    OrderCommand.objects.create(created_at=NOON, finished_at=NOON + timedelta(seconds=7), **row)
    call_command("rebuild_analytics", stdout=StringIO())


def test_figures_of_a_day_stand_beside_those_of_the_day_before(operator: Client, cafe: Organization) -> None:
    busy_days(cafe)

    page = text(operator.get(PAGE, DAY))

    assert "Analytics: Saturday, 14 March 2026" in page
    assert "Compared with the day before." in page
    assert "Orders 3 +2 before: 1" in page
    assert "Revenue 2,000.50 ₽ +800.00 ₽ before: 1,200.50 ₽" in page
    assert "Average bill 1,000.25 ₽ −200.25 ₽ before: 1,200.50 ₽" in page
    assert "Share of late orders 50.0 % +50.0 pp before: 0.0 %" in page
    assert "Cancelled orders 1 +1 before: 0" in page
    assert "12:00 2 1 +1 1,200.50 ₽ 1,200.50 ₽ 0.00 ₽ 0.0 % 0.0 % 0.0 pp" in page
    assert "delivery 3 0 +3 2,000.50 ₽ 0.00 ₽ +2,000.50 ₽" in page
    assert "pickup 0 1 −1 0.00 ₽ 1,200.50 ₽ −1,200.50 ₽" in page
    assert "site 3 1 +2" in page
    assert "On the way 2 20 min 20 min 0 min 90 min 20 min +70 min" in page
    assert "Гость передумал 1 0 +1" in page
    assert "Орлова Вера 2 0 +2 55 min — — 50.0 % — —" in page
    assert "Борщ 14.5 h 1.0 h +13.5 h 1" in page
    assert "Cancel the order 1 0 +1 1 0 0 7 s — — 7 s" in page


def test_week_and_month_hold_their_days(operator: Client, cafe: Organization) -> None:
    busy_days(cafe)

    week, month = (text(operator.get(PAGE, {"by": by, "at": "2026-03-14"})) for by in ("week", "month"))

    assert "Analytics: 9 Mar – 15 March 2026" in week
    assert "Orders 4 +4 before: 0" in week
    assert "Fri 1 0 +1" in week
    assert "Analytics: March 2026" in month
    assert "Orders 4 +4 before: 0" in month
    assert "14 3 0 +3" in month


def test_hour_is_shown_among_the_hours_of_its_day(operator: Client, cafe: Organization) -> None:
    busy_days(cafe)

    page = text(operator.get(PAGE, {"by": "hour", "at": "2026-03-14T13:00"}))

    assert "14 March 2026, 13:00–14:00" in page
    assert "Orders 1 −1 before: 2" in page
    assert "12:00 2 1 +1" in page


def test_day_under_way_is_compared_with_as_much_of_yesterday(operator: Client, cafe: Organization) -> None:
    now = NOON + timedelta(minutes=20)
    db_clock.clock.start_from(db_clock.Reading(now, time.monotonic(), time.time()))
    put(cafe, NOON)
    put(cafe, NOON - timedelta(days=1, hours=12))
    put(cafe, NOON - timedelta(days=1) + timedelta(minutes=59))
    put(cafe, NOON - timedelta(days=1) + timedelta(hours=1))
    call_command("rebuild_analytics", stdout=StringIO())

    day, week = (text(operator.get(PAGE, {"by": by})) for by in ("day", "week"))

    assert "it is compared with as many whole hours of the day before" in day
    assert "Orders 1 −1 before: 2" in day
    assert "12:00 1 1 0" in day
    assert "13:00" not in day
    assert "Orders 4 +4 before: 0" in week


def test_month_under_way_takes_whole_days_and_the_hours_of_the_last(
    operator: Client, cafe: Organization
) -> None:
    now = NOON + timedelta(minutes=20)
    db_clock.clock.start_from(db_clock.Reading(now, time.monotonic(), time.time()))
    put(cafe, NOON)
    for at in ("2026-02-01T00:10", "2026-02-13T23:50", "2026-02-14T12:50", "2026-02-14T13:00"):
        put(cafe, datetime.fromisoformat(f"{at}+05:00"))
    call_command("rebuild_analytics", stdout=StringIO())

    assert "Orders 1 −2 before: 3" in text(operator.get(PAGE, {"by": "month"}))


def test_page_without_orders_says_so_and_offers_no_file(operator: Client) -> None:
    follow_changes()

    answer = operator.get(PAGE, DAY)

    page = text(answer)
    assert "Nothing was ordered in this period, nor in the day before." in page
    assert "Counted up to" in page
    assert "Download CSV" not in page
    assert b"<canvas" not in answer.content


def test_page_says_that_not_all_is_counted_yet(operator: Client) -> None:
    page = text(operator.get(PAGE))

    assert "The figures are still being counted" in page
    assert "Nothing was ordered" not in page


def test_restaurants_are_compared_and_several_currencies_not_added(
    operator: Client, cafe: Organization
) -> None:
    bar = make_other_organization(timezone="Europe/Moscow", currency="KZT")
    put(bar, datetime(2026, 3, 13, 22, tzinfo=UTC), amount_minor=500_00)  # 01:00 on the 14th in Moscow
    busy_days(cafe)

    page = text(operator.get(PAGE, DAY))

    assert "Orders 4 +3 before: 1" in page
    assert "Revenue — — before: —" in page
    assert "so sums stand with each restaurant only" in page
    assert "Бар «Клён» 1 0 +1 500.00 ₸ 0.00 ₸ +500.00 ₸" in page
    assert "Кафе «Сирень» 3 1 +2 2,000.50 ₽ 1,200.50 ₽ +800.00 ₽" in page


@pytest.mark.parametrize("query", [{"by": "year"}, {"at": "tomorrow"}, {"at": "\0"}, {"at": "9999-12-31"}])
def test_period_that_is_none_is_refused_in_words(operator: Client, query: dict[str, str]) -> None:
    assert "There is no such period." in text(operator.get(PAGE, query))
    assert operator.get(FILE, query).status_code == 400


def test_page_costs_few_queries_whatever_is_on_it(
    operator: Client, cafe: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    busy_days(cafe)
    for number in range(12):
        put(cafe, NOON, courier_id=f"c-{number}", source_key=f"s{number}")
    follow_changes()

    with django_assert_max_num_queries(22):
        operator.get(PAGE, DAY)


# --- who -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [PAGE, FILE])
@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ((), 403),
        (("orders.view_order",), 403),
        (("analytics.view_analytics",), 403),
        (("orders.view_order", "analytics.view_analytics"), 200),
    ],
)
def test_page_and_file_need_their_permission(
    client: Client, address: str, permissions: tuple[str, ...], status: int
) -> None:
    sign_in(client, *permissions)

    assert client.get(address).status_code == status


def test_who_is_not_signed_in_is_sent_to_sign_in(client: Client) -> None:
    for address in (PAGE, FILE):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


@pytest.mark.parametrize(
    ("group", "status"), [("Operator", 200), ("Administrator", 200), ("Dispatcher", 403)]
)
def test_groups_that_see_analytics_have_it_in_their_menu(client: Client, group: str, status: int) -> None:
    sign_in(client).groups.add(Group.objects.get(name=group))

    assert client.get(PAGE).status_code == status
    assert (f'href="{PAGE}"' in client.get("/console/").content.decode()) is (status == 200)


def test_restricted_person_gets_the_figures_of_their_restaurants_alone(
    client: Client, cafe: Organization
) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    person = sign_in(client, "orders.view_order", "analytics.view_analytics")
    bar = make_other_organization()
    put(bar, NOON, source_key="qzxelsewhere", courier_id="qzxelsewhere")
    busy_days(cafe)
    access = RestaurantAccess.objects.create(user=person, is_restricted=True)
    access.restaurants.add(cafe)

    page, file = client.get(PAGE, DAY), client.get(FILE, DAY)

    assert "Orders 3 +2 before: 1" in text(page)
    assert "qzxelsewhere" not in page.content.decode() + file.getvalue().decode()
    assert "Клён" not in page.content.decode() + file.getvalue().decode()


# --- the file --------------------------------------------------------------------------------------------


def test_file_has_the_tables_of_the_page_and_no_formulas(operator: Client, cafe: Organization) -> None:
    put(cafe, NOON, source_key="=HYPERLINK(1)", status="Cancelled", cancel_cause="@SUM(1)")
    busy_days(cafe)

    answer = operator.get(FILE, DAY)

    assert answer["Content-Disposition"] == 'attachment; filename="analytics-day-2026-03-14.csv"'
    lines = list(csv.reader(answer.getvalue().decode("utf-8-sig").splitlines()))
    assert lines[:4] == [
        ["Saturday, 14 March 2026", "Кафе «Сирень»"],
        ["All together"],
        ["Figure", "This period", "The day before", "Difference"],
        ["Orders", "4", "1", "3"],
    ]
    assert ["Revenue", "2000.50", "1200.50", "800.00"] in lines
    assert ["Average bill", "1000.25", "1200.50", "-200.25"] in lines
    assert ["Share of late orders", "50.0", "0.0", "50.0"] in lines
    assert ["'=HYPERLINK(1)", "1", "0", "1", "0.00", "0.00", "0.00"] in lines
    assert ["'@SUM(1)", "1", "0", "1"] in lines
    assert [
        "Type",
        *("Orders", "Orders, the day before", "Orders, difference"),
        *("Revenue", "Revenue, the day before", "Revenue, difference"),
    ] in lines
