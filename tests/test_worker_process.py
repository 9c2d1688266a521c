"""``manage.py worker`` as a process: one command for the inbox and the tasks, several beside each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub_process import Hub, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("worker")]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def lines(hub: Hub, process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    log: Path = hub.folder / f"{hub.processes.index(process)}.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def happened(hub: Hub, process: subprocess.Popen[str], event: str) -> bool:
    return any(line["event"] == event for line in lines(hub, process))


def test_worker_runs_tasks_and_ends_on_sigterm(hub: Hub) -> None:
    worker = hub.start_worker()
    wait_until(lambda: happened(hub, worker, "task.done"))

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(15) == 0
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
