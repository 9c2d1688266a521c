"""One clock for all processes: the database's (docs/adr/0009-one-clock.md).

Processes of the hub run on several machines, and what one writes (a deadline, a lease, a pause) another
compares. So no process uses the clock of its machine for it. A process reads the database's clock from
time to time and counts on from there by its monotonic timer, which nobody sets. Durations within one
process need no clock: ``time.monotonic`` measures them.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

logger = structlog.stdlib.get_logger(__name__)

FRESH_S = 60.0
"""A reading is used for so long. Until then two good timers differ by a few milliseconds."""

READ_EVERY_S = 30.0
SKEWED_S = 5.0
"""A clock of a machine that is wrong by more is worth a warning."""

WARN_EVERY_S = 600.0
NEXT_STEP = "Have this machine's clock set by NTP, for instance by chrony or systemd-timesyncd."
_RETRY_S = 5.0
_SLOW_S = 0.5
_JUMP_S = 1.0
_LAST_READING_S = 1.0

_DELETE_SKEW = """
DELETE FROM clock_skews
WHERE (host = %s AND role = %s) OR seen_at < clock_timestamp() - interval '1 day'
"""
_UPSERT_SKEW = """
INSERT INTO clock_skews (host, role, skew_s, seen_at) VALUES (%s, %s, %s, clock_timestamp())
ON CONFLICT (host, role) DO UPDATE SET skew_s = excluded.skew_s, seen_at = excluded.seen_at
"""


def now() -> datetime:
    """Return the time by the database's clock; mostly without asking it.

    It may be behind by as long as the last reading took, and is never ahead by more than timers differ.

    Raises:
        DatabaseError, InterfaceError: it was never read, and the database does not answer.
    """
    return clock.now()


def exactly_now() -> datetime:
    """Ask the database for the time: for a step that the database started and that must not be early."""
    with connection.cursor() as cursor:
        return _ask(cursor)


def skew_s() -> float:
    """Return by how much the clock of this machine is ahead of the database's; negative: behind.

    Raises:
        DatabaseError, InterfaceError: the database's clock was never read, and it does not answer.
    """
    return _machine_s() - clock.now().timestamp()


def is_skewed(seconds: float) -> bool:
    return abs(seconds) > SKEWED_S


def host() -> str:
    """Return the name of this machine, for reports on its clock."""
    return socket.gethostname()[:200]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the database's clock showed, and the timer and the clock of this process at that moment."""

    at: datetime
    timer: float
    clock: float

    @classmethod
    def take(cls, cursor: CursorWrapper) -> Reading:
        """Ask the database. The moments are those of the answer, so that nothing counted from it is ahead."""
        at = _ask(cursor)
        return cls(at, time.monotonic(), _machine_s())

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.timer

    @property
    def skew_s(self) -> float:
        return self.clock - self.at.timestamp()

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.age_s)

    def agrees_with(self, other: Reading, *, within_s: float) -> bool:
        return abs((other.now() - self.now()).total_seconds()) <= within_s

    def is_good(self) -> bool:
        """Tell whether it is fresh, and the machine neither slept nor had its clock set since then."""
        return self.age_s < FRESH_S and abs(_machine_s() - self.clock - self.age_s) < _JUMP_S


