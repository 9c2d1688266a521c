"""What holds for every list of the API; a new one is tested by itself (``tests.api_lists``)."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.api.pagination import LONGEST_PAGE
from tests.api_lists import API, LISTS, PATHS, QUERIES, ROWS, ApiList, make_restaurant, make_rows
from tests.builders import authorized, make_key

pytestmark = pytest.mark.django_db

EACH = pytest.mark.parametrize("one", LISTS, ids=str)
QUERY_COUNTS = {"orders": 3, "attention": 3, "subscriptions": 3}
"""Of a page; orders ask for their open commands besides, attention for when it was last looked, subscriptions
for their restaurants."""

OF_ONE_KEY = {"subscriptions", "deliveries"}
"""Of which a key sees what it made alone, whatever the restaurant (outbound/tests/test_api.py)."""

SUMS = {"stop-list/time-out-of-stock"}

EACH_WITH_FILES = pytest.mark.parametrize("one", [one for one in LISTS if one.has_files], ids=str)


@pytest.fixture
def key() -> str:
    return make_key()


def url(one: ApiList, query: str = "") -> str:
    both = "&".join(filter(None, [QUERIES.get(one.path, ""), query]))
    return f"{API}{one.path}" + (f"?{both}" if both else "")


def ask(address: str, key: str, **headers: str) -> Any:
    return Client().get(address, headers=authorized(key) | {"Accept-Language": "en"} | headers)


def page(address: str, key: str) -> dict[str, Any]:
    answer = ask(address, key)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def still(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the lengths of time that go on while one looks (``out_of_stock_s``)."""
    return [{name: value for name, value in row.items() if not name.endswith("_s")} for row in rows]


def refused(answer: Any) -> dict[str, str]:
    """Which parameters were refused, and how."""
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["type"] == "validation_error"
    return {error["attr"]: error["detail"] for error in body["errors"]}


def test_every_list_has_rows_to_be_tested_with() -> None:
    assert set(PATHS) == set(ROWS)


# --- pages ----------------------------------------------------------------------------------------------


@EACH
def test_empty_list(one: ApiList, key: str) -> None:
    assert page(url(one), key) == {"count": 0, "next": None, "previous": None, "results": []}


@EACH
def test_pages_link_to_each_other_and_hold_every_row_once(one: ApiList, key: str) -> None:
    make_rows(one, 5)
    whole = page(url(one), key)["results"]

    first = page(url(one, "limit=2"), key)
    second = page(first["next"], key)
    third = page(second["next"], key)

    pages = (first, second, third)
    assert [len(each["results"]) for each in pages] == [2, 2, 1]
    assert still([row for each in pages for row in each["results"]]) == still(whole)
    assert [each["count"] for each in pages] == [5, 5, 5]
    assert (first["previous"], third["next"]) == (None, None)
    if one.path not in QUERIES:
        assert ("cursor=" in first["next"]) == (one.path not in SUMS)
        assert second["previous"] == f"http://testserver{API}{one.path}?limit=2"
    for later, earlier in ((third, second), (second, first)):
        before = page(later["previous"], key)
        assert still(before.pop("results")) == still(earlier["results"])
        assert before == {name: value for name, value in earlier.items() if name != "results"}


@EACH
def test_next_page_begins_behind_the_last_row_of_the_page(one: ApiList, key: str) -> None:
    make_rows(one, 6)
    whole = page(url(one), key)["results"]
    first = page(url(one, "limit=2"), key)

    with CaptureQueriesContext(connection) as queries:
        second = page(first["next"], key)
        third = page(second["next"], key)

    assert still(second["results"] + third["results"]) == still(whole[2:])
    # Sums are sorted by what they add up to: no row ends a page, so rows are left out by their number.
    leaves_out = any(" OFFSET " in query["sql"] for query in queries)
    assert leaves_out == (one.path in SUMS)


