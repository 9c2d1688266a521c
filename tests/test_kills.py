"""Processes die at any moment; what was acknowledged is there, and applied once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.builders import REVISION, cloud_event
from tests.hub_process import Hub, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def kill_group(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_web_loses_no_acknowledged_event(hub: Hub) -> None:
    web = hub.start_web()
    acknowledged: list[str] = []
    stop = threading.Event()

    def deliver() -> None:
        while not stop.is_set():
            order_id = str(uuid4())
            if hub.post([cloud_event(order_id=order_id)]):
                acknowledged.append(order_id)

    senders = [threading.Thread(target=deliver) for _ in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(3):
        time.sleep(0.5)
        os.kill(random.choice(children_of(web.pid)), signal.SIGKILL)
    time.sleep(0.5)
    kill_group(web.pid)
    web.wait(5)
    web = hub.start_web()
    time.sleep(0.5)
    stop.set()
    for sender in senders:
        sender.join(20)

    stored = {row["entity_key"] for row in hub.rows("/api/v1/webhooks/events")}
    assert len(acknowledged) > 50
    assert set(acknowledged) <= stored

    hub.manage("worker", "--drain")
    mirrored = {row["iiko_order_id"] for row in hub.rows("/api/v1/orders")}
    assert set(acknowledged) <= mirrored
    os.killpg(web.pid, signal.SIGTERM)
    assert web.wait(15) == 0


def test_killed_worker_applies_everything_once(hub: Hub) -> None:
    web = hub.start_web()
    orders = [str(uuid4()) for _ in range(150)]
    statuses = ("WaitCooking", "CookingStarted", "Waiting", "OnWay", "Delivered", "Closed")
    for step, status in enumerate(statuses):
        events = [cloud_event(order_id=one, status=status, timestamp=REVISION + step) for one in orders]
        assert hub.post(events)

    for _ in range(4):
        worker = hub.start_worker()
        time.sleep(random.uniform(0.7, 1.3))
        kill_group(worker.pid)
        worker.wait(5)
    hub.manage("worker", "--drain")

    mine = set(orders)
    found = {row["iiko_order_id"]: row for row in hub.rows("/api/v1/orders") if row["iiko_order_id"] in mine}
    assert {row["status"] for row in found.values()} == {"Closed"}
    assert set(found) == mine
    for row in random.sample(list(found.values()), 10):
        timeline = hub.get(f"/api/v1/orders/{row['id']}/timeline")["results"]
        told = [entry["to_value"] for entry in timeline if entry["what"] == "status"]
        assert told == list(statuses)
    os.killpg(web.pid, signal.SIGTERM)
    web.wait(15)


def test_worker_finishes_its_batch_on_sigterm(hub: Hub) -> None:
    web = hub.start_web()
    worker = hub.start_worker()
    order_id = str(uuid4())
    assert hub.post([cloud_event(order_id=order_id)])
    wait_until(lambda: hub.rows(f"/api/v1/orders?iiko_order_id={order_id}"))

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(10) == 0
    os.killpg(web.pid, signal.SIGTERM)
    assert web.wait(15) == 0
