"""The parts of a run that can be tried alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from urllib.error import URLError

import psutil
import pytest
import requests
import responses

from bench.__main__ import PROJECT
from chaos import load
from chaos.disk import FileSizeLimit
from chaos.faults import FAULTS, plan
from chaos.installation import Installation
from chaos.load import Load
from chaos.watch import Watch, said
from iikohub.embedded_postgres.programs import EmbeddedPostgresError

HUB = "http://127.0.0.1:1"


@pytest.mark.parametrize("shift_s", [3600, -3600])
def test_clock_of_a_process_is_shifted_and_goes_on(shift_s: int) -> None:
    script = (
        "import time, datetime; began = time.time(); time.sleep(0.05); "
        "print(began, datetime.datetime.now(datetime.UTC).timestamp(), time.time() - began)"
    )
    env = os.environ | {"PYTHONPATH": str(PROJECT / "chaos" / "inside"), "CLOCK_SHIFT_S": str(shift_s)}

    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)

    began, now, passed = map(float, done.stdout.split())
    assert abs(began - time.time() - shift_s) < 30
    assert 0.05 <= now - began < 10
    assert 0.05 <= passed < 10


INSIDE = """
import socket, sys, time
for _line in sys.stdin:
    try:
        found = socket.getaddrinfo("iiko.chaos.test", 80)[0][4][0]
    except socket.gaierror as error:
        found = error.strerror
    print(round(time.time()), found, flush=True)