@EACH
@pytest.mark.parametrize("cursor", ["x", "W10", "WyJpZCIsMV0", "bnVsbA", "WyItaWQiXQ", "_____", "%00", "é"])
def test_cursor_that_is_none_is_refused(one: ApiList, key: str, cursor: str) -> None:
    assert list(refused(ask(url(one, f"cursor={cursor}"), key))) == ["cursor"]


@EACH
def test_page_past_the_end_is_empty(one: ApiList, key: str) -> None:
    make_rows(one, 1)

    body = page(url(one, "skip=100"), key)

    assert (body["results"], body["count"], body["next"]) == ([], 1, None)


@EACH
def test_page_holds_fifty_unless_told_and_never_more_than_the_most(
    one: ApiList, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LONGEST_PAGE == 200
    make_rows(one, 53)
    assert len(page(url(one), key)["results"]) == 50

    monkeypatch.setattr("core.api.pagination.LONGEST_PAGE", 51)
    body = page(url(one, "limit=1000"), key)

    assert (len(body["results"]), body["count"]) == (51, 53)
    assert len(page(body["next"], key)["results"]) == 2


@EACH
def test_count_is_exact_up_to_the_bound_and_null_past_it(
    one: ApiList, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rows(one, 6)
    monkeypatch.setattr("core.api.pagination.COUNT_UP_TO", 6)
    assert page(url(one, "limit=2"), key)["count"] == 6

    monkeypatch.setattr("core.api.pagination.COUNT_UP_TO", 5)
    body = page(url(one, "limit=2"), key)

    assert body["count"] is None
    assert body["next"] is not None
    assert page(url(one, "limit=2&skip=4"), key)["next"] is None


@EACH
def test_list_costs_the_same_queries_whatever_its_length(one: ApiList, key: str) -> None:
    make_rows(one, 40)
    page(url(one), key)  # notes the use of the key

    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            body = page(url(one, query), key)
        assert body["results"]
        return len(captured)

    expected = QUERY_COUNTS.get(one.path, 2)  # the key and the rows
    assert queries("") == expected
    assert queries("limit=1") == expected + 1  # the count: a list of 40 fits a page, and is counted by it


@EACH
def test_slash_at_the_end_does_not_matter(one: ApiList, key: str) -> None:
    assert [ask(f"{API}{one.path}{slash}", key).status_code for slash in ("", "/")] == [200, 200]


# --- what is asked ----------------------------------------------------------------------------------------


@EACH
def test_unknown_parameter_is_refused_by_name(one: ApiList, key: str) -> None:
    problems = refused(ask(url(one, "nothing_like_it=1"), key))

    assert list(problems) == ["nothing_like_it"]
    assert problems["nothing_like_it"].startswith("No such filter. There are: ")
    for name in one.view.filterset_class.base_filters:
        assert name in problems["nothing_like_it"]


@EACH
@pytest.mark.parametrize(
    ("name", "value"),
    [("skip", value) for value in ("-1", "x", "1.5", "9" * 30, "²")]
    + [("limit", value) for value in ("0", "-1", "all", "1e3")],
)
def test_page_that_is_none_is_refused_by_name(one: ApiList, key: str, name: str, value: str) -> None:
    assert list(refused(ask(url(one, f"{name}={value}"), key))) == [name]


@EACH
def test_flag_and_moment_that_are_none_are_refused_by_name(one: ApiList, key: str) -> None:
    asked = one.view.filterset_class.base_filters
    flags = [name for name, filter_ in asked.items() if type(filter_).__name__ == "StrictBooleanFilter"]
    moments = [
        name
        for name, filter_ in asked.items()
        if type(filter_).__name__ in ("MomentFilter", "RangeEndFilter")
    ]

    for name, values in [(name, ("maybe", "2", "yes please")) for name in flags] + [
        (name, ("noon", "2026-13-01T00:00:00Z", "1773496492")) for name in moments
    ]:
        for value in values:
            assert list(refused(ask(f"{API}{one.path}?{name}={value}", key))) == [name], value


@EACH
def test_no_value_asks_for_nothing(one: ApiList, key: str) -> None:
    make_rows(one, 2)
    whole = page(url(one), key)
    names = [name for name in one.view.filterset_class.base_filters if name not in QUERIES.get(one.path, "")]

    found = page(url(one, "&".join(f"{name}=" for name in names)), key)["results"]
    assert still(found) == still(whole["results"])


# --- who --------------------------------------------------------------------------------------------------


@EACH
def test_without_a_key_that_is_known_nobody_reads(one: ApiList, key: str) -> None:
    for headers in ({}, {"Authorization": "Api-Key wrong"}, {"Authorization": "Bearer x"}):
        answer = Client().get(url(one), headers=headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")


@EACH
@pytest.mark.parametrize(
    ("has_permission", "changes", "status"),
    [
        (True, {}, 200),
        (False, {"is_superuser": True}, 200),
        (False, {}, 403),
        (True, {"is_staff": False}, 403),
        (True, {"is_active": False}, 401),
    ],
)
def test_person_needs_the_permission_of_the_list(
    one: ApiList, client: Client, has_permission: bool, changes: dict[str, bool], status: int
) -> None:
    user = User.objects.create_user("vera", password="x", is_staff=True)
    app, codename = one.permission.split(".")
    own = Permission.objects.get(content_type__app_label=app, codename=codename)
    others = [Permission.objects.get(codename="view_user")]
    user.user_permissions.set([own] if has_permission else others)
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(**{"is_staff": True} | changes)

    assert client.get(url(one)).status_code == status
    if one.has_files and one.path != "orders":  # whose files need a permission of their own
        assert client.get(url(one, "format=csv")).status_code == status


@pytest.mark.parametrize("one", [one for one in LISTS if one.path not in OF_ONE_KEY], ids=str)
def test_key_sees_its_restaurants_only(one: ApiList) -> None:
    organizations = [make_restaurant(number) for number in range(2)]
    for organization in organizations:
        ROWS[one.path](organization, 1)
    own, other = (organization.iiko_id for organization in organizations)
    key = make_key(own, name="narrow")

    body = page(url(one), key)

    assert [row["organization_id"] for row in body["results"]] == [own]
    assert body["count"] == 1
    if "organization_id" in one.view.filterset_class.base_filters:
        assert page(url(one, f"organization_id={other}"), key)["results"] == []
    if one.has_files:
        header, *rows = table(ask(url(one, "format=csv"), key))
        assert [row[header.index("organization_id")] for row in rows] == [own]


# --- files ------------------------------------------------------------------------------------------------


def table(answer: Any) -> list[list[str]]:
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))


def test_there_are_lists_with_files() -> None:
    assert {one.path for one in LISTS if one.has_files} >= {"orders", "shifts", "stop-list"}


@EACH_WITH_FILES
def test_file_holds_all_rows_in_their_order_whatever_the_page(one: ApiList, key: str) -> None:
    make_rows(one, 7)
    rows = page(url(one), key)["results"]

    header, *lines = table(ask(url(one, "format=csv&limit=2&skip=1"), key))
    asked_by_header = ask(url(one), key, Accept="text/csv")

    assert header == list(rows[0])
    assert len(lines) == 7
    name = "id" if "id" in rows[0] else "product_id"
    assert [line[header.index(name)] for line in lines] == [str(row[name]) for row in rows]
    assert asked_by_header["Content-Disposition"] == f'attachment; filename="{one.view.file_name}.csv"'
    assert table(asked_by_header)[0] == header


@EACH_WITH_FILES
def test_workbook_is_a_file_of_excel(one: ApiList, key: str) -> None:
    make_rows(one, 2)

    answer = ask(url(one, "format=xlsx"), key)

    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="{one.view.file_name}.xlsx"'
    assert answer.getvalue().startswith(b"PK")


@EACH_WITH_FILES
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_refusal_of_a_file_is_json(one: ApiList, key: str, kind: str) -> None:
    assert list(refused(ask(url(one, f"format={kind}&nothing_like_it=1"), key))) == ["nothing_like_it"]
