"""Workers die at any moment while orders get into trouble: of each somebody is told, soon, and once."""

import random
import re
import threading
import time
from collections import Counter
from functools import partial
from statistics import quantiles
from typing import Any
from uuid import uuid4

import pytest

from attention.tests.receivers import Receiver, receiving
from tests.builders import REVISION, cloud_event
from tests.hub_process import Hub, kill_workers_during, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.xdist_group("notifications")]

TROUBLE_S = 20.0
LIVES_S = (2.5, 4.5)
SOON_S = 30.0

MAKE_CHANNEL = """
from attention.models.channels import Channel
from core.database import db_clock
Channel.objects.create(
    name="stub", address="%s", rules=["problem"], language="en", most_per_hour=1000,
    active_since=db_clock.now(),
)
"""
MARK = "(This message may have come once before.)"


def trouble(stop: threading.Event, *, hub: Hub, caused: dict[str, float]) -> None:
    """Let the restaurant report a problem with an order, again and again."""
    number = 0
    while not stop.is_set():
        number += 1
        event = cloud_event(
            order_id=str(uuid4()),
            external_number=f"K-{number}",
            number=90_000 + number,
            timestamp=REVISION + number,
            problem={"hasProblem": True, "description": "the guest is not at home"},
        )
        at = time.monotonic()
        if hub.post([event]):
            caused[str(90_000 + number)] = at
        stop.wait(random.uniform(0.2, 1))


def order_of(body: Any) -> str:
    found = re.search(r"problem with order (?:№ ?)?(\d+)", body["message"])
    assert found, body
    return found[1]


def note(receiver: Receiver, arrived: dict[str, float]) -> None:
    """Note what came, and answer slowly now and then, so that workers die while they send."""
    arrived.setdefault(order_of(receiver.bodies[-1]), time.monotonic())
    time.sleep(random.choice((0, 0, 0.3)))


def test_none_is_lost_none_comes_twice_and_all_come_soon(tmp_path: Any) -> None:
    arrived: dict[str, float] = {}
    caused: dict[str, float] = {}
    with receiving() as receiver, running_hub(tmp_path, NOTIFY_ALLOW_PRIVATE_ADDRESSES="1") as hub:
        receiver.before = lambda: note(receiver, arrived)
        hub.manage("shell", "-v0", "-c", MAKE_CHANNEL % receiver.address)
        hub.start_web()

        killed = kill_workers_during(
            hub, partial(trouble, hub=hub, caused=caused), seconds=TROUBLE_S, lives_s=LIVES_S
        )
        wait_until(lambda: set(caused) <= set(arrived), seconds=SOON_S)
        time.sleep(5)  # a second one would come by now

    assert killed >= 5
    assert set(arrived) == set(caused)
    told = Counter(order_of(body) for body in receiver.bodies)
    marked = Counter(order_of(body) for body in receiver.bodies if body["message"].endswith(MARK))
    assert told - marked <= Counter(caused.keys())
    assert len({body["notification_id"] for body in receiver.bodies}) == len(caused)
    waited = sorted(arrived[order] - at for order, at in caused.items())
    p95 = quantiles(waited, n=20)[-1]
    assert p95 <= SOON_S, (
        f"of {len(caused)}; {killed} killed, {marked.total()} marked, most {waited[-1]:.1f} s"
    )
