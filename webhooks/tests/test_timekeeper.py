"""What runs by the clock runs in time, whatever clock a worker's machine shows."""

import time
from collections.abc import Iterator

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicRegistry

from core.tests.test_db_clock import HOUR, machine_off_by
from tests.hub_process import wait_until
from webhooks.processing import job_runner
from webhooks.processing.job_runner import JobRunner

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "test.every_second"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """When a task of every second ran, by a timer; no other task runs."""
    found: list[float] = []

    def every_second(timestamp: int) -> None:
        found.append(time.monotonic())

    empty_queue()
    timetable = PeriodicRegistry()  # type: ignore[no-untyped-call]  # the library declares no types here
    task = app.task(name=NAME, queue="test", queueing_lock=NAME)(every_second)
    timetable.periodic_decorator("* * * * * *", periodic_id="")(task)
    monkeypatch.setattr(job_runner, "tasks_at_start", tuple)
    monkeypatch.setattr(job_runner, "TIMETABLE", timetable)
    yield found
    del app.tasks[NAME]
    empty_queue()


def empty_queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers CASCADE"
        )


def queued_ahead() -> float:
    """How far ahead of the database's clock the last queued run is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(defer_timestamp) - extract(epoch FROM clock_timestamp()) "
            "FROM procrastinate_periodic_defers"
        )
        return float(cursor.fetchone()[0])


@pytest.mark.parametrize("seconds", [HOUR, -1200.0, 0.0])
def test_runs_are_queued_for_the_databases_time(runs: list[float], seconds: float) -> None:
    with machine_off_by(seconds):
        runner = JobRunner()
        runner.start()
        try:
            wait_until(lambda: len(runs) >= 3)
            ahead = queued_ahead()
        finally:
            assert runner.stop(within_s=10)

    assert -5 < ahead <= 0


def test_runs_queued_ahead_of_time_do_not_silence_the_next(
    runs: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker of a former version leaves them that was an hour ahead."""
    monkeypatch.setattr(job_runner, "_AHEAD_S", 2)  # those of the next minute may be another worker's
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) "
            "SELECT %s, '', second FROM generate_series(extract(epoch FROM now())::bigint + 1, "
            "extract(epoch FROM now())::bigint + 3600) AS second",
            [NAME],
        )
    runner = JobRunner()
    runner.start()
    try:
        wait_until(lambda: len(runs) >= 1)
    finally:
        assert runner.stop(within_s=10)

    assert queued_ahead() <= 2
