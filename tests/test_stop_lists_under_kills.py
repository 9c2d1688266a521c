"""Workers die while the hall, the shifts and the stop lists go on; all end as the sandbox has them."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_port
from bench.sandbox_control import SandboxControl, arguments
from sandbox.http.control_api import ON_DEMAND_EVENTS
from tests.hub_process import Hub, running_hub, wait_until
from tests.test_kills import kill_group

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("open_orders")]

TOKEN = "token-of-the-sandbox"
SPEED = 600.0
PLAY_S = 5.0
UNRULY = "duplicate=0.3,reorder=0.3,delay=0.02,batch=0.4"
OVER = {"processed", "stale", "ignored"}


@pytest.fixture
def iiko() -> SandboxControl:
    return SandboxControl(free_port())


@pytest.fixture
def hub(tmp_path: Path, iiko: SandboxControl) -> Iterator[Hub]:
    """Knows the restaurants of a running sandbox; no worker runs yet."""
    settings = {"IIKO_API_URL": iiko.url, "IIKO_API_KEY": "demo", "WEBHOOK_SECRET_KEY": TOKEN}
    with running_hub(tmp_path, WEB_CONCURRENCY="1", **settings) as running:
        port = int(iiko.url.rsplit(":", 1)[1])
        running.start(*arguments(port=port, hub_port=running.port, token=TOKEN, speed=SPEED))
        wait_until(iiko.is_up)
        running.manage("sync_dictionaries")
        running.start_web()
        yield running


class Truth:
    """What iiko has: the newest of all that it told of tables and reserves, and what it answers."""

    def __init__(self, iiko: SandboxControl) -> None:
        self._iiko = iiko
        self._told: dict[tuple[str, str], dict[str, Any]] = {}

    def listen(self) -> None:
        """Note what was sent lately."""
        for sent in self._iiko.webhooks():
            for event in sent["body"] or ():
                info = event["eventInfo"]
                key = event["eventType"].removesuffix("Update").removesuffix("Error"), info.get("id", "")
                if info.get("timestamp", 0) >= self._told.get(key, {}).get("timestamp", 0):
                    self._told[key] = info

    def hall(self, kind: str, content: str) -> dict[str, Any]:
        infos = {key[1]: info for key, info in self._told.items() if key[0] == kind}
        return {
            one: (info["creationStatus"], info["timestamp"], (info[content] or {}).get("status"))
            for one, info in infos.items()
        }

    def on_shift(self, names: dict[str, str]) -> dict[str, list[str]]:
        """Of those of whom iiko told anything: a sandbox without orders of its own tells of no openings."""
        told = {names[ident] for kind, ident in self._told if kind == "PersonalShift"}
        state = self._iiko.state()["restaurants"]
        found = {one["id"]: sorted(told.intersection(one["couriers_on_shift"])) for one in state}
        return {one: there for one, there in found.items() if there}


def shown_hall(hub: Hub, path: str, ident: str) -> dict[str, Any]:
    return {
        row[ident]: (row["creation_status"], row["revision"], row["status"])
        for row in hub.rows(f"/api/v1/{path}")
    }


def shown_on_shift(hub: Hub) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in hub.rows("/api/v1/shifts?open=true"):
        found.setdefault(row["organization_id"], []).append(row["employee_name"])
    return {one: sorted(names) for one, names in found.items()}


def run(hub: Hub, iiko: SandboxControl, truth: Truth, seconds: float) -> int:
    """Let all sorts of things happen while workers come and go; returns how many were killed."""
    restaurants = [one["id"] for one in iiko.state()["restaurants"] if one["webhooks"] == "Cloud"]
    end, killed = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        workers = [hub.start_worker() for _ in range(2)]
        until = time.monotonic() + random.uniform(1.5, 3)
        while time.monotonic() < until:
            for event_type in ON_DEMAND_EVENTS:
                iiko.tell(event_type, random.choice(restaurants))
            truth.listen()
            time.sleep(0.2)
        for worker in workers:
            kill_group(worker.pid)
            worker.wait(5)
            killed += 1
    return killed


def is_all_brought(iiko: SandboxControl, truth: Truth) -> bool:
    truth.listen()
    return not iiko.state()["webhooks"]["waiting"]


def are_shifts_equal(hub: Hub, truth: Truth, names: dict[str, str]) -> bool:
    truth.listen()  # the restaurants go on: somebody may come on shift meanwhile
    return shown_on_shift(hub) == truth.on_shift(names)


LATER = """
from datetime import timedelta
from django.db.models import F
from django.utils import timezone
from organizations.models.stop_lists import StopListGroup, StopListReading
from organizations.stop_lists.refresh import sweep
StopListReading.objects.update(lease_until=None)
StopListGroup.objects.due().update(changed_since=F("changed_since") - timedelta(minutes=2))
sweep(now=timezone.now())
"""
"""What two minutes do: the leases of the dead end, and what they were at is taken up by the clock."""


def test_everything_beside_the_deliveries_ends_as_iiko_has_it(hub: Hub, iiko: SandboxControl) -> None:
    truth = Truth(iiko)
    iiko.set_faults(UNRULY)
    assert run(hub, iiko, truth, PLAY_S) >= 2

    iiko.set_faults("")
    hub.start_worker()
    wait_until(lambda: is_all_brought(iiko, truth))
    hub.manage("shell", "-v0", "-c", LATER)
    wait_until(lambda: hub.stop_lists() == iiko.stop_lists())
    names = {row["courier_id"]: row["name"] for row in hub.rows("/api/v1/couriers")}
    # A webhook may still wait for others to go with it in one array.
    wait_until(lambda: are_shifts_equal(hub, truth, names))
    hub.manage("worker", "--drain")

    truth.listen()
    events = hub.rows("/api/v1/webhooks/events")
    assert {(row["event_type"], row["status"]) for row in events if row["status"] not in OVER} == set()
    assert shown_hall(hub, "table-orders", "iiko_order_id") == truth.hall("TableOrder", "order")
    assert shown_hall(hub, "reserves", "iiko_reserve_id") == truth.hall("Reserve", "reserve")
    assert shown_on_shift(hub) == truth.on_shift(names)
    assert hub.stop_lists() == iiko.stop_lists()
    assert {row["event_type"] for row in events} >= set(ON_DEMAND_EVENTS)
    assert len(truth.hall("TableOrder", "order")) > 10
    counts = iiko.state()["webhooks"]
    assert counts["lost"] == 0
    assert counts["duplicated"] > 0
