"""The hub under trial with everything it needs: a database and the way to it, web, workers, the sandbox."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.__main__ import PROJECT, clean_environment
from bench.hub_api import HubApi
from bench.processes import HUB, ProcessFailed, Running, free_port, manage
from bench.sandbox_control import SandboxControl, arguments
from chaos.disk import CannotBeFilled, Disk, FileSizeLimit, SmallFileSystem
from iikohub.embedded_postgres.cluster import PORT, Cluster
from iikohub.embedded_postgres.programs import EmbeddedPostgresError
from tests.cut_off import Way

WORKERS = 2
SPEED = 40.0
TOKEN = "token-of-the-sandbox"
PASSWORD = "of-the-trial-alone"
USER = "chaos"
DATABASE = "iikohub"

IIKO = "iiko.chaos.test"
"""The name of iiko's cloud here (``chaos/inside``)."""

_INSIDE = PROJECT / "chaos" / "inside"
_START_S = 600.0
_SET_UP_S = 1800.0
"""More than a busy machine needs to migrate; nothing is measured yet."""
_RECOVERY_TRIES = 3
_MOST_LOG = "max_wal_size = 256MB\n"

# In one process: each start of Django costs seconds.
_SET_UP = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("sync_dictionaries", verbosity=0)
call_command("createsuperuser", interactive=False, username="{user}", email="{user}@example.com", verbosity=0)
call_command("create_api_key", "chaos")
"""


class Installation(HubApi):
    """``up`` brings all of it up; ``down`` ends what is left, whatever happened."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.port = free_port()
        self.key = ""
        self.cluster = Cluster((folder / "disk").resolve())
        self.disk = self._make_disk()
        self.iiko = SandboxControl(free_port())
        self.web: Running | None = None
        self.workers: list[Running] = []
        self._sandbox: Running | None = None
        self._way: Way | None = None
        self._started = 0
        self._clean = clean_environment()  # once: all processes need the same secrets
        self._inside = folder / "inside"
        self._inside.mkdir()

    # --- up and down ---

    def up(self) -> None:
        self.cluster.bring_up()
        self.cluster.ensure_database(DATABASE)
        with (self.cluster.data / "postgresql.conf").open("a") as settings:
            settings.write(_MOST_LOG)
        self.query("SELECT pg_reload_conf()")
        self._way = Way(self.cluster.data / f".s.PGSQL.{PORT}")
        self._start_sandbox()
        set_up = self._run(*manage("shell", "-v0", "-c", _SET_UP.format(user=USER)))
        set_up.wait(_SET_UP_S)
        self.key = set_up.last_words().splitlines()[-1].strip()
        self.start_web()
        for _ in range(WORKERS):
            self.start_worker()

    def down(self) -> None:
        for one in [self.web, *self.workers, self._sandbox]:
            if one is not None:
                with suppress(ProcessLookupError):
                    os.killpg(one.process.pid, signal.SIGCONT)
                one.stop()
        if self._way is not None:
            self._way.close()
        with suppress(CannotBeFilled):
            self.disk.free()
        self._end_server()
        if isinstance(self.disk, SmallFileSystem):
            self.disk.unmount()

    def _end_server(self) -> None:
        try:
            self.cluster.stop()
        except EmbeddedPostgresError:  # nothing of it is kept
            for one in reversed(list(self.server_processes())):
                with suppress(psutil.NoSuchProcess):
                    one.kill()

    def _make_disk(self) -> Disk:
        self.cluster.folder.mkdir(parents=True)
        try:
            return SmallFileSystem(self.cluster.folder)
        except (CannotBeFilled, OSError) as refused:
            return FileSizeLimit(f"mounting is refused here, {refused}", self.server_processes)

    def _start_sandbox(self) -> None:
        port = int(self.iiko.url.rsplit(":", 1)[1])
        command = arguments(port=port, hub_port=self.port, token=TOKEN, speed=SPEED, seed=self.seed)
        self._sandbox = self._run(sys.executable, *command)
        wait_for(self.iiko.is_up, "the sandbox", seconds=_START_S)

    def bring_server_up(self) -> None:
        """Start the database's server, or wait for its recovery, which a busy machine draws out."""
        for tries_left in reversed(range(_RECOVERY_TRIES)):
            try:
                self.cluster.bring_up()
            except EmbeddedPostgresError:
                if not tries_left:
                    raise
            else:
                return

    # --- processes of the hub ---

    def start_web(self, *, shift_s: float = 0) -> None:
        self.web = self._run(sys.executable, "-m", "gunicorn", "iikohub.wsgi", shift_s=shift_s)
        wait_for(lambda: self.answers("/readyz"), "gunicorn", seconds=_START_S)

    def start_worker(self, *, shift_s: float = 0) -> Running:
        self.workers.append(self._run(*manage("worker"), shift_s=shift_s))
        return self.workers[-1]

    def stop_web(self) -> None:
        if self.web is not None:
            self.web.stop()

    def kill(self, one: Running) -> None:
        """End a process and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
        if one in self.workers:
            self.workers.remove(one)

    def stop_workers(self) -> None:
        for one in self.workers:
            one.process.terminate()
        for one in self.workers:
            one.stop()
        self.workers.clear()

    def replace_dead(self) -> list[str]:
        """Start again what ended by itself; returns what that was."""
        dead = [one for one in self.workers if one.process.poll() is not None]
        ended = [f"a worker ended with {one.process.returncode}" for one in dead]
        for one in dead:
            self.workers.remove(one)
            self.start_worker()
        if self.web is not None and self.web.process.poll() is not None:
            ended.append(f"gunicorn ended with {self.web.process.returncode}")
            self.start_web()
        return ended

    def _run(self, *command: str, shift_s: float = 0) -> Running:
        self._started += 1
        name = next((word for word in command[1:] if not word.startswith(("-", "/"))), "process")
        log = self.folder / f"{self._started:03d}-{name}.log"
        return Running(*command, env=self._environment(shift_s), log=log)

    def _environment(self, shift_s: float) -> dict[str, str]:
        way = f"postgresql://postgres@127.0.0.1:{self._way.port}/{DATABASE}" if self._way else ""
        return (
            self._clean
            | HUB
            | {
                "DATABASE_URL": way,
                "GUNICORN_BIND": f"127.0.0.1:{self.port}",
                "WEB_CONCURRENCY": "2",
                "IIKO_API_URL": self.iiko.url.replace("127.0.0.1", IIKO),
                "IIKO_API_KEY": "chaos",
                "WEBHOOK_SECRET_KEY": TOKEN,
                "API_ACTIONS_PER_MINUTE": "0",
                "LOYALTY_MAX_OPERATION": "0",
                "LOYALTY_MAX_DAY": "0",
                "LOG_FORMAT": "json",
                "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
                "PYTHONPATH": f"{_INSIDE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
                "CHAOS_FOLDER": str(self._inside),
                "CLOCK_SHIFT_S": f"{shift_s:g}",
            }
        )

    # --- the database, past the way that can be cut off ---

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            **self.cluster.connection_params(), dbname=DATABASE, autocommit=True, connect_timeout=5
        ) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def cut_off(self) -> None:
        if self._way:
            self._way.cut()

    def slow_down(self, delay_s: Callable[[], float]) -> None:
        if self._way:
            self._way.slow_down(delay_s)

    def mend(self) -> None:
        if self._way:
            self._way.mend()

    # --- inside of the hub's processes ---

    def jump_clocks(self, by_s: float) -> None:
        """Let the clocks of web and workers jump away from the right time; 0 brings them back."""
        self._tell("clock", f"{by_s:g}")

    def forget_names(self, longest_s: float) -> None:
        """Let lookups of iiko's name fail, at once or after ``longest_s`` at most."""
        (self._inside / "refused").unlink(missing_ok=True)
        self._tell("no-names", f"{longest_s:g}")

    def know_names(self) -> None:
        (self._inside / "no-names").unlink(missing_ok=True)

    def refused_lookups(self) -> int:
        """Count lookups of iiko's name that began since it was forgotten."""
        refused = self._inside / "refused"
        return refused.stat().st_size if refused.exists() else 0

    def _tell(self, name: str, text: str) -> None:
        unfinished = self._inside / f"{name}.unfinished"
        unfinished.write_text(text)
        unfinished.rename(self._inside / name)

    def server_processes(self) -> Iterator[psutil.Process]:
        """Yield the postmaster, then its children; nothing where it does not run."""
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            lines = (self.cluster.data / "postmaster.pid").read_text().splitlines()
            postmaster = psutil.Process(int(lines[0]))
            yield postmaster
            yield from postmaster.children()


def wait_for(happened: Callable[[], Any], what: str, *, seconds: float) -> None:
    """Poll until it happened.

    Raises:
        ProcessFailed: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise ProcessFailed(f"Waited {seconds:.0f} s for {what} in vain.")
        time.sleep(0.1)
