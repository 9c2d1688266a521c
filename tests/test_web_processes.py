"""Two web processes share the connections of their clients, also after one of them was replaced."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bench.processes import free_port
from iikohub.operations.buffering_worker import UNEVEN
from tests.hub_process import wait_until
from tests.preloaded import ROOT

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("kills")]

CLIENTS = 64
MOST = CLIENTS // 2 + UNEVEN // 2
"""By one of two processes: past it one parts with connections, with an answer each."""


@dataclass
class Web:
    """A master and its two workers."""

    port: int
    master: int

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.master}/task/{self.master}/children")
        return [int(pid) for pid in children.read_text().split()]

    def connections_of(self, pid: int) -> int:
        """Return how many clients' connections a process has, by the kernel's word."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {line[9] for line in lines if line[1].endswith(f":{self.port:04X}") and line[3] == "01"}
        with os.scandir(f"/proc/{pid}/fd") as held:
            links = [str(Path(one.path).readlink()) for one in held]
        return sum(link.removeprefix("socket:[").rstrip("]") in inodes for link in links)

    def shares(self) -> list[int]:
        return [self.connections_of(pid) for pid in self.workers()]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    port = free_port()
    # Without the hub's own configuration and application, which need a database.
    command = [
        sys.executable, "-m", "gunicorn", "wsgiref.simple_server:demo_app", "--bind", f"127.0.0.1:{port}",
        "--workers", "2", "--threads", "4", "--keep-alive", "75", "--no-control-socket",
        "--worker-class", "iikohub.operations.buffering_worker.BufferingWorker",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}) as master:
        made = Web(port, master.pid)
        try:
            yield made
        finally:
            master.terminate()
            assert master.wait(20) == 0


class Clients:
    """Kept-alive connections; one that the hub ends is opened again, as a proxy does."""

    def __init__(self, port: int) -> None:
        self._all = [HTTPConnection("127.0.0.1", port, timeout=15) for _ in range(CLIENTS)]

    def ask(self) -> list[int]:
        """Ask once on each connection."""
        answers = []
        for one in self._all:
            one.request("GET", "/")
            answer = one.getresponse()
            answer.read()
            answers.append(answer.status)
        return answers

    def close(self) -> None:
        for one in self._all:
            one.close()


@pytest.fixture
def clients(web: Web) -> Iterator[Clients]:
    made = Clients(web.port)
    yield made
    made.close()


def test_each_process_has_its_share_also_after_one_was_replaced(web: Web, clients: Clients) -> None:
    def are_shared() -> bool:
        assert Counter(clients.ask()) == {200: CLIENTS}
        shares = web.shares()
        return len(shares) == 2 and sum(shares) == CLIENTS and max(shares) <= MOST

    wait_until(lambda: len(web.workers()) == 2 and is_answering(web.port), seconds=60)
    wait_until(are_shared, seconds=60)
    gone, stays = web.workers()
    os.kill(gone, signal.SIGTERM)
    wait_until(lambda: clients.ask() and gone not in web.workers(), seconds=60)
    wait_until(are_shared, seconds=60)

    assert stays in web.workers()


def is_answering(port: int) -> bool:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=15)) as one:
        try:
            one.request("GET", "/")
            return one.getresponse().status == 200
        except OSError:
            return False
