"""Stop lists and shifts in the admin: what is shown, to whom, and the files."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from core.database import db_clock
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem, StopListReading
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    make_organization,
    make_other_organization,
    make_terminal_group,
)
from tests.pages import markup, rows, sign_in, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_english")]

STOPS = "/admin/organizations/stoplistitem/"
SHIFTS = "/admin/organizations/shift/"
SOUP = "11aa22bb-33cc-44dd-95ee-66ff77008899"
SEES = ("organizations.view_stoplistitem", "organizations.view_shift")


@pytest.fixture
def _english(client: Client) -> None:
    client.cookies["django_language"] = "en"


@pytest.fixture
def cafe(client: Client) -> Organization:
    organization = make_organization()
    make_terminal_group(organization)
    DictionaryEntry.objects.create(
        organization=organization, kind=DictionaryKind.PRODUCT, iiko_id=SOUP, name="Суп дня"
    )
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    return organization


def make_item(organization: Organization, **changes: Any) -> StopListItem:
    usual: dict[str, Any] = {
        "organization": organization,
        "terminal_group_id": TERMINAL_GROUP_ID,
        "product_id": SOUP,
        "balance": 0,
        "is_out_of_stock": True,
        "is_since_told": True,
        "since": timezone.now() - timedelta(minutes=90, seconds=5),
    }
    return StopListItem.objects.create(**(usual | changes))


def make_shift(organization: Organization, **changes: Any) -> Shift:
    opened = timezone.now() - timedelta(hours=3, seconds=5)
    usual: dict[str, Any] = {
        "organization": organization,
        "terminal_group_id": TERMINAL_GROUP_ID,
        "employee_id": COURIER_ID,
        "opened_at": opened,
        "began_at": opened,
        "is_open": True,
    }
    return Shift.objects.create(**(usual | changes))


def sheet(response: Any) -> list[list[str]]:
    content = response.getvalue()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


# --- stop lists ------------------------------------------------------------------------------------------


def test_what_is_on_a_list_now_comes_first_and_by_name(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    now = timezone.now()
    make_item(cafe)
    make_item(cafe, product_id="unknown-id", balance="2.5", is_out_of_stock=False, is_since_told=False)
    make_item(cafe, product_id="gone", until=now)

    shown = rows(client.get(STOPS))

    assert [row.startswith(("unknown-id 2.5 left", "Суп дня out of stock")) for row in shown] == [True, True]
    assert all("Сирень, центр Кафе «Сирень»" in row for row in shown)
    (soup,) = (row for row in shown if "Суп дня" in row)
    assert soup.endswith("— 1 h")
    assert "or earlier: seen then" in next(row for row in shown if "unknown-id" in row)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"Суп дня", "low"}),
        ("?state=out", {"Суп дня"}),
        ("?state=ended", {"gone"}),
        ("?state=all", {"Суп дня", "low", "gone"}),
        ("?state=nonsense", {"Суп дня", "low"}),
        ("?q=суп", {"Суп дня"}),
        ("?q=LOW", {"low"}),
        (f"?organization={OTHER_ORGANIZATION_ID}", set()),
        ("?group=elsewhere&state=all", {"gone"}),
        ("?since_from=nonsense", set()),
        ("?q=%00", {"Суп дня", "low"}),
        ("?group=%00", set()),
    ],
)
def test_lists_are_narrowed(client: Client, cafe: Organization, query: str, expected: set[str]) -> None:
    sign_in(client, *SEES)
    make_item(cafe)
    make_item(cafe, product_id="low", balance=4, is_out_of_stock=False)
    make_item(cafe, product_id="gone", terminal_group_id="elsewhere", until=timezone.now())

    shown = rows(client.get(STOPS + query))

    assert {name for name in ("Суп дня", "low", "gone") if any(name in row for row in shown)} == expected


def test_empty_list_says_how_it_is_kept(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)

    assert "Nothing is out of stock, as far as the hub knows." in text(client.get(STOPS))


def test_list_that_cannot_be_read_says_since_when_and_why(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    now = timezone.now()
    StopListReading.objects.create(
        organization=cafe,
        failures=3,
        failing_since=now - timedelta(hours=1),
        retry_at=now + timedelta(seconds=100),
        read_at=now - timedelta(hours=2, minutes=1),
        error_code="IikoBusy",
        error="stop_lists, HTTP 429: Too many requests.",
    )

    page = text(client.get(STOPS))

    assert "Кафе «Сирень»: the stop lists could not be read since" in page
    assert "stop_lists, HTTP 429: Too many requests. The hub tries again in 1 min." in page
    assert "What is shown was read 2 h ago." in page
    assert "could not be read" not in text(client.get(f"{STOPS}?organization={OTHER_ORGANIZATION_ID}"))

    StopListReading.objects.update(error_code="no_api_login", retry_at=None, read_at=None)
    page = text(client.get(STOPS))
    assert (
        "The restaurant has no API login that works; choose one (Organizations). They were never read."
        in page
    )


def test_lists_are_read_again_by_hand_once_a_person_may(client: Client, cafe: Organization) -> None:
    other = make_other_organization()
    sign_in(client, *SEES)
    assert "Read from iiko now" not in text(client.get(STOPS))
    assert client.post(f"{STOPS}refresh/").status_code == 403
    assert not StopListReading.objects.exists()

    client.logout()
    client.cookies["django_language"] = "en"
    sign_in_as(client, "Dispatcher")
    assert "Read from iiko now" in text(client.get(STOPS))
    asked = client.get(f"{STOPS}refresh/")
    assert "Read the stop lists from iiko now?" in text(asked)
    assert not StopListReading.objects.exists()  # nothing happens on GET

    answer = client.post(f"{STOPS}refresh/?organization={other.iiko_id}", follow=True)
    assert "asks iiko for the stop lists of 1 restaurant;" in text(answer)
    assert [row.organization_id for row in StopListReading.objects.all()] == [OTHER_ORGANIZATION_ID]
    client.post(f"{STOPS}refresh/")
    assert StopListReading.objects.filter(wanted_at__isnull=False).count() == 2
    jobs = ProcrastinateJob.objects.filter(task_name="organizations.tasks.read_stop_lists").order_by("id")
    assert next(job.args["organization_id"] for job in jobs) == OTHER_ORGANIZATION_ID


def sign_in_as(client: Client, group: str) -> None:
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)


@pytest.mark.parametrize("path", [STOPS, f"{STOPS}export/", f"{STOPS}totals/", SHIFTS, f"{SHIFTS}export/"])
def test_without_the_permission_nothing_is_shown(client: Client, path: str) -> None:
    sign_in(client, "organizations.view_courier")

    assert client.get(path).status_code == 403


def test_export_is_what_the_filters_leave(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    make_item(cafe, sku="=1+1")
    make_item(cafe, product_id="gone", until=timezone.now())
    assert f'href="{STOPS}export/?state=out"' in markup(client.get(f"{STOPS}?state=out"))

    response = client.get(f"{STOPS}export/?state=out")

    today = f"{db_clock.now():%Y-%m-%d}"
    assert response["Content-Disposition"] == f'attachment; filename="stop-lists-{today}.csv"'
    header, row = sheet(response)
    told = dict(zip(header, row, strict=True))
    assert told.pop("On the list since") != ""
    assert told == {
        "Restaurant": "Кафе «Сирень»",
        "Terminal group": "Сирень, центр",
        "Product": "Суп дня",
        "Size": "",
        "SKU": "'=1+1",
        "Left": "0",
        "Out of stock": "yes",
        "On the list until": "",
        "Out of stock, minutes": "90",
    }


def test_export_in_russian_has_semicolons(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    make_item(cafe)

    client.cookies["django_language"] = "ru"
    _header, row = client.get(f"{STOPS}export/").getvalue().decode("utf-8-sig").splitlines()

    assert row.startswith("Кафе «Сирень»;Сирень, центр;Суп дня;;;0;")


@pytest.mark.parametrize(
    ("balance", "russian", "english"),
    [
        ("-2", "-2", "-2"),
        ("-1.5", "-1,5", "-1.5"),
        ("-0.25", "-0,25", "-0.25"),
        ("1200.5", "1200,5", "1200.5"),
    ],
)
def test_number_below_nothing_stays_a_number_in_the_file(
    client: Client, cafe: Organization, balance: str, russian: str, english: str
) -> None:
    sign_in(client, *SEES)
    make_item(cafe, balance=balance, sku="-7")

    assert (sheet(client.get(f"{STOPS}export/"))[1][4:6]) == ["-7", english]
    client.cookies["django_language"] = "ru"
    line = client.get(f"{STOPS}export/").getvalue().decode("utf-8-sig").splitlines()[1]
    assert line.split(";")[4:6] == ["-7", russian]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+7 соус",
        "+79125554417",
        "+5",
        "@cmd",
        "-",
        "--2",
        "-2+3",
        "-1,5,5",
        "- 2",
        "-5%",
        "-٣",
        "\t=1",
        "\n=1",
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_its_apostrophe(
    client: Client, cafe: Organization, text: str
) -> None:
    sign_in(client, *SEES)
    make_item(cafe, sku=text)
    DictionaryEntry.objects.update(name=text)

    row = sheet(client.get(f"{STOPS}export/"))[1]

    assert (row[2], row[4]) == (f"'{text}", f"'{text}")


def test_totals_add_up_by_product_and_group(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    now = timezone.now()
    make_item(cafe, since=now - timedelta(minutes=30, seconds=5))
    make_item(cafe, since=now - timedelta(hours=5), until=now - timedelta(hours=4))
    make_item(cafe, product_id="low", since=now - timedelta(hours=5), balance=3, is_out_of_stock=False)
    make_item(cafe, product_id="old", since=now - timedelta(days=9), until=now - timedelta(days=8))

    page = text(client.get(f"{STOPS}totals/"))
    assert "Суп дня Сирень, центр Кафе «Сирень» 1 h 30 min now 2" in page
    assert "low" not in page.split("How often")[1].split("The time in which")[0]
    assert "old" in text(client.get(f"{STOPS}totals/?days=30"))
    empty = text(client.get(f"{STOPS}totals/?organization={OTHER_ORGANIZATION_ID}"))
    assert "Nothing was out of stock in this time" in empty
    assert client.get(f"{STOPS}totals/?days=x&organization=%00").status_code == 200

    header, row = sheet(client.get(f"{STOPS}totals/?format=csv&days=1"))
    assert dict(zip(header, row, strict=True)) == {
        "Restaurant": "Кафе «Сирень»",
        "Terminal group": "Сирень, центр",
        "Product": "Суп дня",
        "Size": "",
        "How often": "2",
        "Out of stock, minutes": "90",
    }


def test_page_of_a_product_says_all_of_it(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    item = make_item(cafe, until=timezone.now())

    page = text(client.get(f"{STOPS}{item.pk}/change/"))

    assert "Суп дня" in page
    assert "was out of stock" in page
    assert client.post(f"{STOPS}{item.pk}/change/", {"balance": "9"}).status_code == 403


# --- shifts ----------------------------------------------------------------------------------------------


def test_who_is_on_shift_now_is_the_first_thing_shown(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    make_shift(cafe)
    before = timezone.now() - timedelta(days=1)
    make_shift(cafe, opened_at=None, closed_at=before, began_at=before, is_open=False)

    (shown,) = rows(client.get(SHIFTS))

    assert shown.startswith("Орлова Вера on shift Сирень, центр Кафе «Сирень»")
    assert shown.endswith("— 3 h")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"Орлова Вера", "stranger"}),
        ("?state=ended", {"half"}),
        ("?state=all", {"Орлова Вера", "stranger", "half"}),
        ("?state=nonsense", {"Орлова Вера", "stranger"}),
        ("?q=орлова", {"Орлова Вера"}),
        ("?q=STRANGER", {"stranger"}),
        (f"?organization={ORGANIZATION_ID}&group={TERMINAL_GROUP_ID}", {"Орлова Вера", "stranger"}),
        ("?group=elsewhere", set()),
    ],
)
def test_shifts_are_narrowed(client: Client, cafe: Organization, query: str, expected: set[str]) -> None:
    sign_in(client, *SEES)
    make_shift(cafe)
    make_shift(cafe, employee_id="stranger")
    make_shift(cafe, employee_id="half", is_open=False)

    shown = rows(client.get(SHIFTS + query))

    named = ("Орлова Вера", "stranger", "half")
    assert {name for name in named if any(name in row for row in shown)} == expected


def test_what_is_not_known_is_not_invented(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    now = timezone.now()
    make_shift(cafe, employee_id="stranger", opened_at=None, closed_at=now, began_at=now, is_open=False)
    assert "stranger not among the couriers ended" in rows(client.get(f"{SHIFTS}?state=ended"))[0]
    assert " not known " in rows(client.get(f"{SHIFTS}?state=ended"))[0]

    Shift.objects.all().delete()
    make_shift(cafe, is_open=False)
    assert "its end is not known" in rows(client.get(f"{SHIFTS}?state=ended"))[0]

    Shift.objects.all().delete()
    make_shift(cafe, opened_at=now - timedelta(hours=25))
    assert "For so long? The report of its closing may be missing." in markup(client.get(SHIFTS))


def test_shifts_are_exported(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)
    make_shift(cafe, opening_role_id="role-1")

    header, row = sheet(client.get(f"{SHIFTS}export/"))

    told = dict(zip(header, row, strict=True))
    assert told.pop("Opened at") != ""
    assert told == {
        "Restaurant": "Кафе «Сирень»",
        "Terminal group": "Сирень, центр",
        "Employee": "Орлова Вера",
        "Role": "role-1",
        "State": "on shift",
        "Closed at": "",
        "Minutes": "180",
    }


@pytest.mark.parametrize("path", [STOPS, SHIFTS])
def test_list_costs_the_same_queries_for_many_rows(
    client: Client, cafe: Organization, path: str, django_assert_max_num_queries: Any
) -> None:
    sign_in(client, *SEES)
    for number in range(40):
        make_item(cafe, product_id=f"product-{number}")
        make_shift(cafe, employee_id=f"person-{number}")

    with django_assert_max_num_queries(20):
        assert len(rows(client.get(path))) == 40


def test_groups_get_their_permissions_back_and_forth() -> None:
    def of(group: str) -> set[str]:
        return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))

    wanted = {"view_stoplistitem", "refresh_stoplistitem", "view_shift"}
    assert [wanted <= of(name) for name in ("Dispatcher", "Operator", "Administrator")] == [True] * 3
    out = io.StringIO()
    call_command("sqlmigrate", "organizations", "0009", "--backwards", stdout=out)
    assert "IRREVERSIBLE" not in out.getvalue()
