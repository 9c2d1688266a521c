"""The database hangs, is cut off or slow: senders are answered in time, and the hub works again at once."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from tests.builders import TOKEN, cloud_event
from tests.cut_off import Way
from tests.hub_process import Hub, wait_until
from webhooks.receiving.tokens import FRESH_S

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("cut off")]


@pytest.fixture
def way(hub: Hub) -> Iterator[Way]:
    """Open the hub's only way to its database, for as long as the test runs."""
    lines = (hub.folder / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
    with Way(Path(lines[4]) / f".s.PGSQL.{lines[3]}") as way:
        hub.settings["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{way.port}/iikohub"
        yield way
        way.mend()
        del hub.settings["DATABASE_URL"]


def deliver(hub: Hub) -> tuple[int, float]:
    """Deliver one event; returns the status and the seconds it took."""
    began = time.monotonic()
    server = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    headers = {"Authorization": TOKEN, "Content-Type": "application/json"}
    server.request("POST", "/api/v1/webhooks/iiko", json.dumps([cloud_event(order_id=str(uuid4()))]), headers)
    status = server.getresponse().status
    server.close()
    return status, time.monotonic() - began


def test_receiving_says_so_in_time_while_the_database_is_silent(hub: Hub, way: Way) -> None:
    web = hub.start_web()
    with ThreadPoolExecutor(40) as pool:
        usual = [one.result(30) for one in [pool.submit(deliver, hub) for _ in range(40)]]
        assert {status for status, _ in usual} == {200}
        slack_s = max(seconds for _, seconds in usual)  # of this machine, whatever else it does
        way.cut()
        first = [pool.submit(deliver, hub) for _ in range(40)]
        time.sleep(6)
        began = time.monotonic()
        assert hub.answers("/healthz")
        healthz_s = time.monotonic() - began
        later = [pool.submit(deliver, hub) for _ in range(20)]
        answers = [one.result(30) for one in first + later]

    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 5.5 + slack_s
    assert healthz_s < 1 + slack_s
    way.mend()
    began = time.monotonic()
    wait_until(lambda: deliver(hub)[0] == 200, seconds=10)
    wait_until(lambda: hub.answers("/readyz"), seconds=10)
    assert time.monotonic() - began < 5.5 + slack_s
    os.killpg(web.pid, signal.SIGTERM)
    assert web.wait(15) == 0


def test_receiving_says_so_in_time_while_each_round_trip_is_slow(hub: Hub, way: Way) -> None:
    """A webhook makes several: it may wait so long for all of them together."""
    web = hub.start_web()
    assert deliver(hub)[0] == 200
    time.sleep(FRESH_S)  # so that tokens are read again
    way.slow_down(lambda: 1.8)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: deliver(hub), range(36)))
        assert hub.answers("/healthz")

    assert {status for status, _ in answers} <= {200, 503}
    assert max(seconds for _, seconds in answers) < 5.5
    way.mend()
    wait_until(lambda: deliver(hub)[0] == 200, seconds=10)
    os.killpg(web.pid, signal.SIGTERM)
    assert web.wait(15) == 0
