import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.tests.builders import wait_until
from sandbox.tests.hub import Hub

PROJECT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, "manage.py", "iiko_sandbox"]
MODULE = [sys.executable, "-m", "sandbox"]

pytestmark = pytest.mark.process


def _environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "WEBHOOK" not in name}
    # An address nobody answers at: the sandbox must not even try.
    return {**kept, "DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none", "PYTHONUTF8": "1", **more}


@contextmanager
def _running(command: list[str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*command, *arguments],
        cwd=PROJECT,
        env=_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    introduction = process.stdout.readline()
    found = re.search(r"simulates 4 restaurants on (http://\S+)/$", introduction.strip())
    assert found, introduction
    return found[1]


@pytest.mark.parametrize(
    ("command", "stop"),
    [(MANAGE, signal.SIGTERM), (MODULE, signal.SIGINT)],
    ids=["manage.py", "python -m sandbox"],
)
def test_process_sends_webhooks_and_ends_well_when_told(
    command: list[str], stop: signal.Signals, hub: Hub
) -> None:
    arguments = ["--port", "0", "--rate", "600", "--speed", "600", "--seed", "3"]
    with _running(command, *arguments, "--webhook-url", hub.url, "--webhook-token", "token") as process:
        url = _read_url(process)
        wait_until(lambda: len(hub.bodies) >= 10)
        with urllib.request.urlopen(f"{url}/sandbox/state") as response:
            state = json.load(response)

        process.send_signal(stop)
        output, errors = process.communicate(timeout=10)

    assert process.returncode == 0
    assert errors == ""
    assert output.splitlines()[-1].endswith("iiko sandbox stopped")
    assert re.search(r"^\d\d:\d\d:\d\d \w+ №\d+ → \w+.*  200 \d+ ms$", output, re.MULTILINE)
    assert state["seed"] == 3
    assert {headers["Authorization"] for headers in hub.headers} == {"token"}
    bodies = [json.loads(body) for body in hub.bodies]
    kinds = {event["eventType"] for body in bodies if isinstance(body, list) for event in body}
    assert "DeliveryOrderUpdate" in kinds


def test_process_outlives_a_hub_that_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        arguments = ["--port", "0", "--rate", "600", "--speed", "600", "--webhook-token", "token"]
        with _running(MODULE, *arguments, "--webhook-url", nobody) as process:
            url = _read_url(process)

            def refused() -> int:
                with urllib.request.urlopen(f"{url}/sandbox/state") as response:
                    return int(json.load(response)["webhooks"]["refused"])

            wait_until(lambda: refused() >= 4)
            process.terminate()
            output, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert "  no answer, again in 1 s" in output


def _refusal(command: list[str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*command, *arguments],
        cwd=PROJECT,
        env=_environ(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", [MANAGE, MODULE], ids=["manage.py", "python -m sandbox"])
def test_port_that_is_taken_is_explained(command: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, output, errors = _refusal(command, "--port", str(port), "--webhook-token", "token")

    assert (code, output) == (1, "")
    assert errors.endswith(
        f"Error: The sandbox cannot listen on 127.0.0.1:{port} (Address already in use). "
        "End what uses that port, or choose another with --port.\n"
    )
    assert "Traceback" not in errors


def test_host_that_does_not_exist_is_explained() -> None:
    code, output, errors = _refusal(
        MODULE, "--port", "0", "--host", "no such host", "--webhook-token", "token"
    )

    assert (code, output) == (1, "")
    assert errors.startswith("Error: There is no address 'no such host' to listen on (")


@pytest.mark.parametrize("command", [MANAGE, MODULE], ids=["manage.py", "python -m sandbox"])
def test_bad_rate_is_explained(command: list[str]) -> None:
    code, output, errors = _refusal(command, "--port", "0", "--rate=-1", "--webhook-token", "token")

    assert (code, output) == (1, "")
    assert errors.endswith("Error: --rate must be a number from 0 to 6000 (orders a minute), not -1.\n")
