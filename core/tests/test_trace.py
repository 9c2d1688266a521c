"""Ids of traces: which the hub makes, and which headers it understands."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core import trace
from core.database import db_clock

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.django_db
def test_id_of_the_hub_is_valid_and_says_when_it_was_made() -> None:
    before = db_clock.now()
    made = [trace.new_id() for _ in range(100)]

    assert len(set(made)) == 100
    for one in made:
        assert trace.read_traceparent(f"00-{one}-{SPAN}-01") == (one, SPAN)
        made_at = trace.made_at(UUID(one))
        assert made_at is not None
        assert abs(made_at - before) < timedelta(seconds=5)


def test_id_of_another_says_nothing_of_its_time() -> None:
    assert trace.made_at(UUID(TRACE)) is None
    # One that looks like a version 7 of the year 10889 or so.
    assert trace.made_at(UUID("ffffffffffff7fffbfffffffffffffff")) is None
    assert trace.made_at(UUID("000000000001700080000000000000ff")) == datetime(
        1970, 1, 1, tzinfo=UTC
    ) + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    ],
)
def test_valid_header_names_trace_and_span(header: str) -> None:
    assert trace.read_traceparent(header) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        TRACE,
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 600}",
        "00-имя-и-ключ",
    ],
)
def test_header_that_is_not_valid_changes_nothing(header: str) -> None:
    with trace.following(TRACE[::-1]):
        trace.adopt(header)

        assert trace.current_id() == TRACE[::-1]
    assert trace.current_id() == ""


def test_what_is_inside_belongs_to_the_trace_of_its_row() -> None:
    with trace.begun():
        outer = trace.current_id()
        with trace.begun():
            assert trace.current_id() == outer
        with trace.following(UUID(TRACE)):
            assert trace.current_uuid() == UUID(TRACE)
        with trace.following(None):
            assert trace.current_uuid() is None
        assert trace.current_id() == outer


def test_header_of_the_hub_says_which_bits_are_random() -> None:
    own = UUID(trace.new_id())

    assert trace.traceparent(own, SPAN, is_sampled=False) == f"00-{own.hex}-{SPAN}-02"
    assert trace.traceparent(UUID(TRACE), SPAN, is_sampled=True) == f"00-{TRACE}-{SPAN}-01"
