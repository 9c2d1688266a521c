"""Machines whose clocks are wrong: nothing that one writes and another compares goes by them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from core.tests.test_db_clock import HOUR, database_says, machine_off_by
from loyalty.tasks import advance_operation
from loyalty.tests.played_loyalty import (
    BY_DATE,
    GUEST_ID,
    INFO,
    PROGRAMS,
    TOPUP,
    WALLET_ID,
    guest,
    loyal_restaurant,
    move,
    newest,
)
from orders.commands.dispatch import LEASE
from orders.models.command import OrderCommand
from orders.tasks import advance_command, sweep_commands
from organizations.models.connection import IikoPause, IikoToken
from organizations.models.stop_lists import StopListReading
from organizations.tasks import read_all_stop_lists, read_stop_lists
from tests.acting import QUEUED, SUCCESS, Acting, make_removal_type
from tests.answering_iiko import AnsweringIiko, always, answering
from tests.builders import ORGANIZATION_ID, cloud_event, product
from tests.hub_process import Hub, running_hub, wait_until
from tests.simulated_iiko import SimulatedIiko
from tests.test_worker_process import happened
from webhooks.tasks import sync_orders

BEHIND = -1200.0
WRONG = pytest.mark.parametrize("seconds", [HOUR, BEHIND])


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    made = Acting(iiko)
    make_removal_type()
    return made


def is_about(moment: datetime | None, expected: datetime) -> bool:
    assert moment is not None
    return abs(moment - expected) < timedelta(seconds=5)


# --- in this process, whose clock is wrong for a while ---------------------------------------------------


@pytest.mark.django_db
@WRONG
def test_topup_is_sent_and_confirmed_by_a_worker_with_a_wrong_clock(
    client: Client, iiko: SimulatedIiko, seconds: float
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    assert move(client, "topup", "25.50").status_code == 202

    with machine_off_by(seconds):
        advance_operation(newest().pk)

    done = newest()
    assert (done.state, done.error_code, len(iiko.bodies(TOPUP))) == ("confirmed", "", 1)
    assert is_about(done.finished_at, database_says())


@pytest.mark.django_db
@WRONG
def test_what_is_asked_by_a_web_process_with_a_wrong_clock_is_sent(acting: Acting, seconds: float) -> None:
    acting.has(status="WaitCooking")
    acting.iiko.answers("deliveries/cancel", QUEUED)
    with machine_off_by(seconds):
        command = acting.asked("cancel", {"cancel_reason": "Долго"})

    advance_command(command.pk)

    command.refresh_from_db()
    assert (command.state, acting.sent()) == ("sent", ["deliveries/cancel"])
    assert is_about(command.created_at, database_says())
    assert is_about(command.sent_at, database_says())


@pytest.mark.django_db
@WRONG
def test_next_step_is_due_by_the_database(acting: Acting, seconds: float) -> None:
    acting.has(status="WaitCooking")
    acting.iiko.answers("deliveries/cancel", QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    command = acting.asked("cancel", {"cancel_reason": "Долго"})

    with machine_off_by(seconds):
        advance_command(command.pk)

    command.refresh_from_db()
    job = ProcrastinateJob.objects.filter(task_name="orders.advance_command").latest("id")
    assert job.scheduled_at == command.next_attempt_at
    assert timedelta(0) < job.scheduled_at - database_says() < timedelta(seconds=30)


@pytest.mark.django_db
def test_worker_that_is_ahead_takes_no_lease_that_holds(acting: Acting) -> None:
    acting.has(status="WaitCooking")
    command = acting.asked("cancel", {"cancel_reason": "Долго"})
    until = database_says() + LEASE
    OrderCommand.objects.update(state="sent", sent_at=database_says(), next_attempt_at=until)
    ProcrastinateJob.objects.all().delete()

    with machine_off_by(HOUR):
        advance_command(command.pk)
        sweep_commands()

    command.refresh_from_db()
    assert (command.state, command.next_attempt_at, acting.sent()) == ("sent", until, [])
    assert not ProcrastinateJob.objects.filter(task_name="orders.advance_command").exists()


@pytest.mark.django_db
def test_worker_that_is_behind_takes_up_what_a_dead_one_held(acting: Acting) -> None:
    acting.has(status="WaitCooking")
    command = acting.asked("cancel", {"cancel_reason": "Долго"})
    OrderCommand.objects.update(next_attempt_at=database_says() - timedelta(seconds=6))
    ProcrastinateJob.objects.all().delete()

    with machine_off_by(BEHIND):
        sweep_commands()

    [job] = ProcrastinateJob.objects.filter(task_name="orders.advance_command")
    assert job.args == {"command_id": command.pk}


@pytest.mark.django_db
@WRONG
def test_pause_is_as_long_as_iiko_asked(client: Client, iiko: SimulatedIiko, seconds: float) -> None:
    loyal_restaurant(iiko)
    assert move(client, "topup").status_code == 202
    iiko.answers(TOPUP, {"errorDescription": "slow down"}, status=429, **{"Retry-After": "30"})

    with machine_off_by(seconds):
        advance_operation(newest().pk)

    [pause] = IikoPause.objects.all()
    assert is_about(pause.until, database_says() + timedelta(seconds=30))
    token = IikoToken.objects.get()
    assert is_about(token.renew_at, database_says() + timedelta(minutes=15))
    assert newest().state == "pending"
    job = ProcrastinateJob.objects.filter(task_name="loyalty.advance_operation").latest("id")
    assert timedelta(seconds=25) < job.scheduled_at - database_says() < timedelta(seconds=60)


@pytest.mark.django_db
@WRONG
def test_stop_lists_that_cannot_be_read_are_tried_again_in_time(
    acting: Acting, iiko: SimulatedIiko, seconds: float
) -> None:
    iiko.answers("stop_lists", {"errorDescription": "no"}, status=500)

    with machine_off_by(seconds):
        read_all_stop_lists()
        read_stop_lists(ORGANIZATION_ID)

    reading = StopListReading.objects.get()
    assert reading.retry_at is not None
    assert timedelta(0) < reading.retry_at - database_says() < timedelta(seconds=16)


@pytest.mark.django_db
@WRONG
def test_orders_are_read_within_seconds(acting: Acting, seconds: float) -> None:
    with machine_off_by(seconds):
        sync_orders()

    [job] = ProcrastinateJob.objects.filter(task_name="webhooks.tasks.sync_login_orders")
    assert job.scheduled_at - database_says() <= timedelta(seconds=5)


@pytest.mark.django_db
def test_lock_after_wrong_passwords_holds_at_a_machine_that_is_ahead(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("vera", password="harbour-lantern-27")
    form = {"username": "vera", "password": "wrong", "next": "/admin/"}
    for _ in range(10):
        last = Client().post("/admin/login/", form)
    assert last.status_code == 429

    with machine_off_by(HOUR):
        right = Client().post("/admin/login/", form | {"password": "harbour-lantern-27"})

    assert right.status_code == 429
    assert is_about(AccessAttempt.objects.get().attempt_time, database_says())


# --- in processes of their own -----------------------------------------------------------------------------

OFF = """
import sys, time_machine
from datetime import UTC, datetime, timedelta
time_machine.travel(datetime.now(UTC) + timedelta(seconds=%d), tick=True).start()
"""
WEB = (
    OFF
    + """
