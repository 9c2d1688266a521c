"""Tasks: run beside the inbox, stopped in good order, resumed where a worker died."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from core.jobs.maintenance import resume_stalled_jobs
from core.jobs.scheduling import TIMETABLE, ScheduledTask, enqueue, tasks_at_start
from organizations.tasks import resume_jobs
from tests.hub_process import wait_until
from webhooks.management.commands import worker
from webhooks.processing import job_runner
from webhooks.processing.job_runner import JobRunner

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "test"


@pytest.fixture(autouse=True)
def _no_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Their tables are procrastinate's: Django does not empty them between tests."""
    monkeypatch.setattr(job_runner, "tasks_at_start", tuple)
    monkeypatch.setattr(TIMETABLE, "periodic_tasks", {})
    empty_queue()
    yield
    empty_queue()


def empty_queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def make_task() -> Iterator[Callable[..., ScheduledTask]]:
    made: list[str] = []

    def make(function: Callable[[], object], **options: Any) -> ScheduledTask:
        name = f"test.{function.__name__}"
        made.append(name)
        task: ScheduledTask = app.task(name=name, queue=QUEUE, **options)(function)  # type: ignore[no-untyped-call]  # a blueprint's
        return task

    yield make
    for name in made:
        del app.tasks[name]


@pytest.fixture
def runner() -> Iterator[JobRunner]:
    one = JobRunner()
    yield one
    assert one.stop(within_s=10)


def statuses() -> list[str]:
    return list(ProcrastinateJob.objects.order_by("id").values_list("status", flat=True))


def leave_behind(task: ScheduledTask) -> None:
    """As a worker leaves it that was killed with ``kill -9`` while it ran the task."""
    enqueue(task)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') "
            "RETURNING id"
        )
        (worker,) = cursor.fetchone()
        cursor.execute("SELECT id FROM procrastinate_fetch_job_v2(%s, %s)", [[task.queue], worker])
        assert cursor.fetchone() is not None


def test_runner_runs_what_is_enqueued_and_stops(
    make_task: Callable[..., ScheduledTask], runner: JobRunner
) -> None:
    ran = threading.Event()
    task = make_task(ran.set)
    runner.start()

    assert enqueue(task) is True

    assert ran.wait(10)
    wait_until(lambda: statuses() == ["succeeded"])


def test_task_enqueued_in_a_transaction_exists_only_if_that_commits(
    make_task: Callable[..., ScheduledTask], runner: JobRunner
) -> None:
    ran = threading.Event()
    task = make_task(ran.set)
    runner.start()  # its own connections must not carry what Django code enqueues
    wait_until(lambda: isinstance(app.connector, job_runner.WorkerConnector))

    with transaction.atomic():
        enqueue(task)
        transaction.set_rollback(True)

    assert not ran.wait(1.5)
    assert statuses() == []


def test_same_task_waits_once(make_task: Callable[..., ScheduledTask]) -> None:
    task = make_task(lambda: None, lock="one", queueing_lock="one")

    assert [enqueue(task), enqueue(task)] == [True, False]

    assert statuses() == ["todo"]


