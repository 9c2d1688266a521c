"""Names of people and things: found by е and ё alike, sorted as in a dictionary."""

import unicodedata

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.fields import TextField
from django.db.models.functions import Cast
from django.test import Client
from django.utils import timezone

from core.values.name_keys import fold, folded
from orders.admin.choices import couriers
from organizations.models.api_keys import ApiKey
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from tests.builders import ORGANIZATION_ID, authorized, make_key, make_organization, make_terminal_group
from tests.pages import rows, sign_in_superuser, text

pytestmark = pytest.mark.django_db

COURIERS = "/admin/organizations/courier/"
RESTAURANTS = "/admin/organizations/organization/"
DICTIONARIES = "/admin/organizations/dictionaryentry/"
GROUPS = "/admin/organizations/terminalgroup/"
STOPS = "/admin/organizations/stoplistitem/"
SHIFTS = "/admin/organizations/shift/"
KEYS = "/admin/organizations/apikey/"
GUESTS = "/admin/loyalty/customer/"

UNSORTED = ("Юг", "антракт", "Жар", "Ёж", "ель", "Еда", "Bistro", "«Ёлка»", "Ель", "2 берега")
SORTED = ["2 берега", "Bistro", "антракт", "Еда", "Ёж", "«Ёлка»", "Ель", "ель", "Жар", "Юг"]


def apart(text: str) -> str:
    """Write a text as the clipboard of a Mac does."""
    return unicodedata.normalize("NFD", text)


WRITTEN = (
    "тёрка",
    "терка",
    "ТЁРКА",
    "Терк",
    apart("тёрка"),
    " «Тёрка» ",
    "кафе тёрка",
    "Тёрка\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}кафе",
    "тё\N{ZERO WIDTH SPACE}рка",
)


@pytest.fixture
def cafe(client: Client) -> Organization:
    client.cookies["django_language"] = "ru"
    sign_in_superuser(client)
    return make_organization(name="Кафе «Тёрка»")


def named(organization: Organization, *names: str) -> None:
    for number, name in enumerate(names):
        Courier.objects.create(organization=organization, iiko_id=f"c-{number}", name=name)


@pytest.mark.parametrize("written", WRITTEN)
def test_restaurant_is_found_as_people_write_it(client: Client, cafe: Organization, written: str) -> None:
    make_organization(iiko_id="another", name="Кафе «Торка»", token=None)

    assert [row for row in rows(client.get(RESTAURANTS, {"q": written})) if "Тёрка" in row]
    assert len(rows(client.get(RESTAURANTS, {"q": written}))) == 1


@pytest.mark.parametrize("stored", ["Ёршова Майя", "Ершова Майя", apart("Ёршова Майя"), "ЁРШОВА МАЙЯ"])
@pytest.mark.parametrize("written", ["ершова", "ёршова", "майя ЁРШ", apart("Майя")])
def test_courier_is_found_however_the_name_is_stored(
    client: Client, cafe: Organization, stored: str, written: str
) -> None:
    named(cafe, stored, "Иная Мария")

    assert len(rows(client.get(COURIERS, {"q": written}))) == 1


def test_every_list_of_names_finds_both_spellings(client: Client, cafe: Organization) -> None:
    group = make_terminal_group(cafe, name="Зал «Ёлка»")
    DictionaryEntry.objects.create(
        organization=cafe, kind=DictionaryKind.PRODUCT, iiko_id="p-1", name="Мёд липовый"
    )
    named(cafe, "Чёрный Пётр")
    now = timezone.now()
    StopListItem.objects.create(
        organization=cafe, terminal_group_id=group.iiko_id, product_id="p-1", is_out_of_stock=True, since=now
    )
    Shift.objects.create(
        organization=cafe,
        terminal_group_id=group.iiko_id,
        employee_id="c-0",
        opened_at=now,
        began_at=now,
        is_open=True,
    )
    ApiKey.objects.create(name="Учёт", prefix="abc", digest="d")

    for url, written in (
        (GROUPS, "ЕЛКА"),
        (DICTIONARIES, "мед лип"),
        (STOPS, "МЕД"),
        (SHIFTS, "черный"),
        (SHIFTS, "пётр черн"),
        (KEYS, "учет"),
    ):
        assert len(rows(client.get(url, {"q": written}))) == 1, (url, written)
        assert rows(client.get(url, {"q": "неттакого"})) == []


