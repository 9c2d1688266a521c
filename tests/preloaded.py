"""A parent that imports once what many processes of a test need, and forks them.

What it starts is a process like any other: with a session, an environment and an end of its own. Only the
imports are done already, which are nearly all that the start of a command costs. The parent opens no
connection and starts no thread.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 65_536
DJANGO = "tests.preloaded_hub"
"""Imports all that a management command of the hub imports, with the settings of the environment."""


class Forked:
    """A child of the parent, with what the tests use of ``subprocess.Popen``."""

    def __init__(self, parent: Preloaded, pid: int, command: Sequence[str]) -> None:
        self.pid = pid
        self.args = list(command)
        self.returncode: int | None = None
        self._parent = parent

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._parent.exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Preloaded:
    """The parent, from outside; ``close`` ends it, not its children."""

    def __init__(self, *modules: str, env: Mapping[str, str]) -> None:
        self.env = dict(env)
        self._asking = threading.Lock()
        self._parent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.preloaded", str(theirs.fileno()), *modules],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self,
        *command: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[str] = subprocess.DEVNULL,
        stderr: int | IO[str] = subprocess.DEVNULL,
    ) -> Forked:
        """Run ``command`` as Python would: a script or ``-c`` and a program, with their arguments."""
        with Path(os.devnull).open("r+") as nothing:
            files = [nothing if file == subprocess.DEVNULL else file for file in (stdin, stdout, stderr)]
            numbers = [file if isinstance(file, int) else file.fileno() for file in files]
            pid = self._ask(list(command), numbers)
            assert pid is not None
            return Forked(self, pid, command)

    def exit_code(self, pid: int) -> int | None:
        return self._ask(pid)

    def close(self) -> None:
        self._parent.close()
        self._process.wait(60)

    def _ask(self, question: object, files: Sequence[int] = ()) -> int | None:
        with self._asking:
            socket.send_fds(self._parent, [json.dumps(question).encode()], files)
            answer = self._parent.recv(LONGEST)
        assert answer, "the preloaded parent has died"
        told: int | None = json.loads(answer)
        return told


# --- the parent itself ---------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> list[str] | None:
    """Fork a child for each command; returns in the child, with its command, and when nobody asks."""
    while True:
        question, files, _, _ = socket.recv_fds(channel, LONGEST, 3)
        if not question:
            return None
        asked: list[str] | int = json.loads(question)
        answer: int | None
        if isinstance(asked, int):
            ended, status = os.waitpid(asked, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        elif (answer := os.fork()) == 0:
            channel.close()
            _come_to_be(files)
            return asked
        for file in files:
            os.close(file)
        channel.sendall(json.dumps(answer).encode())


def _come_to_be(files: Sequence[int]) -> None:
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in files:
        os.close(file)


def _run(command: list[str]) -> None:
    program, *arguments = command
    if program == "-c":
        sys.argv = ["-c", *arguments[1:]]
        exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = command
        runpy.run_path(program, run_name="__main__")


def main() -> None:
    number, *modules = sys.argv[1:]
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else the first search for garbage copies all memory
    command = _serve(socket.socket(fileno=int(number)))
    if command is not None:
        _run(command)


if __name__ == "__main__":
    main()
