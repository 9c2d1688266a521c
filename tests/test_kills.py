"""Processes die at any moment; what was acknowledged is there, and applied once."""

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
from tests.hub_process import Hub, Process, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]


@pytest.fixture(scope="module")
def web(hub: Hub) -> Iterator[Process]:
    """Keep the door open for tests that kill workers alone."""
    process = hub.start_web()
    yield process
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == 0


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
    assert web.wait(60) == 0


def test_killed_worker_applies_everything_once(hub: Hub, web: Process) -> None:
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


STOPS_IN_MID_BATCH = """
import os, signal
from django.core.management import call_command
from webhooks.processing import handlers
from webhooks.processing.handlers.deliveries import apply_deliveries

def stop_first(events, now):
    results = apply_deliveries(events, now)
    if not stopped:
        stopped.append(True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return results

stopped = []
handlers.HANDLERS["DeliveryOrderUpdate"] = stop_first
call_command("worker")
"""


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_work_of_a_stopped_worker_is_taken_up_within_a_minute(hub: Hub, web: Process) -> None:
    stopped = hub.start("manage.py", "shell", "-v0", "-c", STOPS_IN_MID_BATCH)
    order_id = str(uuid4())
    assert hub.post([cloud_event(order_id=order_id)])
    wait_until(lambda: is_stopped(stopped.pid))
    assert not hub.rows(f"/api/v1/orders?iiko_order_id={order_id}")

    healthy = hub.start_worker()

    wait_until(lambda: hub.rows(f"/api/v1/orders?iiko_order_id={order_id}"), seconds=60)
    # It finds its connection closed, applies nothing of the old batch, and works on.
    healthy.send_signal(signal.SIGTERM)
    assert healthy.wait(60) == 0
    stopped.send_signal(signal.SIGCONT)
    assert hub.post([cloud_event(order_id=order_id, status="OnWay", timestamp=REVISION + 1)])
    wait_until(
        lambda: hub.rows(f"/api/v1/orders?iiko_order_id={order_id}")[0]["status"] == "OnWay", seconds=60
    )
    (order,) = hub.rows(f"/api/v1/orders?iiko_order_id={order_id}")
    events = hub.rows(f"/api/v1/webhooks/events?order_external_id={order['external_order_id']}")
    mine = [event["status"] for event in events if event["entity_key"] == order_id]
    assert mine == ["processed", "processed"]
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(60) == 0


def test_worker_finishes_its_batch_on_sigterm(hub: Hub, web: Process) -> None:
    worker = hub.start_worker()
    order_id = str(uuid4())
    assert hub.post([cloud_event(order_id=order_id)])
    wait_until(lambda: hub.rows(f"/api/v1/orders?iiko_order_id={order_id}"))

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(60) == 0
