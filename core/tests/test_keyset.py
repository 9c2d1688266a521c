"""Cursors: each row once and in order, whatever comes and goes, with NULLs at either end."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.db.models import F, QuerySet

from core.api.keyset import BadCursor, Keyset
from orders.mirror.timeline import SHOWN_AT
from orders.models.order import Order, TimelineEntry
from tests.builders import make_organization

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ORDERS_BY = [
    ("-id",),
    ("promised_time", "-id"),
    ("-promised_time", "id"),
    (F("promised_time").desc(nulls_last=True), "-id"),
    (F("promised_time").asc(nulls_first=True), "pk"),
    ("organization_id", "readable_number", "-pk"),
]


@pytest.fixture
def rows() -> QuerySet[Order]:
    place = make_organization()
    for number, minutes in enumerate((5, None, 5, 1, None, 9, 5, None, 1)):
        promised = NOON + timedelta(minutes=minutes) if minutes else None
        Order.objects.create(
            organization=place,
            external_order_id=str(number),
            readable_number=str(number % 4) if number % 3 else None,
            promised_time=promised,
            updated_at=NOON,
        )
    return Order.objects.all()


def walk(rows: QuerySet[Order]) -> list[int]:
    keyset = Keyset.of(rows)
    assert keyset is not None
    found = list(rows[:2])
    while more := list(keyset.behind(rows, keyset.cursor_of(found[-1]))[:2]):
        found += more
    return [row.pk for row in found]


@pytest.mark.parametrize("order", ORDERS_BY, ids=str)
def test_every_row_comes_once_and_in_order(rows: QuerySet[Order], order: tuple[str, ...]) -> None:
    rows = rows.order_by(*order)

    assert walk(rows) == [row.pk for row in rows]


@pytest.mark.parametrize("order", ORDERS_BY, ids=str)
def test_row_that_is_gone_still_names_its_place(rows: QuerySet[Order], order: tuple[str, ...]) -> None:
    rows = rows.order_by(*order)
    keyset = Keyset.of(rows)
    assert keyset is not None
    whole = list(rows)
    for place, row in enumerate(whole):
        cursor = keyset.cursor_of(row)
        Order.objects.filter(pk=row.pk).delete()

        assert [other.pk for other in keyset.behind(rows, cursor)] == [one.pk for one in whole[place + 1 :]]


@pytest.mark.parametrize("order", [("promised_time",), ("?",), ("organization__name", "id")], ids=str)
def test_order_in_which_a_cursor_names_no_place_has_none(order: tuple[str, ...]) -> None:
    assert Keyset.of(Order.objects.order_by(*order)) is None


def test_order_by_what_is_computed_has_none() -> None:
    assert Keyset.of(TimelineEntry.objects.order_by(SHOWN_AT, "id")) is None


def test_list_without_an_order_of_its_own_has_that_of_its_model() -> None:
    assert Keyset.of(TimelineEntry.objects.all()) is not None


def edited(cursor: str, place: int, value: object) -> str:
    values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    values[place] = value
    return urlsafe_b64encode(orjson.dumps(values)).decode()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "-id"),
        (0, None),
        (1, "noon"),
        (1, "2026-03-14T12:00:00"),
        (1, "2026-03-14T12:00:00+23:59"),
        (1, {}),
        (2, "x"),
        (2, []),
        (2, "1\0"),
    ],
)
def test_cursor_that_was_tampered_with_is_none(rows: QuerySet[Order], place: int, value: object) -> None:
    rows = rows.order_by("promised_time", "-id")
    keyset = Keyset.of(rows)
    assert keyset is not None
    cursor = keyset.cursor_of(rows[0])

    with pytest.raises(BadCursor):
        keyset.behind(rows, edited(cursor, place, value))


def test_number_out_of_range_finds_what_it_would(rows: QuerySet[Order]) -> None:
    rows = rows.order_by("-id")
    keyset = Keyset.of(rows)
    assert keyset is not None
    cursor = edited(keyset.cursor_of(rows[0]), 1, 2**63)

    assert keyset.behind(rows, cursor).count() == 9
