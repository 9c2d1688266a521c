"""Bound how long a request waits for a database that hangs or is cut off.

The server's own timeouts need a server that works, and those of TCP a peer whose kernel is silent. So
a thread of each web process looks at what its requests wait for, and shuts the socket of a connection
on which one has waited too long: the thread that waits gets an ``OperationalError`` and answers 503.

While the database is away new requests are refused at once and a thread of ours asks for it: the threads
of the process stay free for those who ask how it is doing.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections

ANSWER_WITHIN_S = 4.0
"""How long a webhook may wait for the database, in all; then it is answered with 503."""

PAGE_STATEMENT_S = 25.0
"""How long one statement of a page may take; the server itself ends it before (``database_limits``)."""

logger = structlog.stdlib.get_logger(__name__)

_LOOK_EVERY_S = 0.1
_TRY_EVERY_S = 0.5
_HELD_UP_S = 1.0
_SLOW_S = 3.0
_MOST_SLOW = 8
"""When so many requests have waited for so long, those that come now would wait in vain."""


class DatabaseAway(OperationalError):
    """The database is known not to answer; it was not asked."""


@dataclass(eq=False, slots=True)
class _Waiting:
    wrapper: Any
    began: float
    until: float
    ended: object = None
    """The connection that was shut; the thread may have made another since."""

    @property
    def is_webhook(self) -> bool:
        """A page may take long for other reasons than the database: it waits for iiko, or for a command."""
        return self.until - self.began < PAGE_STATEMENT_S / 2  # far from either: these are floats


class DatabaseWatch:
    """What the requests of this process wait for, and whether the database is away."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[_Waiting] = set()
        self._own = threading.local()
        self._thread: threading.Thread | None = None
        self._is_away = False
        self._pause = threading.Event()  # never set: its wait is a sleep of these threads alone

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the block wait for the database no longer than ``seconds``, or than a block around it may."""
        now = time.monotonic()
        outer: _Waiting | None = getattr(self._own, "waiting", None)
        if outer is None:
            seconds = min(seconds, getattr(self._own, "left_s", seconds))
        until = now + seconds if outer is None else min(now + seconds, outer.until)
        mine = _Waiting(connections[DEFAULT_DB_ALIAS], now, until)
        with self._lock:
            self._waiting.add(mine)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="database-watch", daemon=True)
                self._thread.start()
        self._own.waiting = mine
        try:
            yield
        finally:
            self._own.waiting = outer
            with self._lock:
                self._waiting.discard(mine)
            if outer is None and hasattr(self._own, "left_s"):
                self._own.left_s -= time.monotonic() - now

    @contextlib.contextmanager
    def within_in_all(self, seconds: float) -> Iterator[None]:
        """Let all blocks of ``within`` in this one wait no longer than this together.

        What happens between them does not count: a sender may be slow with his body.
        """
        self._own.left_s = seconds
        try:
            yield
        finally:
            del self._own.left_s

    @contextlib.contextmanager
    def each_statement_within(self, seconds: float) -> Iterator[None]:
        """Let each statement of the block wait no longer than ``seconds``; the block may take longer."""
        with self.within(seconds):
            mine: _Waiting = self._own.waiting

            def timed(execute: Callable[..., object], *arguments: object) -> object:
                mine.until = time.monotonic() + seconds
                try:
                    return execute(*arguments)
                finally:
                    mine.until = float("inf")

            with mine.wrapper.execute_wrapper(timed):
                yield

    def left_s(self) -> float:
        """Return how long this thread's block may still wait; endless outside of one."""
        mine: _Waiting | None = getattr(self._own, "waiting", None)
        return float("inf") if mine is None else mine.until - time.monotonic()

    # --- is it away? -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse at once what would only wait.

        Raises:
            DatabaseAway: it did not answer, or several webhooks have waited for it for seconds.
        """
        if self._is_away:
            raise DatabaseAway("The database is away.")
        now = time.monotonic()
        with self._lock:
            slow = sum(one.is_webhook and now - one.began > _SLOW_S for one in self._waiting)
        if slow >= _MOST_SLOW:
            raise DatabaseAway("The database does not answer.")

    def check_in_time(self) -> None:
        """Refuse what has waited for other threads for so long that its time is over.

        Raises:
            DatabaseAway: it is over, or the database turned out to be away meanwhile.
        """
        if self._is_away or self.left_s() <= 0:
            raise DatabaseAway("The database does not answer.")

    def note_failure(self) -> None:
        """Refuse requests until the database answers a question of our own, where this one had to wait.

        A failure at once holds up nobody: the next request may ask again.
        """
        mine: _Waiting | None = getattr(self._own, "waiting", None)
        if mine is None or time.monotonic() - mine.began < _HELD_UP_S:
            return
        with self._lock:
            if self._is_away:
                return
            self._is_away = True
        logger.warning("database.away")
        threading.Thread(target=self._wait_for_answer, name="database-probe", daemon=True).start()

    def _wait_for_answer(self) -> None:
        began = time.monotonic()
        while not _answers():
            self._pause.wait(_TRY_EVERY_S)
        self._is_away = False
        logger.warning("database.back", away_s=round(time.monotonic() - began, 1))

    # --- the thread that looks --------------------------------------------------------------------------

    def _look(self) -> None:
        while True:
            self._pause.wait(_LOOK_EVERY_S)
            now = time.monotonic()
            with self._lock:
                overdue = [one for one in self._waiting if now > one.until]
                for waiting in overdue:
                    _end(waiting)


def _answers() -> bool:
    """Whether a new connection of this thread is made and answers; the database's word, not the network's."""
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
    except (DatabaseError, InterfaceError):
        return False
    finally:
        connections[DEFAULT_DB_ALIAS].close()


def _end(waiting: _Waiting) -> None:
    raw = waiting.wrapper.connection
    if raw is None or raw is waiting.ended:
        return  # it is connecting, which has a limit of its own
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(raw.pgconn.socket)) as copy,
    ):
        # Still open after the copy was made: then the copy is of this connection and no other.
        if not raw.closed:
            copy.shutdown(socket.SHUT_RDWR)
            waiting.ended = raw
            logger.warning("database.wait_ended", waited_s=round(time.monotonic() - waiting.began, 1))


database_watch = DatabaseWatch()
