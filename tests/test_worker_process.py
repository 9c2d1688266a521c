"""``manage.py worker`` as a process: one command for the inbox and the tasks, several beside each other."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering_iiko import AnsweringIiko, answering
from tests.hub_process import Hub, Process, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("worker")]


def lines(hub: Hub, process: Process) -> list[dict[str, Any]]:
    log: Path = hub.folder / f"{hub.processes.index(process)}.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def happened(hub: Hub, process: Process, event: str) -> bool:
    return any(line["event"] == event for line in lines(hub, process))


def test_worker_runs_tasks_and_ends_on_sigterm(hub: Hub) -> None:
    worker = hub.start_worker()
    wait_until(lambda: happened(hub, worker, "task.done"))

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(60) == 0
    assert [line["event"] for line in lines(hub, worker)][-2:] == ["jobs.stopped", "worker.stopped"]


def test_workers_beside_each_other_share_the_tasks_of_the_clock(hub: Hub) -> None:
    workers = [hub.start_worker() for _ in range(3)]
    wait_until(lambda: all(happened(hub, worker, "worker.started") for worker in workers))
    wait_until(lambda: any(happened(hub, worker, "task.done") for worker in workers))

    for worker in workers:
        os.kill(worker.pid, signal.SIGTERM)

    assert [worker.wait(20) for worker in workers] == [0, 0, 0]
    errors = [line for worker in workers for line in lines(hub, worker) if line["level"] == "error"]
    assert errors == []


def test_draining_runs_no_tasks(hub: Hub) -> None:
    drained = hub.start("manage.py", "worker", "--drain")

    assert drained.wait(30) == 0
    assert [line["event"] for line in lines(hub, drained)] == ["worker.started", "worker.stopped"]


# Ten children that share nothing but the database ask at the same moment, with a token that has expired.
TEN_ASK = """
import os, time
from django.db import connection
from django.utils import timezone
from organizations.models.connection import ApiLogin, IikoToken
from organizations.connection.clients import client_for
login = ApiLogin.objects.create(name="ten", base_url="http://127.0.0.1:%d", api_login="ten-5ecret")
client_for(login).cancel_causes(organization_id="7a1c0d5e-1111-4222-8333-944445555666")
IikoToken.objects.update(renew_at=timezone.now())
connection.close()
begin = time.time() + 1
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        try:
            time.sleep(max(0, begin - time.time()))
            client_for(ApiLogin.objects.get(name="ten")).cancel_causes(organization_id="7a1c0d5e-1111-4222-8333-944445555666")
            os._exit(0)
        finally:
            os._exit(1)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
print(codes)
"""


def new_token(asked: int) -> dict[str, object]:
    time.sleep(0.3)
    return {"token": f"token-{asked}"}


@pytest.fixture
def counting_iiko() -> Iterator[AnsweringIiko]:
    with answering({"access_token": new_token, "cancel_causes": lambda _: {"cancelCauses": []}}) as server:
        yield server


def test_ten_processes_at_expiry_cause_one_token_request(hub: Hub, counting_iiko: AnsweringIiko) -> None:
    hub.settings["IIKO_ALLOW_PRIVATE_ADDRESSES"] = "1"
    codes = hub.manage("shell", "-v0", "-c", TEN_ASK % counting_iiko.server_port)

    assert codes.strip().splitlines()[-1] == str([0] * 10)
    assert counting_iiko.asked == {"access_token": 2, "cancel_causes": 11}
