"""iiko's clocks: every way a moment may be written, and zones by name and by shift."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from iiko_client.vendor_time import NotATime, NotAZone, terminal_local, utc, zone

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")
YEKATERINBURG = ZoneInfo("Asia/Yekaterinburg")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14 13:54:53.100", "2026-03-14T13:54:53.100000+00:00"),
        ("2026-03-14 13:54:53", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14 13:54", "2026-03-14T13:54:00+00:00"),
        ("2026-03-14", "2026-03-14T00:00:00+00:00"),
        ("2026-03-14T13:54:53.100", "2026-03-14T13:54:53.100000+00:00"),
        ("2026-03-14T13:54:53,5", "2026-03-14T13:54:53.500000+00:00"),
        ("2026-03-14 13:54:53.1234567", "2026-03-14T13:54:53.123456+00:00"),
        ("2026-03-14 13:54:53.123456789", "2026-03-14T13:54:53.123456+00:00"),
        ("  2026-03-14 13:54:53\n", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T13:54:53Z", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T13:54:53z", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T18:54:53+05:00", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T18:54:53 +05:00", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T18:54:53+0500", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T18:54:53+05", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T10:24:53-03:30", "2026-03-14T13:54:53+00:00"),
        ("2026-03-14T13:54:53-00:00", "2026-03-14T13:54:53+00:00"),
        ("0001-01-01 00:00:00.000", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999000+00:00"),
        ("2024-02-29 00:00:00", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_moments_are_read_however_they_are_written(text: str, moment: str) -> None:
    read = utc(text)

    assert read.isoformat() == moment
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "null",
        "1773496492930",
        "14.03.2026",
        "14.03.2026 13:54",
        "2026-3-14",
        "26-03-14",
        "2026-03-14 1:54",
        "2026-03-14 13",
        "2026-03-14 13:54:53.",
        "2026-03-14 13:54:53.1234567890",
        "2026-03-14 13:54:53 MSK",
        "2026-03-14 13:54:53+5",
        "2026-03-14  13:54:53",
        "2026-03-14 13:54:53 trailing",
        "2026-02-30 00:00:00",
        "2025-02-29 00:00:00",
        "2026-13-01 00:00:00",
        "2026-00-10 00:00:00",
        "2026-03-14 24:00:00",
        "2026-03-14 13:60:00",
        "2026-03-14 13:54:60",
        "0000-01-01 00:00:00",
        "10000-01-01 00:00:00",
        "2026-03-14T13:54:53+24:00",
        "2026-03-14T13:54:53+99:99",
        "٢٠٢٦-٠٣-١٤ ١٣:٥٤:٥٣",
        "２０２６-03-14 13:54:53",
        "2026-03-14\x0013:54:53",
    ],
)
def test_rubbish_is_no_moment(text: str) -> None:
    with pytest.raises(NotATime):
        utc(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_moment_outside_the_calendar_is_none(text: str) -> None:
    with pytest.raises(NotATime):
        utc(text)


@pytest.mark.parametrize(
    ("text", "clock", "moment"),
    [
        ("2026-03-14 19:40:00.000", YEKATERINBURG, "2026-03-14T14:40:00+00:00"),
        ("2026-03-14 19:40:00.000", MOSCOW, "2026-03-14T16:40:00+00:00"),
        ("2026-01-14 12:00:00", BERLIN, "2026-01-14T11:00:00+00:00"),
        ("2026-07-14 12:00:00", BERLIN, "2026-07-14T10:00:00+00:00"),
        ("2026-03-14 00:30:00", timezone(timedelta(hours=5, minutes=30)), "2026-03-13T19:00:00+00:00"),
        ("2026-03-14T19:40:00Z", YEKATERINBURG, "2026-03-14T19:40:00+00:00"),
        ("2026-03-14T19:40:00+03:00", YEKATERINBURG, "2026-03-14T16:40:00+00:00"),
    ],
)
def test_local_times_are_read_on_the_terminals_clock(text: str, clock: tzinfo, moment: str) -> None:
    assert terminal_local(text, clock).isoformat() == moment


def test_hour_that_occurs_twice_is_the_first_of_the_two() -> None:
    # Berlin, 25 October 2026: 02:30 summer time (00:30 UTC), then 02:30 winter time (01:30 UTC).
    assert terminal_local("2026-10-25 02:30:00", BERLIN).isoformat() == "2026-10-25T00:30:00+00:00"


def test_hour_that_is_skipped_is_read_as_an_hour_later() -> None:
    # Berlin, 29 March 2026: the clock jumps from 02:00 to 03:00; 02:30 means 03:30 summer time.
    read = terminal_local("2026-03-29 02:30:00", BERLIN)

    assert read.isoformat() == "2026-03-29T01:30:00+00:00"
    assert read.astimezone(BERLIN).isoformat() == "2026-03-29T03:30:00+02:00"


@pytest.mark.parametrize(
    ("text", "clock"),
    [("0001-01-01 00:00:00", MOSCOW), ("9999-12-31 23:59:59", timezone(-timedelta(hours=1)))],
)
def test_local_time_outside_the_calendar_in_utc_is_none(text: str, clock: tzinfo) -> None:
    with pytest.raises(NotATime):
        terminal_local(text, clock)


@given(moment=st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))  # noqa: DTZ001  # wall clock
def test_what_iiko_writes_comes_back(moment: datetime) -> None:
    written = moment.isoformat(sep=" ", timespec="milliseconds")

    read = terminal_local(written, timezone(timedelta(hours=5)))

    assert read == (moment - timedelta(microseconds=moment.microsecond % 1000)).replace(
        tzinfo=timezone(timedelta(hours=5))
    )


@given(text=st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with contextlib.suppress(NotATime):
        assert utc(text).tzinfo is UTC


# --- zones -------------------------------------------------------------------------------------------

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Europe/Moscow", 3),
        ("Asia/Yekaterinburg", 5),
        ("Europe/Berlin", 2),
        ("UTC", 0),
        (" UTC ", 0),
        ("+05:00", 5),
        ("05:00", 5),
        ("05:00:00", 5),
        ("05:00:00.000", 5),
        ("5:00", 5),
        ("-03:30", -3.5),
        ("-03:30:00", -3.5),
        ("+14:00", 14),
        ("UTC+3:00", 3),
        ("gmt +03:00", 3),
        ("00:00", 0),
    ],
)
def test_zones_by_name_and_by_shift(text: str, hours: float) -> None:
    assert zone(text).utcoffset(SUMMER) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Moscow",
        "Europe/Atlantis",
        "europe",
        "Europe",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/../Europe/Moscow",
        "+15:00",
        "+25:00",
        "+05:60",
        "+5",
        "5",
        "+٠٥:٠٠",
        "a\0b",
        "x" * 5000,
        "тест",
        "\udcff",
        "Europe/Moscow\n\nUTC",
        "posixrules/",
        ".",
    ],
)
def test_what_names_no_zone_is_refused(text: str) -> None:
    with pytest.raises(NotAZone):
        zone(text)


@given(text=st.text(st.characters(codec=None)))
def test_any_text_is_a_zone_or_refused(text: str) -> None:
    with contextlib.suppress(NotAZone):
        assert zone(text).utcoffset(SUMMER) is not None