class DatabaseClock:
    """The database's clock as this process knows it; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._retry_at = 0.0
        self._skew = SkewReport()

    def now(self) -> datetime:
        reading = self._reading
        if reading is None or not reading.is_good():
            reading = self._refreshed(reading)
        return reading.now()

    def estimate_ms(self) -> int:
        """Return the milliseconds since 1970 without asking: by the last reading, else by this machine.

        For names that only hint at a time.
        """
        reading = self._reading
        seconds = _machine_s() if reading is None else reading.at.timestamp() + reading.age_s
        return int(seconds * 1000)

    def read(self) -> Reading:
        """Read the database's clock, on a connection of its own, and report how far this machine's is off.

        The caller's connection may be in a transaction that has failed, or be counted.

        Raises:
            DatabaseError, InterfaceError: the database does not answer.
        """
        with _own_connection() as own:
            with own.cursor() as cursor:
                began = time.monotonic()
                reading = Reading.take(cursor)
            last, took_s = self._reading, reading.timer - began
            if last is not None and took_s > _SLOW_S and reading.agrees_with(last, within_s=took_s):
                # An answer that took long says little of when it was given: the former one is as good.
                self._retry_at = time.monotonic() + _RETRY_S
                return last
            self._reading = reading
            self._skew.report(reading.skew_s, own)
        return reading

    def keep(self, role: str) -> Callable[[], None]:
        """Read it in the background until the returned function is called.

        ``role`` names this process (web, worker) in a report of a wrong clock.
        """
        self._skew.role = role
        stopping = threading.Event()
        thread = threading.Thread(target=self._keep, args=[stopping], name="database clock", daemon=True)
        thread.start()

        def stop() -> None:
            stopping.set()
            thread.join(_LAST_READING_S)

        return stop

    def start_from(self, reading: Reading | None) -> None:
        """Count from a given reading; None: from the next there is."""
        self._reading, self._retry_at = reading, 0.0

    def after_fork(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def _refreshed(self, last: Reading | None) -> Reading:
        # While one thread reads, the others go on with what was read before.
        if not self._lock.acquire(blocking=last is None):
            return last or self.read()
        try:
            if self._reading is not None and self._reading is not last:
                return self._reading
            if last is not None and time.monotonic() < self._retry_at:
                return last
            return self.read()
        except (DatabaseError, InterfaceError):
            if last is None:
                raise
            self._retry_at = time.monotonic() + _RETRY_S
            return last
        finally:
            self._lock.release()

    def _keep(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self.read()
            except (DatabaseError, InterfaceError) as error:
                logger.info("clock.not_read", error_type=type(error).__name__)
            stopping.wait(READ_EVERY_S)


class SkewReport:
    """Reports to the log and the overview that the clock of this machine is wrong."""

    def __init__(self) -> None:
        self.role = ""
        self._warn_at: float | None = None
        # What an earlier process left behind goes with the first good reading.
        self._may_have_row = True

    def report(self, skew: float, own: BaseDatabaseWrapper) -> None:
        if is_skewed(skew):
            self._warn(skew)
        elif self._warn_at is not None:
            self._warn_at = None
            logger.warning("clock.right_again", skew_s=round(skew, 1))
        if self.role and (is_skewed(skew) or self._may_have_row):
            self._note(skew, own)

    def _warn(self, skew: float) -> None:
        if self._warn_at is None or time.monotonic() >= self._warn_at:
            self._warn_at = time.monotonic() + WARN_EVERY_S
            logger.warning("clock.skewed", skew_s=round(skew, 1), host=host(), next_step=NEXT_STEP)

    def _note(self, skew: float, own: BaseDatabaseWrapper) -> None:
        try:
            with own.cursor() as cursor:
                if is_skewed(skew):
                    cursor.execute(_UPSERT_SKEW, [host(), self.role, skew])
                else:
                    cursor.execute(_DELETE_SKEW, [host(), self.role])
        except (
            DatabaseError
        ) as error:  # the table may be younger than the process; the log has it in any case
            logger.info("clock.not_noted", error_type=type(error).__name__)
            return
        self._may_have_row = is_skewed(skew)


def _machine_s() -> float:
    """Read the clock of this machine, to compare it."""
    return time.time()  # noqa: TID251  # the one place that may


def _ask(cursor: CursorWrapper) -> datetime:
    cursor.execute("SELECT clock_timestamp()")
    moment: datetime = cursor.fetchone()[0]
    return moment


@contextmanager
def _own_connection() -> Iterator[BaseDatabaseWrapper]:
    own = connections.create_connection("default")
    try:
        yield own
    finally:
        own.close()


clock = DatabaseClock()
os.register_at_fork(after_in_child=clock.after_fork)