def test_crashed_worker_starts_again(
    make_task: Callable[..., ScheduledTask], runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = threading.Event()
    enqueue(make_task(ran.set))
    serve, crashes = JobRunner._serve, 0

    async def crash_twice(self: JobRunner) -> None:
        nonlocal crashes
        crashes += 1
        if crashes < 3:
            raise OSError("the database went away")
        await serve(self)

    monkeypatch.setattr(JobRunner, "_serve", crash_twice)
    runner.start()

    assert ran.wait(15)
    assert crashes == 3


def test_failing_task_stops_nothing(make_task: Callable[..., ScheduledTask], runner: JobRunner) -> None:
    def fail() -> None:
        raise ValueError

    ran = threading.Event()
    enqueue(make_task(fail))
    enqueue(make_task(ran.set))
    runner.start()

    assert ran.wait(10)
    wait_until(lambda: sorted(statuses()) == ["failed", "succeeded"])


def test_stopping_lets_the_task_at_hand_finish(make_task: Callable[..., ScheduledTask]) -> None:
    began = threading.Event()

    def take_a_second() -> None:
        began.set()
        time.sleep(1)

    runner = JobRunner()
    enqueue(make_task(take_a_second))
    runner.start()
    assert began.wait(10)

    assert runner.stop(within_s=10) is True

    assert statuses() == ["succeeded"]


def test_stopping_is_heard_though_the_first_call_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of connections that is being opened swallows a cancellation."""
    serve, is_opening = JobRunner._serve, threading.Event()

    async def deaf_at_first(self: JobRunner) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            is_opening.set()
            await asyncio.sleep(60)
        await serve(self)

    monkeypatch.setattr(JobRunner, "_serve", deaf_at_first)
    runner = JobRunner()
    runner.start()
    assert is_opening.wait(10)

    assert runner.stop(within_s=15)


def test_stopping_tells_when_a_task_takes_too_long(make_task: Callable[..., ScheduledTask]) -> None:
    began, may_end = threading.Event(), threading.Event()

    def take_long() -> None:
        began.set()
        may_end.wait(20)

    runner = JobRunner()
    enqueue(make_task(take_long))
    runner.start()
    assert began.wait(10)

    assert runner.stop(within_s=0.3) is False
    assert statuses() == ["doing"]

    may_end.set()
    assert runner.stop(within_s=10) is True


def test_what_a_dead_worker_left_is_queued_again(make_task: Callable[..., ScheduledTask]) -> None:
    task = make_task(lambda: None, lock="one", queueing_lock="one")
    leave_behind(task)
    assert statuses() == ["doing"]

    assert resume_stalled_jobs() == 1

    assert statuses() == ["todo"]
    assert resume_stalled_jobs() == 0


def test_left_task_gives_way_to_the_same_one_that_waits(make_task: Callable[..., ScheduledTask]) -> None:
    task = make_task(lambda: None, lock="one", queueing_lock="one")
    leave_behind(task)
    enqueue(task)

    assert resume_stalled_jobs() == 1

    assert statuses() == ["aborted", "todo"]


def test_worker_that_dies_while_it_frees_the_work_of_others_holds_up_nobody(
    make_task: Callable[..., ScheduledTask],
) -> None:
    leave_behind(make_task(lambda: None, lock="one", queueing_lock="one"))
    leave_behind(resume_jobs)
    assert statuses() == ["doing", "doing"]

    enqueue(resume_jobs)
    runner = JobRunner()
    runner.start()
    wait_until(lambda: {"doing", "todo"}.isdisjoint(statuses()))

    assert runner.stop(within_s=10) is True
    assert statuses() == ["succeeded"] * 3


class StubbornRunner:
    """As one whose task does not end."""

    def start(self) -> None:
        pass

    def stop(self, *, within_s: float) -> bool:
        return False


def test_worker_leaves_tasks_that_do_not_end_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(worker, "JobRunner", StubbornRunner)
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(worker.Command, "_run", lambda *_: None)
    command = worker.Command()
    command.stopping = threading.Event()

    command._run_beside_jobs(300, 0.1)

    assert codes == [1]
    assert "worker.tasks_abandoned" in caplog.text


def test_inbox_goes_on_after_any_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    command = worker.Command()
    command.stopping = threading.Event()
    errors = [ValueError("unforeseen")]

    def run_batch(*, limit: int) -> int:
        if errors:
            raise errors.pop()
        command.stopping.set()
        return 3

    monkeypatch.setattr(worker, "run_batch", run_batch)

    command._run(300)

    assert command.stopping.is_set()
    assert "worker.failed" in caplog.text


def test_tasks_of_the_clock_never_overlap() -> None:
    scheduled = [task for task in app.tasks.values() if task.func.__qualname__.startswith("scheduled.")]

    assert set(tasks_at_start()) < set(scheduled)
    assert [task for task in scheduled if not task.queueing_lock] == []
    # These take turns in the database.
    assert {task.name for task in scheduled if not task.lock} == {
        resume_jobs.name,
        "attention.tasks.plan_notifications",
        "attention.tasks.watch_rules",
    }