def test_api_finds_product_of_stop_list_by_both_spellings(client: Client, cafe: Organization) -> None:
    DictionaryEntry.objects.create(
        organization=cafe, kind=DictionaryKind.PRODUCT, iiko_id="p-1", name="Мёд липовый"
    )
    StopListItem.objects.create(
        organization=cafe, terminal_group_id="g", product_id="p-1", is_out_of_stock=True, since=timezone.now()
    )
    client.logout()

    for written, count in (("мед", 1), ("МЁД", 1), ("липовый мед", 1), ("мёд гречишный", 0), ("«»", 0)):
        answer = client.get("/api/v1/stop-list", {"product": written}, headers=authorized(make_key()))
        assert answer.json()["count"] == count, written


def test_names_stand_as_in_a_dictionary(client: Client, cafe: Organization) -> None:
    named(cafe, *UNSORTED)
    for number, name in enumerate(UNSORTED):
        Organization.objects.create(iiko_id=f"o-{number}", name=name, timezone="UTC")
    listed = rows(client.get(COURIERS))
    offered = [choice.name for choice in couriers(ORGANIZATION_ID)]
    headers = authorized(make_key())

    couriers_of_api = client.get("/api/v1/couriers", headers=headers).json()["results"]
    restaurants_of_api = client.get("/api/v1/organizations", headers=headers).json()["results"]

    assert list(Courier.objects.values_list("name", flat=True)) == SORTED
    assert [next(name for name in SORTED if row.startswith(name)) for row in listed] == SORTED
    assert [name.casefold() for name in offered] == [name.casefold() for name in SORTED]
    assert [one["name"] for one in couriers_of_api] == SORTED
    names = [one["name"] for one in restaurants_of_api if one["name"] != cafe.name]
    assert names == SORTED


def test_click_on_the_title_of_names_sorts_them_the_other_way(client: Client, cafe: Organization) -> None:
    named(cafe, "Ёж", "Жар", "еда")

    assert [row.split()[0] for row in rows(client.get(COURIERS, {"o": "0"}))] == ["еда", "Ёж", "Жар"]
    assert [row.split()[0] for row in rows(client.get(COURIERS, {"o": "-0"}))] == ["Жар", "Ёж", "еда"]


def test_overview_and_choices_of_restaurants_are_sorted(client: Client) -> None:
    sign_in_superuser(client)
    for name in ("Жасмин", "антрекот", "Ёлочка", "Бистро"):
        make_organization(iiko_id=name, name=name, token=None)
    named_in_order = ["антрекот", "Бистро", "Ёлочка", "Жасмин"]

    page = text(client.get("/admin/"))
    choices = text(client.get("/admin/orders/order/"))

    for said in (page, choices):
        assert sorted(named_in_order, key=said.rindex) == named_in_order


def test_groups_of_a_restaurant_are_sorted(client: Client, cafe: Organization) -> None:
    for number, name in enumerate(("Жасмин", "антрекот", "Ёлочка")):
        TerminalGroup.objects.create(organization=cafe, iiko_id=f"g-{number}", name=name)
    client.logout()

    answer = client.get("/api/v1/terminal-groups", headers=authorized(make_key()))

    assert [one["name"] for one in answer.json()["results"]] == ["антрекот", "Ёлочка", "Жасмин"]


@pytest.mark.parametrize(
    "name",
    [*UNSORTED, *WRITTEN, apart("Йод, ёж и Її"), "Ａｂｃ №5…", "«„“»", "a\N{SOFT HYPHEN}b – c", "Ғ Қ", "ﬁn"],
)
def test_database_and_code_fold_alike(name: str) -> None:
    make_organization()

    found = Organization.objects.values_list(folded(Cast(Value(name), TextField())), flat=True).get()

    assert found == fold(name)


def test_key_does_not_depend_on_the_locale_of_the_database(cafe: Organization) -> None:
    statement, parameters = (
        Organization.objects.order_by().values_list(folded("name")).query.sql_with_params()
    )
    with connection.cursor() as cursor:
        # What lower() does in a database of the locale C: Latin letters alone.
        cursor.execute(statement.replace("LOWER(", "lower('' COLLATE \"C\" || "), parameters)

        assert cursor.fetchone() == (fold(cafe.name),)


def test_search_without_an_answer_says_what_can_be_searched(client: Client, cafe: Organization) -> None:
    client.cookies["django_language"] = "en"

    page = text(client.get(COURIERS, {"q": "nobody"}))

    assert "What can be searched: A part of the name, of the code or of iiko's id." in page
