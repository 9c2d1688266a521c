"""The database's clock as a process knows it, whatever happens to the clock of its machine."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DataError, OperationalError, connection, transaction
from structlog.testing import capture_logs

from core.database import db_clock
from core.database.db_clock import DatabaseClock, Reading
from organizations.models.clock_skews import ClockSkew
from organizations.models.organization import Organization
from tests.builders import make_organization
from tests.hub_process import wait_until

pytestmark = pytest.mark.django_db

HOUR = 3600.0


def machine_off_by(seconds: float) -> AbstractContextManager[Any]:
    """Let the machine's clock be wrong; timers and the database go on as they do."""
    return time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True)


def database_says() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """Record the readings that are taken in the test."""
    taken: list[Reading] = []
    take = Reading.take

    def recorded(cursor: Any) -> Reading:
        taken.append(take(cursor))
        return taken[-1]

    monkeypatch.setattr(Reading, "take", recorded)
    return taken


@pytest.mark.parametrize("seconds", [HOUR, -1200.0, 400 * 24 * HOUR])
def test_now_is_the_databases_whatever_the_machine_shows(seconds: float) -> None:
    with machine_off_by(seconds):
        began = time.monotonic()
        before, now, after = database_says(), db_clock.now(), database_says()
        skew_s = db_clock.skew_s()

        # A reading is behind by as long as it took, at most.
        slack_s = 0.5 + time.monotonic() - began
        assert before - timedelta(seconds=slack_s) < now <= after
        assert abs(skew_s - seconds) < slack_s


def test_clock_that_is_set_while_the_process_runs_moves_nothing() -> None:
    clock = DatabaseClock()
    first = clock.now()

    with machine_off_by(HOUR):
        assert timedelta(0) <= clock.now() - first < timedelta(seconds=5)
    assert timedelta(0) <= clock.now() - first < timedelta(seconds=5)


def test_one_reading_serves_for_a_minute(readings: list[Reading], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock()
    clock.now()
    [first] = readings
    age_s = [59.9]
    monkeypatch.setattr(time, "monotonic", lambda: first.timer + age_s[0])
    monkeypatch.setattr(time, "time", lambda: first.clock + age_s[0])
    assert [clock.now() - first.at for _ in range(3)] == [timedelta(seconds=59.9)] * 3
    assert len(readings) == 1

    age_s[0] = 60.1
    clock.now()

    assert len(readings) == 2


def test_database_that_is_away_leaves_the_last_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock()
    first = clock.now()
    tries: list[int] = []

    def away(*_: Any) -> Any:
        tries.append(1)
        raise OperationalError("away")

    monkeypatch.setattr(Reading, "take", away)
    with machine_off_by(HOUR):
        later = [clock.now() for _ in range(20)]

    assert len(tries) == 1
    assert all(timedelta(0) <= one - first < timedelta(seconds=5) for one in later)


def test_without_any_reading_no_time_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(Reading, "take", away)

    with pytest.raises(OperationalError):
        DatabaseClock().now()


def test_slow_answer_does_not_replace_a_good_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock()
    good = clock.read()
    take = Reading.take

    def slow(cursor: Any) -> Reading:
        time.sleep(0.6)
        return take(cursor)

    monkeypatch.setattr(Reading, "take", slow)

    assert clock.read() is good


def test_slow_answer_replaces_a_reading_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer stood still while the machine slept."""
    clock, take = DatabaseClock(), Reading.take
    clock.start_from(Reading(datetime.now(UTC) - timedelta(hours=1), time.monotonic(), time.time() - HOUR))

    def slow(cursor: Any) -> Reading:
        time.sleep(0.6)
        return take(cursor)

    monkeypatch.setattr(Reading, "take", slow)

    assert database_says() - clock.now() < timedelta(seconds=5)


def test_reading_is_possible_where_the_transaction_has_failed() -> None:
    with transaction.atomic(), machine_off_by(HOUR):
        with pytest.raises(DataError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

        assert abs(db_clock.skew_s() - HOUR) < 0.5
        transaction.set_rollback(True)


def test_stamps_of_rows_are_the_databases() -> None:
    with machine_off_by(HOUR):
        make_organization()
        row = Organization.objects.get()
        row.save()

    row.refresh_from_db()
    for stamp in (row.created_at, row.updated_at):
        assert timedelta(0) <= database_says() - stamp < timedelta(seconds=30)


# --- reports ---------------------------------------------------------------------------------------------


def warnings_of(play: Callable[[], object]) -> list[tuple[str, float]]:
    with capture_logs() as lines:
        play()
    return [(line["event"], line["skew_s"]) for line in lines if line["log_level"] == "warning"]


@pytest.mark.parametrize(("seconds", "expected"), [(HOUR, [("clock.skewed", HOUR)]), (4.0, []), (-4.0, [])])
def test_skew_of_more_than_five_seconds_is_warned_of(seconds: float, expected: list[Any]) -> None:
    clock = DatabaseClock()

    def read_thrice() -> None:
        for _ in range(3):
            clock.read()

    with machine_off_by(seconds):
        assert [(event, round(skew)) for event, skew in warnings_of(read_thrice)] == expected


def test_clock_that_is_right_again_is_reported_once() -> None:
    clock = DatabaseClock()
    with machine_off_by(-1200):
        assert [event for event, _ in warnings_of(clock.read)] == ["clock.skewed"]

    assert [event for event, _ in warnings_of(clock.read)] == ["clock.right_again"]
    assert warnings_of(clock.read) == []


@pytest.mark.django_db(transaction=True)
def test_wrong_clock_has_a_row_until_it_is_right() -> None:
    clock = DatabaseClock()
    with machine_off_by(HOUR):
        stop = clock.keep("worker")
        try:
            wait_until(lambda: ClockSkew.objects.exists(), seconds=10)
        finally:
            stop()
    [row] = ClockSkew.objects.current()
    assert (row.host, row.role, round(row.skew_s)) == (db_clock.host(), "worker", 3600)

    clock.read()

    assert not ClockSkew.objects.exists()
    assert "database clock" not in [thread.name for thread in threading.enumerate()]


def test_process_that_reports_no_more_is_forgotten() -> None:
    for host, minutes in (("here", 1), ("gone", 4)):
        seen_at = database_says() - timedelta(minutes=minutes)
        ClockSkew.objects.create(host=host, role="web", skew_s=-1200, seen_at=seen_at)

    assert [row.host for row in ClockSkew.objects.current()] == ["here"]