from gunicorn.app.wsgiapp import run
sys.argv = ["gunicorn", "iikohub.wsgi"]
run()
"""
)
WORKER = (
    OFF
    + """
import os; os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "worker"])
"""
)

UNMADE = [product(status="Added", whenPrinted=None)]

RUNS_TO_COME = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*), count(*) FILTER (WHERE defer_timestamp > extract(epoch FROM now())) "
                   "FROM procrastinate_periodic_defers")
    print(cursor.fetchone())
"""


ANSWERS: dict[str, Any] = {
    "access_token": {"token": "token-1"},
    INFO: guest(),
    PROGRAMS: {"Programs": []},
    BY_DATE: {"transactions": [], "pageNumber": 0, "pageSize": 1000},
    TOPUP: {},
    "deliveries/cancel": QUEUED,
    "commands/status": SUCCESS,
}


@pytest.fixture
def answering_iiko() -> Iterator[AnsweringIiko]:
    with answering({name: always(body) for name, body in ANSWERS.items()}) as server:
        yield server


@pytest.fixture
def hub(tmp_path: Any, answering_iiko: AnsweringIiko) -> Iterator[Hub]:
    url = f"http://127.0.0.1:{answering_iiko.server_port}"
    with running_hub(tmp_path, IIKO_API_URL=url, IIKO_API_KEY="demo", WEB_CONCURRENCY="1") as running:
        yield running


@pytest.mark.process
@pytest.mark.xdist_group("worker")
def test_web_behind_and_worker_ahead_do_what_is_asked_and_say_that_they_are_wrong(
    hub: Hub, answering_iiko: AnsweringIiko
) -> None:
    web = hub.start("-c", WEB % BEHIND)
    wait_until(lambda: hub.answers("/readyz"))
    worker = hub.start("-c", WORKER % HOUR)
    orders = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
    assert hub.post(
        [cloud_event(order_id=one, status="WaitCooking", items=UNMADE, whenPrinted=None) for one in orders]
    )
    wait_until(lambda: len(hub.rows("/api/v1/orders")) == len(orders))

    for row in hub.rows("/api/v1/orders"):
        assert hub.ask(f"/api/v1/orders/{row['id']}/cancel", cancel_reason="Долго") == 202
    wallet = {"organization_id": ORGANIZATION_ID, "customer_id": GUEST_ID, "wallet_id": WALLET_ID}
    for amount in ("10", "20", "30", "40"):
        assert hub.ask("/api/v1/loyalty/topup", amount=amount, comment="", **wallet) == 202

    wait_until(lambda: answering_iiko.asked["deliveries/cancel"] == len(orders))
    wait_until(lambda: {row["state"] for row in hub.rows("/api/v1/loyalty/operations")} == {"confirmed"})
    assert answering_iiko.asked[TOPUP] == 4
    assert all(happened(hub, process, "clock.skewed") for process in (web, worker))
    ready = hub.get("/readyz")
    assert (ready["status"], ready["clock_skew_s"]) == ("ok", pytest.approx(BEHIND, abs=10))
    assert told_skews(hub) == {"web": pytest.approx(BEHIND, abs=10), "worker": pytest.approx(HOUR, abs=10)}
    runs, to_come = eval(hub.manage("shell", "-v0", "-c", RUNS_TO_COME))
    assert (runs > 0, to_come) == (True, 0)


def told_skews(hub: Hub) -> dict[str, float]:
    lines = [
        one for one in hub.text("/metrics").splitlines() if one.startswith("iikohub_clock_skew_seconds{")
    ]
    return {one.split('role="')[1].split('"')[0]: float(one.rsplit(" ", 1)[1]) for one in lines}
