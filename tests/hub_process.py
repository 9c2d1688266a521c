"""A whole hub in processes of its own, on a database of its own, for tests that kill them."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

from bench.hub_api import HubApi
from bench.processes import free_port
from tests.builders import ORGANIZATION_ID, TOKEN
from tests.database import copy_migrated_cluster
from tests.preloaded import DJANGO, ROOT, Forked, Preloaded

Process = subprocess.Popen[str] | Forked

PATIENCE_S = 120.0
"""How long is waited for what has no time limit of its own: machines are slow, and others use them too."""


@dataclass
class Hub(HubApi):
    """Commands and processes of one hub; ``stop`` ends what is left of them."""

    folder: Path
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    key: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    """More of the environment."""
    preloaded: Preloaded | None = None
    """Forks the commands that are started with its environment."""
    root: Path = ROOT
    """Of the project; another version has another one, and no ``preloaded``."""

    @property
    def env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return inherited | {
            "EMBEDDED_POSTGRES_DIR": str(self.folder / "postgres"),
            "PORT": str(self.port),
            "GUNICORN_BIND": f"127.0.0.1:{self.port}",
            "LOG_FORMAT": "json",
            **self.settings,
        }

    def manage(self, *arguments: str) -> str:
        with TemporaryFile("w+") as out, TemporaryFile("w+") as errors:
            process = self._begin("manage.py", *arguments, stdout=out, stderr=errors)
            code = process.wait(PATIENCE_S)
            told, complaints = ((file.seek(0), file.read())[1] for file in (out, errors))
        if code:
            raise subprocess.CalledProcessError(code, arguments, told, complaints)
        return told

    def start(self, *command: str) -> Process:
        with (self.folder / f"{len(self.processes)}.log").open("w") as log:
            process = self._begin(*command, stdout=subprocess.DEVNULL, stderr=log)
        self.processes.append(process)
        return process

    def _begin(self, *command: str, stdout: int | IO[str], stderr: IO[str]) -> Process:
        env, parent = self.env, self.preloaded
        if command[0] == "manage.py" and parent is not None and parent.env == env:
            return parent.start(*command, stdout=stdout, stderr=stderr)
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def start_web(self) -> Process:
        process = self.start("-m", "iikohub.operations.web_server")
        wait_until(lambda: self.answers("/readyz"))
        return process

    def start_worker(self) -> Process:
        return self.start("manage.py", "worker")

    def ask(self, path: str, **body: Any) -> int:
        """Ask for an action; returns the status of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Api-Key {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return int(answer.status)

    def post(self, body: Any) -> bool:
        """Deliver a body; whether it was acknowledged with 200."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/webhooks/iiko",
            data=json.dumps(body).encode(),
            headers={"Authorization": TOKEN, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        if self.preloaded is not None:
            self.preloaded.close()


def kill_workers_during(
    hub: Hub, work: Callable[[threading.Event], None], *, seconds: float, lives_s: tuple[float, float]
) -> int:
    """Kill the older of two workers again and again while ``work`` goes on; return how many were killed.

    ``work`` runs in a thread until its event is set. Two workers are left.
    """
    stop = threading.Event()
    working = threading.Thread(target=work, args=(stop,))
    workers = [hub.start_worker(), hub.start_worker()]
    working.start()
    end, killed = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        time.sleep(random.uniform(*lives_s))
        one = workers.pop(0)
        os.killpg(one.pid, signal.SIGKILL)
        one.wait(5)
        killed += 1
        workers.append(hub.start_worker())
    stop.set()
    working.join()
    return killed


def wait_until(happened: Any, *, seconds: float = PATIENCE_S) -> None:
    """Poll until ``happened()`` is true; fails loudly after ``seconds``, which say how soon it has to be."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def running_hub(folder: Path, **settings: str) -> Iterator[Hub]:
    """Make a migrated hub with one restaurant and an API key; nothing runs yet but its database."""
    hub = Hub(folder, settings=settings)
    hub.preloaded = Preloaded(DJANGO, env=hub.env)
    copy_migrated_cluster(folder / "postgres")
    # Holds the embedded server up between the commands, as a worker of the installation would.
    survivor = hub.start("manage.py", "shell", "-v0", "-c", KEEP)
    kept = folder / "kept"
    try:
        wait_until(lambda: kept.exists() or survivor.poll() is not None)
        hub.key = kept.read_text()
        yield hub
    finally:
        hub.stop()
        assert survivor.poll() is not None


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Make the hub of a module's tests."""
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


KEEP = f"""
import signal, sys
from io import StringIO
from pathlib import Path
from django.conf import settings
from django.core.management import call_command
from django.db import connection
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
call_command(
    "add_organization",
    "{ORGANIZATION_ID}",
    "--name=Кафе «Сирень»",
    "--timezone=Asia/Yekaterinburg",
    "--webhook-token={TOKEN}",
    stdout=StringIO(),
)
key = StringIO()
call_command("create_api_key", "tests", stdout=key)
connection.ensure_connection()
folder = Path(settings.EMBEDDED_POSTGRES_DIR).parent
(folder / "key").write_text(key.getvalue().strip())
(folder / "key").rename(folder / "kept")
signal.pause()
"""
