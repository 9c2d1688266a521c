"""What a plug-in may do while it sends: talk to public servers for a while, and nothing else.

Apprise has some 190 plug-ins by as many authors. Some start programs, some read files that the address names,
and each makes its connections in its own way. So what they do is watched where all of it passes: by an audit
hook of the interpreter. It sees the addresses that names were resolved to, of redirects too.
"""

import contextlib
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from attention.notifications.errors import LOCAL, NO_ANSWER, PRIVATE
from iiko_client.http.addresses import is_public

WITHIN_S = 10.0
"""All of a sending, however slowly the receiver answers; then its connections are cut."""
_CUT_EVERY_S = 1.0
"""Again after that: one that was being made is there by then."""

_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_FORBIDDEN = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
        *("pty.spawn", "ctypes.dlopen", "syslog.syslog", "syslog.openlog"),
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
        *("os.truncate", "os.chown", "os.utime", "sqlite3.connect", "socket.bind"),
    }
)
_NETWORK = _CONNECTS | {"socket.__new__"}
_WATCHED = _NETWORK | _FORBIDDEN | {"open"}
_FOLDERS = (sys.prefix, f"{sys.prefix}/lib", sys.base_prefix, "/usr/share/zoneinfo")
_READABLE = tuple({f"{os.path.realpath(folder)}/" for folder in _FOLDERS})
"""Python, its packages and the time zones: modules are loaded when they are needed first."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class Refused(OSError):
    """Not done; an OSError, as plug-ins expect one of the network."""


class Guard:
    """Watches one sending. ``error`` is the code of what it refused first, ``http_status`` a refusal's.

    ``is_unanswered``: apprise told of a connection that failed.
    """

    def __init__(self, *, may_be_private: bool) -> None:
        self.error = ""
        self.http_status = 0
        self.is_unanswered = False
        self._may_be_private = may_be_private
        self._is_over = False
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.RLock()  # garbage that is collected under it may make sockets, too

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_over and event in _NETWORK:
            self._refuse(NO_ANSWER)
        if event == "socket.__new__":
            with self._lock:
                self._sockets.add(arguments[0])
        elif event in _CONNECTS:
            if not (self._may_be_private or _is_public(arguments[1])):
                self._refuse(PRIVATE)
        elif event != "open" or not _is_harmless(*arguments):
            self._refuse(LOCAL)

    def _refuse(self, error: str) -> None:
        self.error = self.error or error
        raise Refused(error)

    def cut(self) -> None:
        """End all connections, so that whoever reads from one goes on, and let none be made."""
        self._is_over = True
        self.error = self.error or NO_ANSWER
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _is_public(address: object) -> bool:
    """Tell it of what a socket connects to; None: it is connected already."""
    if address is None:
        return True
    if not isinstance(address, tuple):
        return False  # a socket of this machine
    try:
        return is_public(str(address[0]).partition("%")[0])
    except ValueError:
        return False  # a name, which would be resolved only now


def _is_harmless(path: object, _mode: object, flags: int) -> bool:
    if isinstance(path, int):
        return True  # open already
    if flags & _WRITES:
        return False
    return (
        os.path.realpath(os.fsdecode(path)).startswith(_READABLE) if isinstance(path, str | bytes) else False
    )


_active: ContextVar[Guard | None] = ContextVar("notification_guard", default=None)


def _audit(
    event: str,
    arguments: tuple[Any, ...],
    watched: frozenset[str] = _WATCHED,
    active: ContextVar[Guard | None] = _active,
) -> None:
    # Its names are bound above: at the end of the process those of the module are gone.
    if event in watched and (guard := active.get()) is not None:
        guard.check(event, arguments)


_STATUS = re.compile(r"error[=:\s]+([1-5]\d\d)\b")


class _Silence(logging.Filter):
    """Keep what libraries log of a sending out of the hub's log, where addresses have no place.

    Of a refusal apprise logs the status of HTTP, which it tells in no other way.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        guard = _active.get()
        if guard is not None and record.name == "apprise" and record.levelno >= logging.WARNING:
            text = record.getMessage()
            if found := _STATUS.search(text):
                guard.http_status = int(found[1])
            guard.is_unanswered |= "onnection error" in text
        return guard is None and record.name != "apprise"


_LOUD = ("apprise", "urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "requests")
_installing = threading.Lock()
_is_installed = False


def install() -> None:
    """Begin to watch, once for the process: a hook cannot be taken back."""
    global _is_installed  # once
    with _installing:
        if not _is_installed:
            sys.addaudithook(_audit)
            for name in _LOUD:
                logging.getLogger(name).addFilter(_Silence())
            _is_installed = True


@contextlib.contextmanager
def guarded(*, may_be_private: bool, within_s: float = WITHIN_S) -> Iterator[Guard]:
    """Watch what this thread does, and cut its connections after ``within_s``."""
    install()
    guard = Guard(may_be_private=may_be_private)
    is_done = threading.Event()
    threading.Thread(target=_cut_late, args=(guard, is_done, within_s), daemon=True).start()
    token = _active.set(guard)
    try:
        yield guard
    finally:
        _active.reset(token)
        is_done.set()


def _cut_late(guard: Guard, is_done: threading.Event, within_s: float) -> None:
    pause = within_s
    while not is_done.wait(pause):
        guard.cut()
        pause = _CUT_EVERY_S
