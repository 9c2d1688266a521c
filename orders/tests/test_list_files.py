"""Lists of orders as files: what stands in them, for whom, and what a spreadsheet makes of it."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from structlog.testing import capture_logs

from core import csv_export
from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from tests.builders import authorized, make_key, make_organization, make_other_organization
from tests.pages import ORDERS, markup, sign_in

pytestmark = pytest.mark.django_db

API = "/api/v1/orders"
SEES = ("orders.view_order", "orders.export_order", "loyalty.view_personal_data")
ENGLISH = {"accept-language": "en"}
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def make_order(organization: Organization, number: str = "142", **changes: Any) -> Order:
    fields = {
        "iiko_order_id": f"order-{number}",
        "readable_number": number,
        "status": "OnWay",
        "amount_minor": 165_100,
        "promised_time": NOON,
        "customer": {"name": "Анна", "surname": "Ёлкина"},
        "phone": "+79030000011",
        "address": {"street": "Лесная", "house": "5"},
        "comment": "Домофон не работает",
        "updated_at": db_clock.now(),
    }
    return Order.objects.create(organization=organization, **fields | changes)


@pytest.fixture
def cafe() -> Organization:
    return make_organization(timezone="Asia/Yekaterinburg")


def sheet(response: Any, delimiter: str = ",") -> list[list[str]]:
    assert response.status_code == 200, response
    return list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig")), delimiter=delimiter))


def fields_of(response: Any, delimiter: str = ",") -> dict[str, str]:
    """Return the only row by its titles."""
    header, row = sheet(response, delimiter)
    return dict(zip(header, row, strict=True))


def workbook(response: Any) -> list[list[tuple[str, str]]]:
    """Return the cells of the first sheet, each as the kind that Excel gives it and its value."""
    assert response.status_code == 200, response
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml
    rows = re.findall(r"<row [^>]*>(.*?)</row>", xml, flags=re.DOTALL)
    cell = re.compile(
        r'<c r="[A-Z]+[0-9]+"(?: s="[0-9]+")?(?: t="(\w+)")?>(?:<is><t[^>]*>(.*?)</t></is>|<v>(.*?)</v>)</c>'
    )
    return [[(kind, text or number) for kind, text, number in cell.findall(row)] for row in rows]


# --- what stands in a file -----------------------------------------------------------------------------


def test_file_of_the_admin_has_what_the_filters_leave(client: Client, cafe: Organization) -> None:
    make_order(cafe)
    make_order(cafe, "143", status="Closed")
    sign_in(client, *SEES)
    client.cookies["django_language"] = "en"
    page = markup(client.get(f"{ORDERS}?status=OnWay"))
    assert f'href="{ORDERS}export/?status=OnWay"' in page
    assert f'href="{ORDERS}export/xlsx/?status=OnWay"' in page

    response = client.get(f"{ORDERS}export/?status=OnWay")

    assert response["Content-Disposition"] == f'attachment; filename="orders-{db_clock.now():%Y-%m-%d}.csv"'
    row = fields_of(response)
    expected = {
        "Number": "142",
        "Restaurant": cafe.name,
        "Time zone": "Asia/Yekaterinburg",
        "Status": "On the way",
        "Promised": "2026-03-14 17:00:00",
        "Amount": "1651.00",
        "Currency": "RUB",
        "Customer": "Анна Ёлкина",
        "Phone": "'+79030000011",
        "Address": "Лесная, 5",
        "Comment": "Домофон не работает",
    }
    assert {title: row[title] for title in expected} == expected


def test_file_is_in_the_language_of_the_reader(client: Client, cafe: Organization) -> None:
    make_order(cafe)
    sign_in(client, *SEES)
    client.cookies["django_language"] = "ru"

    row = fields_of(client.get(f"{ORDERS}export/"), ";")

    assert (row["Номер"], row["Статус"], row["Сумма"]) == ("142", "В пути", "1651,00")


def test_order_of_the_file_is_that_of_the_list(
    client: Client, cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "_CHUNK", 2)
    for number, minutes in (("1", 30), ("2", None), ("3", 10), ("4", 20), ("5", 40)):
        at = None if minutes is None else NOON + timedelta(minutes=minutes)
        make_order(cafe, number, promised_time=at)
    sign_in(client, *SEES)
    by_promised = list_column(client, "promised")

    for sign, expected in (("", ["3", "4", "1", "5", "2"]), ("-", ["5", "1", "4", "3", "2"])):
        rows = sheet(client.get(f"{ORDERS}export/?o={sign}{by_promised}"), ";")
        assert [row[0] for row in rows[1:]] == expected


def list_column(client: Client, name: str) -> int:
    page = client.get(ORDERS)
    index: int = page.context["cl"].list_display.index(name)
    return index


@pytest.mark.parametrize("words", ["=1+1", "+7", "-cmd", "@SUM(A1)", "\tx", "\rx"])
def test_text_never_is_a_formula(client: Client, cafe: Organization, words: str) -> None:
    make_order(cafe, comment=words)
    sign_in(client, *SEES)
    client.cookies["django_language"] = "en"

    row = fields_of(client.get(f"{ORDERS}export/"))
    cells = workbook(client.get(f"{ORDERS}export/xlsx/"))[1]

    assert row["Comment"] == f"'{words}"
    shown = words.replace("\t", "\t").replace("\r", "_x000D_")
    assert ("inlineStr", shown) in cells or ("inlineStr", words) in cells


def test_workbook_has_numbers_times_and_texts(client: Client, cafe: Organization) -> None:
    make_order(cafe)
    sign_in(client, *SEES)
    client.cookies["django_language"] = "en"

    response = client.get(f"{ORDERS}export/xlsx/")

    assert response["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert response["Content-Disposition"] == f'attachment; filename="orders-{db_clock.now():%Y-%m-%d}.xlsx"'
    assert int(response["Content-Length"]) == len(response.getvalue())
    header, row = workbook(client.get(f"{ORDERS}export/xlsx/"))
    assert header[0] == ("inlineStr", "Number")
    assert ("", "1651.00") in row
    # 2026-03-14 17:00 as Excel counts days.
    assert any(kind == "" and abs(float(value) - 46095.708333) < 0.0001 for kind, value in row)
    assert ("inlineStr", "+79030000011") in row


def test_empty_list_is_a_file_with_titles_alone(client: Client, cafe: Organization) -> None:
    sign_in(client, *SEES)

    assert len(sheet(client.get(f"{ORDERS}export/"), ";")) == 1
    assert len(workbook(client.get(f"{ORDERS}export/xlsx/"))) == 1


# --- who gets it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["export/", "export/xlsx/"])
def test_seeing_orders_is_not_enough(client: Client, cafe: Organization, path: str) -> None:
    make_order(cafe)
    sign_in(client, "orders.view_order")

    assert "export/" not in markup(client.get(ORDERS))
    assert client.get(f"{ORDERS}{path}").status_code == 403


def test_guest_is_masked_for_whoever_may_not_see_people(client: Client, cafe: Organization) -> None:
    make_order(cafe)
    sign_in(client, *SEES[:2])
    client.cookies["django_language"] = "en"

    row = fields_of(client.get(f"{ORDERS}export/"))
    whole = client.get(f"{ORDERS}export/xlsx/").getvalue()

    shown = {title: row[title] for title in ("Customer", "Phone", "Address", "Comment")}
    assert shown == {"Customer": "***", "Phone": "'+7•••11", "Address": "***", "Comment": "***"}
    cells = zipfile.ZipFile(io.BytesIO(whole)).read("xl/worksheets/sheet1.xml").decode()
    assert not any(word in cells for word in ("Ёлкина", "79030000011", "Лесная", "Домофон"))


def test_export_is_logged_without_what_was_searched(client: Client, cafe: Organization) -> None:
    make_order(cafe)
    user = sign_in(client, *SEES)

    with capture_logs() as lines:
        client.get(f"{ORDERS}export/?q=%2B79030000011").getvalue()

    assert [line for line in lines if line["event"] == "list.exported"] == [
        {
            "event": "list.exported",
            "list": "orders.order",
            "kind": "csv",
            "filters": ["q"],
            "rows": 1,
            "user_pk": user.pk,
            "log_level": "info",
        }
    ]


def test_export_by_a_key_is_logged(cafe: Organization) -> None:
    make_order(cafe)
    row, key = create_api_key(name="shop")

    with capture_logs() as lines:
        Client().get(f"{API}?format=csv&phone_like=1", headers=authorized(key))
        Client().get(f"{API}?format=csv&search=79030000011", headers=authorized(key)).getvalue()

    (line,) = [line for line in lines if line["event"] == "list.exported"]
    assert (line["list"], line["kind"], line["rows"], line["key_pk"]) == ("orders", "csv", 1, row.pk)
    assert line["filters"] == ["format", "search"]


# --- by the API -----------------------------------------------------------------------------------------


def test_program_gets_the_fields_of_the_json(cafe: Organization) -> None:
    make_order(cafe, problem="=1+1")
    make_order(cafe, "143", status="Closed")
    key = make_key()

    page = Client().get(f"{API}?status=OnWay", headers=authorized(key)).json()["results"][0]
    response = Client().get(f"{API}?status=OnWay&format=csv", headers=authorized(key))

    row = fields_of(response)
    assert list(row) == list(page)
    assert (row["readable_number"], row["amount_minor"], row["problem"]) == ("142", "165100", "=1+1")
    assert row["pending_commands"] == "[]"
    assert response["Content-Disposition"] == 'attachment; filename="orders.csv"'


def test_program_gets_the_sheet_of_people_as_a_workbook(cafe: Organization) -> None:
    make_order(cafe)
    headers = authorized(make_key()) | {"Accept-Language": "en"}

    header, row = workbook(Client().get(f"{API}?format=xlsx", headers=headers))

    assert header[0] == ("inlineStr", "Number")
    assert ("inlineStr", "+79030000011") in row


def test_reading_key_gets_the_guest_masked(cafe: Organization) -> None:
    make_order(cafe)
    key = create_api_key(name="reader", rights=())[1]

    row = workbook(Client().get(f"{API}?format=xlsx", headers=authorized(key)))[1]

    assert ("inlineStr", "+7•••11") in row
    assert ("inlineStr", "Анна Ёлкина") not in row


def test_key_of_one_restaurant_exports_its_own(cafe: Organization) -> None:
    make_order(cafe)
    other = make_other_organization()
    make_order(other, "900")
    key = make_key(other.iiko_id)

    rows = sheet(Client().get(f"{API}?format=csv", headers=authorized(key)))

    assert [dict(zip(rows[0], row, strict=True))["readable_number"] for row in rows[1:]] == ["900"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_person_needs_the_right_to_export_by_the_api_too(cafe: Organization, kind: str) -> None:
    make_order(cafe)
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client = Client()
    client.force_login(user)

    refused = client.get(f"{API}?format={kind}")
    user.user_permissions.add(Permission.objects.get(codename="export_order"))
    allowed = client.get(f"{API}?format={kind}")

    assert (refused.status_code, allowed.status_code) == (403, 200)
    assert allowed.getvalue()
    assert refused["Content-Type"] == "application/json"


def test_one_order_is_no_file(cafe: Organization) -> None:
    order = make_order(cafe)

    answer = Client().get(f"{API}/{order.pk}?format=csv", headers=authorized(make_key()))

    assert answer.status_code == 404


def test_list_too_long_for_a_workbook_says_what_to_do(
    client: Client, cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.xlsx_export.MOST_ROWS", 1)
    sign_in(client, *SEES)
    for number in ("1", "2"):
        make_order(cafe, number)

    page = client.get(f"{ORDERS}export/xlsx/?organization={cafe.iiko_id}", follow=True, headers=ENGLISH)
    answer = client.get(f"{API}?format=xlsx", headers=authorized(make_key()))

    assert "A workbook takes at most 1 rows. Choose less, or take the CSV." in page.content.decode()
    assert page.request["QUERY_STRING"] == f"organization={cafe.iiko_id}"
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "format"
    assert len(sheet(client.get(f"{ORDERS}export/?organization={cafe.iiko_id}"))) == 3
