"""``skip`` and ``limit``: pages, links and a count that costs little."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from core.api import pagination
from core.api.pagination import SkipLimitPagination
from core.database import counting
from core.database.counting import COUNT_UP_TO
from organizations.models.organization import Organization

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _seven() -> None:
    Organization.objects.bulk_create(
        Organization(iiko_id=str(at), name=str(at), timezone="UTC") for at in range(7)
    )


def page(query: str = "", **narrowed: str) -> dict[str, Any]:
    paginator = SkipLimitPagination()
    request = Request(APIRequestFactory().get(f"/things?{query}"))
    rows = paginator.paginate_queryset(Organization.objects.filter(**narrowed).order_by("name"), request)
    data = paginator.get_paginated_response([row.name for row in rows]).data
    return dict(data)


@pytest.mark.parametrize(
    ("query", "names", "following", "previous"),
    [
        ("", "0123456", None, None),
        ("limit=3", "012", "limit=3&skip=3", None),
        ("limit=3&skip=3", "345", "limit=3&skip=6", "limit=3"),
        ("limit=3&skip=6", "6", None, "limit=3&skip=3"),
        ("limit=3&skip=2", "234", "limit=3&skip=5", "limit=3"),
        ("limit=7", "0123456", None, None),
        ("limit=8", "0123456", None, None),
        ("limit=&skip=", "0123456", None, None),
        ("skip=6", "6", None, "limit=50"),
        ("skip=7", "", None, "limit=50"),
        ("skip=999999999&limit=1", "", None, "limit=1&skip=999999998"),
        ("limit=007&skip=00", "0123456", None, None),
    ],
)
def test_pages(query: str, names: str, following: str | None, previous: str | None) -> None:
    body = page(query)

    assert body == {
        "count": 7,
        "next": following and f"http://testserver/things?{following}",
        "previous": previous and f"http://testserver/things?{previous}",
        "results": list(names),
    }


def test_links_keep_the_filters() -> None:
    assert page("status=OnWay&limit=1")["next"] == "http://testserver/things?limit=1&skip=1&status=OnWay"


def test_limit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "LONGEST_PAGE", 4)

    body = page("limit=1000")

    assert body["results"] == list("0123")
    assert body["next"] == "http://testserver/things?limit=4&skip=4"


def test_longest_page_is_200() -> None:
    assert (pagination.LONGEST_PAGE, COUNT_UP_TO) == (200, 10_000)


@pytest.mark.parametrize(("bound", "count"), [(6, None), (7, 7), (8, 7)])
def test_count_is_null_past_the_bound(monkeypatch: pytest.MonkeyPatch, bound: int, count: int | None) -> None:
    monkeypatch.setattr(pagination, "COUNT_UP_TO", bound)

    assert page("limit=2")["count"] == count
    assert page("limit=2&skip=2")["count"] == count
    assert page("skip=50")["count"] == count


def test_last_page_is_counted_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert page("limit=3&skip=6")["count"] == 7

    assert len(captured) == 1


def test_counting_never_goes_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "COUNT_UP_TO", 3)

    with CaptureQueriesContext(connection) as captured:
        page("limit=2")

    assert "LIMIT 4" in captured.captured_queries[-1]["sql"]


@pytest.mark.parametrize(("remembered_s", "count", "queries"), [(60.0, None, 1), (0.0, 3, 2)])
def test_a_long_table_is_counted_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, remembered_s: float, count: int | None, queries: int
) -> None:
    monkeypatch.setattr(pagination, "COUNT_UP_TO", 3)
    monkeypatch.setattr(counting, "_LONG_FOR_S", remembered_s)
    assert page("limit=2")["count"] is None
    Organization.objects.filter(name__gt="2").delete()

    with CaptureQueriesContext(connection) as captured:
        assert page("limit=2")["count"] == count
    assert len(captured) == queries
    # What is narrowed is another list.
    assert page("limit=2", timezone="UTC")["count"] == 3


def test_a_table_that_is_not_long_is_counted_each_time() -> None:
    assert page("limit=2")["count"] == 7
    Organization.objects.filter(name="6").delete()

    assert page("limit=2")["count"] == 6


@pytest.mark.parametrize("name", ["skip", "limit"])
@pytest.mark.parametrize(
    "value", ["-1", "+1", "x", "1.0", "1e3", "%C2%B2", "%D9%A3", "9999999999", "0x10", "%00"]
)
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        page(f"{name}={value}")

    assert list(refusal.value.get_full_details()) == [name]


def test_limit_of_zero_is_refused() -> None:
    words = "A whole number of at least 1 is expected, not “0”"
    with translation.override("en"), pytest.raises(ValidationError, match=words):
        page("limit=0")
