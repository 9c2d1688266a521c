"""The hub's own processes, started for a measurement and ended after it, however it ends."""

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

from bench.__main__ import PROJECT

HUB = {"DJANGO_SETTINGS_MODULE": "iikohub.settings"}
_GRACE_S = 15.0
_START_S = 180.0
_PAUSE_S = 0.05


class ProcessFailed(Exception):
    """A process of the hub ended or did not start; the message holds its last words."""


class Running:
    """A child that ends with us, even if we are killed; what it writes is kept for the error message."""

    def __init__(self, *command: str, env: dict[str, str], log: Path | None = None) -> None:
        # Open as long as the child.
        self._output = (
            log.open("w+", errors="replace") if log else tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        )
        self.command = command
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo.tie", str(os.getpid()), *command],
            cwd=PROJECT,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: it is ended below, in good order.
            start_new_session=True,
        )

    def last_words(self) -> str:
        self._output.seek(0)
        return "\n".join(self._output.read().splitlines()[-15:])

    def check_alive(self) -> None:
        if (code := self.process.poll()) is not None:
            raise ProcessFailed(f"{' '.join(self.command)} ended with {code}:\n{self.last_words()}")

    def wait(self, timeout_s: float) -> None:
        """Wait for its end in good order."""
        try:
            if self.process.wait(timeout_s):
                self.check_alive()
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"{' '.join(self.command)} does not end:\n{self.last_words()}") from error

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._output.close()


@contextlib.contextmanager
def running(commands: Sequence[Sequence[str]], *, env: dict[str, str]) -> Iterator[list[Running]]:
    started: list[Running] = []
    try:
        started.extend(Running(*command, env=env) for command in commands)
        yield started
    finally:
        for one in reversed(started):
            one.stop()


@contextlib.contextmanager
def web(*, port: int | None = None, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run the web processes of ``SERVER`` as they are run in earnest; gives the port once they answer."""
    port = port or free_port()
    with serving(port, env=env):
        yield port


@contextlib.contextmanager
def serving(port: int, *, env: dict[str, str] | None = None) -> Iterator[Running]:
    """Run them on a port, and give the process that started them."""
    command = (sys.executable, "-m", "iikohub.operations.web_server")
    with running([command], env=HUB | (env or {}) | {"GUNICORN_BIND": f"127.0.0.1:{port}"}) as (server,):
        wait_for(lambda: _is_ready(port), "the web server", seconds=_START_S, watched=[server])
        yield server


def wait_for(
    is_so: Callable[[], bool], what: str, *, seconds: float, watched: Sequence[Running] = ()
) -> None:
    """Wait until ``is_so``; fail when it takes longer, or when one of the ``watched`` ends meanwhile."""
    deadline = time.monotonic() + seconds
    while not is_so():
        for one in watched:
            one.check_alive()
        if time.monotonic() > deadline:
            words = "".join(f"\n{one.last_words()}" for one in watched[:1])
            raise ProcessFailed(f"Waited {seconds:.0f} s for {what} in vain.{words}")
        time.sleep(_PAUSE_S)


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PROJECT / "manage.py"), *arguments)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for one in found:
        for thread in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in thread.read_text().split()]
    return found


def processor_s(pids: Sequence[int]) -> float:
    """Return the processor time that processes have taken so far."""
    ticks = 0
    for pid in pids:
        # Behind the name, which may hold anything, brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def settle_garbage() -> None:
    """Look for garbage as seldom as a web process does (``gunicorn.conf.py``): pages are made in this one."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
