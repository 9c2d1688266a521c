"""What counts say: shares, medians and averages, and which period an address names."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.models import Unit
from analytics.periods import after, before, beginning
from analytics.report.choice import Choice
from analytics.report.summary import Summary, percentile

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("counts", "median", "p90"),
    [
        ({}, None, None),
        ({7: 1}, 7, 7),
        ({1: 1, 2: 1}, 1, 2),
        ({1: 5, 2: 4, 99: 1}, 1, 2),
        ({1: 4, 2: 4, 99: 2}, 2, 99),
        ({10: 1, 9: 1, 8: 1}, 9, 10),
    ],
)
def test_percentiles_are_of_the_nearest_rank(
    counts: dict[int, int], median: int | None, p90: int | None
) -> None:
    assert (percentile(counts, 50), percentile(counts, 90)) == (median, p90)


def test_nothing_has_neither_shares_nor_averages() -> None:
    summary = Summary({}, {}, 0)

    assert (summary.average_bill_minor, summary.late_share, summary.cancelled_share) == (None, None, None)
    assert (summary.types, summary.causes, summary.couriers, summary.commands) == ([], [], [], [])


def test_average_bill_is_of_closed_orders_with_a_sum_rounded_to_the_kopeck() -> None:
    assert Summary({"closed": 4, "billed": 3, "revenue": 1000}, {}, 0).average_bill_minor == 333
    assert Summary({"closed": 2, "billed": 2, "revenue": 1001}, {}, 0).average_bill_minor == 501


def test_names_may_hold_what_parts_them() -> None:
    (one,) = Summary({"channel|site|a": 2, "channel_revenue|site|a": 50}, {}, 0).channels

    assert (one.key, one.orders, one.revenue_minor) == ("site|a", 2, 50)


@pytest.mark.parametrize("unit", Unit)
def test_periods_follow_each_other_without_gaps_through_a_year(unit: Unit) -> None:
    moment = beginning(unit, datetime(2026, 1, 1, 12, tzinfo=UTC), BERLIN)

    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        following = after(unit, moment, BERLIN)
        assert following > moment
        assert beginning(unit, following - timedelta(microseconds=1), BERLIN) == moment
        assert beginning(unit, moment, BERLIN) == moment
        assert before(unit, following, BERLIN) == moment
        moment = following


def test_days_of_the_change_of_clocks_have_23_and_25_hours() -> None:
    for day, hours in ((datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)):  # noqa: DTZ001
        begins = beginning(Unit.DAY, day.replace(hour=12, tzinfo=BERLIN), BERLIN)
        assert after(Unit.DAY, begins, BERLIN) - begins == timedelta(hours=hours)


NOW = datetime(2026, 3, 31, 14, 20)  # noqa: DTZ001  # of every clock


@pytest.mark.parametrize(
    ("unit", "at", "text", "earlier", "later"),
    [
        ("", "", "2026-03-31", "2026-03-30", "2026-04-01"),
        ("hour", "", "2026-03-31T14", "2026-03-31T13", "2026-03-31T15"),
        ("hour", "2026-01-01T00:59", "2026-01-01T00", "2025-12-31T23", "2026-01-01T01"),
        ("week", "", "2026-03-30", "2026-03-23", "2026-04-06"),
        ("month", "", "2026-03-01", "2026-02-01", "2026-04-01"),
        ("month", "2026-01", "2026-01-01", "2025-12-01", "2026-02-01"),
    ],
)
def test_address_names_a_period_and_leads_to_its_neighbours(
    unit: str, at: str, text: str, earlier: str, later: str
) -> None:
    choice = Choice.read(unit, at, now=NOW)

    assert (choice.text, choice.earlier.text, choice.later.text) == (text, earlier, later)


@pytest.mark.parametrize(
    ("unit", "at"),
    [("year", ""), ("day", "yesterday"), ("day", "2026-02-30"), ("day", "0001-01-01"), ("day", "9999-12-31")],
)
def test_address_that_names_no_period_is_refused(unit: str, at: str) -> None:
    with pytest.raises(ValueError):
        Choice.read(unit, at, now=NOW)


def test_period_under_way_is_compared_with_as_many_whole_hours() -> None:
    choice = Choice.read("day", "2026-03-31", now=NOW)

    span = choice.span(BERLIN, now=datetime(2026, 3, 31, 12, 20, tzinfo=UTC))
    over = choice.span(BERLIN, now=datetime(2026, 4, 1, 12, 20, tzinfo=UTC))

    assert span.before_until - span.before == timedelta(hours=15)  # 14:20 there
    assert (over.before_until, over.is_cut) == (over.begins, False)


def test_long_month_is_compared_with_no_more_than_the_short_one_before() -> None:
    span = Choice.read("month", "2026-03", now=NOW).span(BERLIN, now=datetime(2026, 3, 31, 12, tzinfo=UTC))

    assert (span.before_until, span.is_cut) == (span.begins, False)


@pytest.mark.parametrize("unit", Unit)
def test_period_that_has_not_begun_is_compared_with_nothing(unit: Unit) -> None:
    zone = ZoneInfo("Europe/Kaliningrad")
    choice = Choice.read(unit, "2027-03-01T00", now=datetime(2027, 3, 1))  # noqa: DTZ001  # of every clock
    now = datetime(2027, 2, 28, 23, 54, tzinfo=zone)

    span = choice.span(zone, now=now)

    assert span.before_until == span.before < span.begins


@pytest.mark.parametrize(
    ("unit", "text"),
    [(Unit.HOUR, "2026-12-01T09"), (Unit.WEEK, "2026-11-30"), (Unit.MONTH, "2026-12-01")],
)
def test_another_unit_of_the_present_period_is_the_present_one(unit: Unit, text: str) -> None:
    now = datetime(2026, 12, 1, 9, 30)  # noqa: DTZ001  # of every clock
    today = Choice.read("day", "", now=now)

    assert today.of(unit, now=now).text == text
    assert today.of(Unit.WEEK, now=now).of(unit, now=now).text == text
    assert Choice.read("week", "2026-11-16", now=now).of(Unit.MONTH, now=now).text == "2026-11-01"
