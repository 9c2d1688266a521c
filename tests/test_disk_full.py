"""A disk that is really full: the hub says so, refuses webhooks, and goes on once there is room."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.builders import cloud_event
from tests.hub_process import Hub, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]

NO_MOUNT = "no disk of its own can be mounted on this machine"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    place.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512m,mode=0755", "iikohub-tests", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip(NO_MOUNT)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is; returns the file to delete."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(disk).free == 0
    return ballast


FULL = (503, "the database has no room left: its disk is full")


def readiness(hub: Hub) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/readyz", timeout=10) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["reason"]


def test_full_disk_is_told_and_receiving_goes_on_when_there_is_room(disk: Path) -> None:
    with running_hub(disk, WEB_CONCURRENCY="1") as hub:
        hub.start_web()
        large = [cloud_event(order_id=str(uuid4()), comment="x" * 100_000)]
        assert hub.post(large)
        assert readiness(hub) == (200, "")

        ballast = fill(disk)
        wait_until(lambda: readiness(hub) == FULL)
        assert hub.answers("/healthz")
        refused = [hub.post([cloud_event(order_id=str(uuid4()), comment=os.urandom(200_000).hex())])]
        assert refused == [False]

        ballast.unlink()
        wait_until(lambda: readiness(hub) == (200, ""))
        kept = [str(uuid4()) for _ in range(20)]
        assert all(hub.post([cloud_event(order_id=order_id)]) for order_id in kept)
        events = hub.rows("/api/v1/webhooks/events")
        assert len(events) == 21
