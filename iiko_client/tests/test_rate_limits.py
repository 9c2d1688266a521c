"""How long a 429 pauses a restriction group."""

from datetime import datetime, timedelta

import pytest

from iiko_client.http.rate_limits import Pause, next_pause, remaining_s, retry_after_s
from iiko_client.tests.harness import NOON

STEPS = (5.0, 10.0, 20.0)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_pauses_grow_while_refusals_follow_each_other() -> None:
    last, now, lengths = None, NOON, []
    for _ in range(5):
        last = next_pause(last, now, asked_s=None, steps_s=STEPS)
        lengths.append((last.until - now).total_seconds())
        now = last.until

    assert lengths == [5, 10, 20, 20, 20]


def test_refusal_long_after_the_last_begins_again() -> None:
    last = Pause(until=NOON, refusals=3)

    assert next_pause(last, at(20), asked_s=None, steps_s=STEPS) == Pause(at(40), 4)
    assert next_pause(last, at(20.1), asked_s=None, steps_s=STEPS) == Pause(at(25.1), 1)


def test_calls_refused_together_count_once() -> None:
    first = next_pause(None, NOON, asked_s=None, steps_s=STEPS)

    second = next_pause(first, at(1), asked_s=None, steps_s=STEPS)

    assert (second.refusals, second.until) == (1, at(6))


def test_pause_under_way_is_not_cut_short() -> None:
    assert next_pause(Pause(at(60), 1), at(1), asked_s=2, steps_s=STEPS).until == at(60)


@pytest.mark.parametrize(("asked_s", "length_s"), [(7, 7), (0, 1), (90_000, 3600)])
def test_what_iiko_asks_for_goes_first(asked_s: float, length_s: float) -> None:
    assert next_pause(None, NOON, asked_s=asked_s, steps_s=STEPS).until == at(length_s)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 12:00:45 GMT", 45),
        ("Mon, 23 Nov 2026 15:00:45 +0300", 45),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("9" * 500, 999_999_999),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Mon, 99 Nov 2026 12:00:45 GMT", None),
    ],
)
def test_retry_after_header(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOON) == seconds


@pytest.mark.parametrize(
    ("answered_at", "seconds"),
    [
        ("Mon, 23 Nov 2026 13:00:15 GMT", 30),  # our clock is an hour behind iiko's
        ("Mon, 23 Nov 2026 10:00:15 GMT", 10_830),
        ("lately", 3645),
        (None, 3645),
    ],
)
def test_date_in_retry_after_is_counted_from_the_date_of_the_answer(
    answered_at: str | None, seconds: float
) -> None:
    assert retry_after_s("Mon, 23 Nov 2026 13:00:45 GMT", NOON, answered_at) == seconds
    assert retry_after_s("30", NOON, answered_at) == 30


def test_remaining() -> None:
    assert remaining_s(None, NOON) == 0
    assert remaining_s(Pause(at(5), 1), NOON) == 5
    assert remaining_s(Pause(NOON, 1), at(5)) == 0