"""


class Inside:
    """A process of the hub that tells by how many hours its clock is wrong, and where iiko is."""

    def __init__(self, folder: Path) -> None:
        env = os.environ | {"PYTHONPATH": str(PROJECT / "chaos" / "inside"), "CHAOS_FOLDER": str(folder)}
        command = [sys.executable, "-c", INSIDE]
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def comes_to_tell(self, hours: int, found: str) -> bool:
        deadline = time.monotonic() + 20
        while self._tell() != (hours, found):
            if time.monotonic() > deadline:
                return False
        return True

    def _tell(self) -> tuple[int, str]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        at, _space, found = self.process.stdout.readline().partition(" ")
        return round((int(at) - time.time()) / 3600), found.strip()


def test_processes_follow_clocks_that_jump_and_names_that_go(tmp_path: Path) -> None:
    hub = Installation.__new__(Installation)
    hub._inside = tmp_path
    inside = Inside(tmp_path)

    with inside.process:
        assert inside.comes_to_tell(0, "127.0.0.1")
        hub.jump_clocks(-3600)
        hub.forget_names(0)
        assert inside.comes_to_tell(-1, "Temporary failure in name resolution")
        hub.jump_clocks(0)
        hub.know_names()
        assert inside.comes_to_tell(0, "127.0.0.1")
        assert inside.process.stdin
        inside.process.stdin.close()

    assert hub.refused_lookups() > 0


@responses.activate
@pytest.mark.parametrize(
    ("status", "content_type", "body", "words"),
    [
        (503, "application/json", '{"status": "unavailable", "reason": "no room"}', "no room"),
        (503, "application/json", '{"errors": [{"detail": "Repeat the request."}]}', "Repeat the request."),
        (200, "application/json", '{"results": []}', ""),
        (503, "text/html", "<h1>No\n database</h1><p>Try again.", "No database"),
        (200, "text/html", '<h1>Day</h1><p role="alert">Nobody <b>looks</b></p>', "Nobody looks"),
    ],
)  # fmt: skip
def test_what_an_answer_says_is_wrong_is_kept(status: int, content_type: str, body: str, words: str) -> None:
    responses.get(HUB, status=status, content_type=content_type, body=body)

    assert said(requests.get(HUB, timeout=1)) == words


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def test_limit_on_files_is_set_and_taken_off_again(sleeper: psutil.Process) -> None:
    disk = FileSizeLimit("mounting is refused here", lambda: [sleeper])

    disk.fill()
    full, _ = sleeper.rlimit(psutil.RLIMIT_FSIZE)
    disk.free()

    assert full == 1024 * 1024
    assert sleeper.rlimit(psutil.RLIMIT_FSIZE)[0] == psutil.RLIM_INFINITY
    assert "not ENOSPC: mounting is refused here" in disk.what


def test_plan_has_every_fault_once_and_is_the_seeds() -> None:
    assert sorted(plan(Random(7)), key=FAULTS.index) == list(FAULTS)
    assert plan(Random(7)) == plan(Random(7))
    assert plan(Random(7)) != plan(Random(8))


def test_client_repeats_a_request_under_one_key_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_PAUSE_S", 0)
    client = Load(cast("Installation", SimpleNamespace(url=HUB, key="secret")), seed=1)
    path, body = "/api/v1/orders/7/cancel", {"cancel_reason": "guest"}
    answers: list[dict[str, Any]] = [
        {"body": requests.ConnectionError("reset")},
        {"status": 503},
        {"status": 202, "json": {"id": 42}},
    ]
    with responses.RequestsMock() as hub:
        for answer in answers:
            hub.post(f"{HUB}{path}", **answer)
        client._ask(path, body, "iiko's order")
        keys = [call.request.headers["Idempotency-Key"] for call in hub.calls]

    [request] = client.requested
    assert (request.status, request.tries, request.id, request.order_id) == (202, 3, 42, "iiko's order")
    assert keys == [request.key] * 3
    assert [sample.status for sample in client.samples] == [0, 503, 202]


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (URLError("refused"), []),
        (IncompleteRead(b""), []),
        (KeyError("results"), ["orders: an answer that makes no sense, KeyError('results')"]),
        (requests.JSONDecodeError("?", "{", 1), ["orders: an answer that makes no sense, JSONDecodeError("]),
    ],
)
def test_answer_that_makes_no_sense_is_not_taken_for_none(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reported: list[str]
) -> None:
    client = Load(cast("Installation", SimpleNamespace(url=HUB, key="secret")), seed=1)
    waits = iter([False, False, True])
    monkeypatch.setattr(client._stopping, "wait", lambda _pause_s: next(waits))

    def act(_random: Random) -> None:
        raise error

    client._repeat("orders", act, 0.1)

    assert [
        failure[: len(words)] for failure, words in zip(client.failures, reported, strict=True)
    ] == reported


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    hub = SimpleNamespace(iiko=SimpleNamespace(zones=dict), key="k", url=HUB)
    watch = Watch(cast("Installation", hub), seed=1)
    waits = iter([False, True])
    monkeypatch.setattr(watch._stopping, "wait", lambda _pause_s: next(waits))  # one look
    return watch


@responses.activate
@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ('{"results": [', "GET orders: a whole answer that is no JSON"),
        ('{"count": 0}', "GET orders: KeyError('results')"),
    ],
)
def test_an_answer_that_makes_no_sense_is_reported(watch: Watch, body: str, reported: str) -> None:
    responses.get(f"{HUB}/api/v1/orders", body=body)

    watch._poll("GET orders", watch._orders, 0.1)

    assert [gap[: len(reported)] for gap in watch.gaps] == [reported]
    assert watch.samples == []


@responses.activate
def test_a_connection_that_breaks_is_no_answer_and_nothing_more(watch: Watch) -> None:
    responses.get(f"{HUB}/api/v1/orders", body=requests.ConnectionError())

    watch._poll("GET orders", watch._orders, 0.1)

    assert watch.gaps == []
    assert [sample.status for sample in watch.samples] == [0]


def test_a_server_that_does_not_stop_is_ended(
    sleeper: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Installation.__new__(Installation)
    monkeypatch.setattr(hub, "cluster", SimpleNamespace(stop=_refuse_to_stop), raising=False)
    monkeypatch.setattr(hub, "server_processes", lambda: iter([sleeper]))

    hub._end_server()

    assert sleeper.wait(5) is not None


def _refuse_to_stop() -> None:
    raise EmbeddedPostgresError("did not stop")
