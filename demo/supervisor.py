"""Several processes as one: one terminal, one Ctrl-C, one end.

honcho runs each process and colours its lines. Its Manager is not used: it puts a relay process
between us and each child, so that a ``kill -9`` of ours would leave all of them running, and it
fails on a Ctrl-C that comes while they start.
"""

import contextlib
import os
import queue
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TextIO, TypeAlias

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

PROJECT = Path(__file__).resolve().parent.parent
# Kept-alive connections get two seconds from gunicorn, a batch in the worker about one.
GRACE_S = 8.0
# On a slower machine the address is shown all the same.
LONGEST_START_S = 60.0
REMIND = None
Event: TypeAlias = signal.Signals | Message | None


class Supervisor:
    """Runs what was added until a signal comes or one of them ends; then ends all of them."""

    def __init__(self, output: TextIO, *, grace_s: float = GRACE_S) -> None:
        self._output = output
        self._printer = Printer(output)
        self._reminder = ""
        self._grace_s = grace_s
        self._colours = get_colours()
        # Simple: the only queue that a signal handler may put into.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._processes: dict[str, Process] = {}
        self._pids: dict[str, int] = {}
        self._deadline: float | None = None
        self._failed = False

    def add(self, name: str, *command: str, env: dict[str, str]) -> None:
        tied = [sys.executable, "-m", "demo.tie", str(os.getpid()), *command]
        self._processes[name] = Process(
            "exec " + shlex.join(tied), name=name, colour=next(self._colours), env=env, cwd=PROJECT
        )
        self._printer.width = max(self._printer.width, len(name))

    def remind(self, text: str, *, is_ready: Callable[[], bool]) -> None:
        """Print ``text`` once all is up, below what the starting processes say, and again on Enter."""
        self._reminder = text
        threading.Thread(target=self._remind_when, args=(is_ready,), daemon=True).start()
        if sys.stdin is not None and sys.stdin.isatty():
            # In the background a read would stop the whole process; ignored, it ends the thread.
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
            threading.Thread(target=self._remind_on_enter, daemon=True).start()

    def _remind_when(self, is_ready: Callable[[], bool]) -> None:
        latest = time.monotonic() + LONGEST_START_S
        while not is_ready() and time.monotonic() < latest:
            time.sleep(0.2)
        self._events.put(REMIND)

    def _remind_on_enter(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                self._events.put(REMIND)

    def run(self) -> int:
        """Return the exit code: 0 after a signal, 1 when a process ended by itself."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: self._events.put(signal.Signals(number)))
        running = set(self._processes)
        for name, process in self._processes.items():
            # A thread each, alive until its process ends: the kernel ties a child to its parent *thread*.
            threading.Thread(target=process.run, args=(self._events,), name=name, daemon=True).start()
        while running:
            event = self._next_event()
            if isinstance(event, signal.Signals):
                self._on_signal(event)
            elif event is REMIND:
                self._output.write(f"{self._reminder}\n")
                self._output.flush()
            elif event.type == "start":
                self._on_start(event)
            elif event.type == "stop":
                running.discard(event.name)
                self._on_stop(event)
            else:
                self._printer.write(event)
        return 1 if self._failed else 0

    def _next_event(self) -> Event:
        while True:
            try:
                left_s = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
                return self._events.get(timeout=left_s)
            except queue.Empty:
                self._kill()

    def _on_signal(self, number: signal.Signals) -> None:
        if self._deadline is None:
            self._say(f"{number.name}: stopping")
            self._stop()
        else:
            self._kill()

    def _on_start(self, event: Message) -> None:
        self._pids[event.name] = event.data["pid"]
        if self._deadline is not None:
            self._send(event.name, signal.SIGTERM)

    def _on_stop(self, event: Message) -> None:
        self._pids.pop(event.name, None)
        if self._deadline is not None:
            self._say(f"{event.name} stopped")
            return
        self._failed = True
        self._say(f"{event.name} ended by itself {_how(event.data['returncode'])}; stopping the rest")
        self._stop()

    def _stop(self) -> None:
        self._deadline = time.monotonic() + self._grace_s
        for name in self._pids:
            self._send(name, signal.SIGTERM)

    def _kill(self) -> None:
        self._deadline = time.monotonic() + 1
        for name in self._pids:
            self._say(f"{name} has not stopped: killed")
            self._send(name, signal.SIGKILL)

    def _send(self, name: str, number: signal.Signals) -> None:
        # It may just have ended; its message is on the way then.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pids[name], number)

    def _say(self, sentence: str) -> None:
        now = datetime.now().astimezone()  # for the eye alone
        self._printer.write(Message(type="line", data=sentence, time=now, name="hub", colour=None))


def _how(returncode: int) -> str:
    return f"(killed by {signal.Signals(-returncode).name})" if returncode < 0 else f"with code {returncode}"
