"""What goes wrong inside of a process of the hub: Python imports this before anything else of it.

``CLOCK_SHIFT_S`` says by how many seconds its clock is wrong from the start. ``CHAOS_FOLDER`` holds what
comes later: the file ``clock`` says by how many seconds all clocks jump, and while there is a file
``no-names`` iiko's name is not resolved: a lookup fails at once, or after as long as the file says at most.
"""

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IIKO = "iiko.chaos.test"
_LOOK_EVERY_S = 0.1

_real_time, _real_lookup, _sleep = time.time, socket.getaddrinfo, time.sleep


class Clock:
    """Jumps when the file says so, in every process that was forked, too."""

    def __init__(self, shift_s: float, file: Path | None) -> None:
        self._jump_s, self._file = 0.0, file
        self._traveller: Any = None
        self._move(shift_s)
        if file is not None:
            os.register_at_fork(after_in_child=self._follow_in_thread)
            self._follow_in_thread()

    def _follow_in_thread(self) -> None:
        threading.Thread(target=self._follow, args=(self._file,), name="chaos-clock", daemon=True).start()

    def _follow(self, file: Path) -> None:
        while True:
            _sleep(_LOOK_EVERY_S)
            jump_s = float(_text(file) or 0)
            if jump_s != self._jump_s:
                self._move(jump_s - self._jump_s)
                self._jump_s = jump_s

    def _move(self, by_s: float) -> None:
        if not by_s:
            return
        import time_machine

        if self._traveller is None:
            self._traveller = time_machine.travel(_real_time() + by_s, tick=True).start()
        else:
            self._traveller.shift(by_s)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _resolve(file: Path) -> Callable[..., Any]:
    def getaddrinfo(host: str | bytes | None, *arguments: Any, **options: Any) -> list[Any]:
        if host != IIKO:
            return _real_lookup(host, *arguments, **options)
        if longest_s := _text(file):
            with (file.parent / "refused").open("a") as refused:
                refused.write(".")
            _sleep(random.choice((0.0, random.uniform(0, float(longest_s)), float(longest_s))))
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return _real_lookup("127.0.0.1", *arguments, **options)

    return getaddrinfo


_folder = os.environ.get("CHAOS_FOLDER")
Clock(float(os.environ.get("CLOCK_SHIFT_S") or 0), Path(_folder) / "clock" if _folder else None)
if _folder:
    socket.getaddrinfo = _resolve(Path(_folder) / "no-names")
