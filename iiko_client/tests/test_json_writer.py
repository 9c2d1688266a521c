"""Exact JSON and the vendor's dates."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from iiko_client import json_reader, vendor_time
from iiko_client.json_writer import dumps
from iiko_client.models.statuses import DeliveryStatus

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | NUMBERS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    assert json_reader.loads(dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1520.50"), "1520.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.1") + Decimal("0.2"), "0.3"),
        (10**20, "100000000000000000000"),
        (True, "true"),
        (DeliveryStatus.ON_WAY, '"OnWay"'),
        (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        ({"a": (1, None)}, '{"a":[1,null]}'),
        ('"\n\ud800', json.dumps('"\n\ud800')),
    ],
)
def test_literals(value: object, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [0.1, datetime(2026, 1, 1, tzinfo=UTC), b"x", {1: 2}, {"a": object()}])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        dumps(Decimal(value))


@pytest.mark.parametrize(
    ("moment", "hours"), [(datetime.max.replace(tzinfo=UTC), 5), (datetime.min.replace(tzinfo=UTC), -5)]
)
def test_instant_past_the_calendar_of_a_clock_is_refused(moment: datetime, hours: int) -> None:
    with pytest.raises(vendor_time.NotATime, match="outside the calendar"):
        vendor_time.write_local(moment, timezone(timedelta(hours=hours)))


def test_instants_are_written_on_the_clock_of_the_field() -> None:
    moment = datetime(2026, 11, 23, 21, 30, 5, 999_999, tzinfo=UTC)

    assert vendor_time.write_local(moment, UTC) == "2026-11-23 21:30:05.999"
    assert vendor_time.write_local(moment, timezone(timedelta(hours=5))) == "2026-11-24 02:30:05.999"
    assert vendor_time.write_local(moment, ZoneInfo("Europe/Moscow")) == "2026-11-24 00:30:05.999"
    assert (
        vendor_time.write_local(moment.astimezone(ZoneInfo("Asia/Tokyo")), UTC) == "2026-11-23 21:30:05.999"
    )
    assert vendor_time.write_local(datetime(26, 1, 1, tzinfo=UTC), UTC) == "0026-01-01 00:00:00.000"


def test_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(vendor_time.NotATime):
        vendor_time.write_local(datetime(2026, 11, 23), UTC)  # noqa: DTZ001
