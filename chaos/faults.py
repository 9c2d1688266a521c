"""What goes wrong: a table of faults, each with how it begins and ends, how long it lasts, what it spares."""

import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from random import Random
from typing import ClassVar

import psutil

from bench.processes import ProcessFailed
from chaos.disk import CannotBeFilled
from chaos.evidence import Spares
from chaos.installation import WORKERS, Installation, wait_for

HOUR_S = 3600.0
LONG_FROM_MINUTES = 5
_SLOW_S = (0.2, 2.0)
_LONGEST_LOOKUP_S = 12.0
"""More than the hub waits for a name."""
_WATCH_WITHIN_S = 20.0
_CATCH_WITHIN_S = 20.0
_UP_AGAIN_S = 120.0

_IN_MID_BATCH = """
SELECT count(*) FROM pg_stat_activity
WHERE state = 'idle in transaction' AND state_change < clock_timestamp() - interval '0.3 s'
"""
_BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


class Fault(ABC):
    """One thing that goes wrong. ``begin`` returns what it hit; after ``end`` all is repaired."""

    name: ClassVar[str]
    lasts_s: ClassVar[float]
    lasts_long_s: ClassVar[float] = 0
    """In a run of many minutes; 0: the same."""
    spares: ClassVar[Spares] = Spares.WEB

    def __init__(self, hub: Installation, random: Random) -> None:
        self.hub = hub
        self.random = random
        self.broken: list[str] = []
        """What had to go on meanwhile and did not."""

    @abstractmethod
    def begin(self) -> str: ...

    def end(self) -> None:  # noqa: B027  # some mend themselves
        """Repair what does not come back by itself."""


class WebWorkerKilled(Fault):
    name = "web worker killed"
    spares = Spares.ONE_PROCESS
    lasts_s = 1.0

    def begin(self) -> str:
        assert self.hub.web is not None
        child = self.random.choice(psutil.Process(self.hub.web.process.pid).children())
        child.kill()
        return "one of gunicorn's workers, kill -9: gunicorn starts another by itself"


class WebKilled(Fault):
    """The master dies first and its workers are left alone, as by the kernel's out-of-memory killer."""

    name = "web master killed"
    spares = Spares.NOTHING
    lasts_s = 1.5

    def begin(self) -> str:
        assert self.hub.web is not None
        os.kill(self.hub.web.process.pid, signal.SIGKILL)
        return "gunicorn's master, kill -9"

    def end(self) -> None:
        assert self.hub.web is not None
        self.hub.kill(self.hub.web)
        self.hub.start_web()


class WorkerKilled(Fault):
    name = "worker killed"
    spares = Spares.RECEIVING
    lasts_s = 1.0

    def begin(self) -> str:
        self.hub.kill(self.random.choice(self.hub.workers))
        return f"one of {WORKERS} workers, kill -9"

    def end(self) -> None:
        self.hub.start_worker()


class WorkerStopped(Fault):
    """It sleeps for longer than a batch may be silent, so that the others overtake it; then it wakes."""

    name = "worker stopped"
    spares = Spares.RECEIVING
    lasts_s = 20.0

    def begin(self) -> str:
        self._pid = self.random.choice(self.hub.workers).process.pid
        deadline = time.monotonic() + _CATCH_WITHIN_S
        while time.monotonic() < deadline:
            os.kill(self._pid, signal.SIGSTOP)
            time.sleep(0.4)
            if self.hub.query(_IN_MID_BATCH)[0][0]:
                return "a worker in the middle of a batch, SIGSTOP"
            os.kill(self._pid, signal.SIGCONT)
            time.sleep(self.random.uniform(0.005, 0.05))
        os.kill(self._pid, signal.SIGSTOP)
        return "a worker between two batches, SIGSTOP"

    def end(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


class BackendKilled(Fault):
    name = "database backend killed"
    lasts_s = 1.0

    def begin(self) -> str:
        backends = [pid for (pid,) in self.hub.query(_BACKENDS)]
        os.kill(self.random.choice(backends), signal.SIGKILL)
        return "a backend, kill -9: the server ends all others and recovers"


class PostmasterKilled(Fault):
    name = "postmaster killed"
    lasts_s = 2.0

    def begin(self) -> str:
        next(self.hub.server_processes()).kill()
        return "the postmaster, kill -9"

    def end(self) -> None:
        self.hub.bring_server_up()


class DatabaseCutOff(Fault):
    name = "database cut off"
    lasts_s = 7.0

    def begin(self) -> str:
        self.hub.cut_off()
        return "packets to and from the database are swallowed"

    def end(self) -> None:
        self.hub.mend()


class DatabaseGone(Fault):
    """It is stopped, as for an update of it, and is started again by hand."""

    name = "database gone"
    lasts_s = 8.0
    lasts_long_s = 60.0

    def begin(self) -> str:
        self.hub.cluster.stop()
        return "PostgreSQL is stopped: connections are refused"

    def end(self) -> None:
        self.hub.bring_server_up()


class DatabaseSlow(Fault):
    name = "database slow"
    lasts_s = 8.0
    lasts_long_s = 45.0

    def begin(self) -> str:
        self.hub.slow_down(lambda: self.random.uniform(*_SLOW_S))
        return f"each round trip to the database takes {_SLOW_S[0]:g} to {_SLOW_S[1]:g} s longer"

    def end(self) -> None:
        self.hub.mend()


class NamesGone(Fault):
    """A resolver that is away answers with a refusal, or not for a long time; both come."""

    name = "DNS gone"
    lasts_s = 10.0
    lasts_long_s = 60.0
    spares = Spares.RECEIVING

    def begin(self) -> str:
        self.hub.forget_names(_LONGEST_LOOKUP_S)
        return f"iiko's name is not resolved: lookups fail at once or after {_LONGEST_LOOKUP_S:g} s at most"

    def end(self) -> None:
        self.hub.know_names()
        if not self.hub.refused_lookups():
            self.broken.append("nobody looked iiko's name up: nothing was seen of this fault")


class WebWithoutWorker(Fault):
    name = "web without worker"
    lasts_s = 8.0
    lasts_long_s = 90.0
    spares = Spares.RECEIVING

    def begin(self) -> str:
        self.hub.stop_workers()
        return "all workers, SIGTERM"

    def end(self) -> None:
        for _ in range(WORKERS):
            self.hub.start_worker()


class WorkerWithoutWeb(Fault):
    """Workers go on: what they do every few seconds they do meanwhile, too."""

    name = "worker without web"
    lasts_s = 6.0
    lasts_long_s = 60.0
    spares = Spares.NOTHING

    def begin(self) -> str:
        self.hub.stop_web()
        self._began = self.hub.query("SELECT clock_timestamp()")[0][0]
        return "gunicorn, SIGTERM"

    def end(self) -> None:
        with suppress(ProcessFailed):
            wait_for(self._has_worked, "the workers to do something", seconds=_WATCH_WITHIN_S)
        if not self._has_worked():
            self.broken.append(
                f"no worker looked at the rules of the attention list in {_WATCH_WITHIN_S:g} s"
            )
        self.hub.start_web()

    def _has_worked(self) -> bool:
        return bool(self.hub.query("SELECT 1 FROM attention_watch WHERE at > %s", self._began))


class ClocksJump(Fault):
    """Clocks that were right jump while the processes run, as when somebody sets them, and jump back."""

    name = "clocks jump"
    lasts_s = 6.0
    lasts_long_s = 60.0
    spares = Spares.RECEIVING

    def begin(self) -> str:
        by_s = self.random.choice((HOUR_S, -HOUR_S))
        self.hub.jump_clocks(by_s)
        return f"web and workers jump by {by_s / 60:+.0f} minutes, and back"

    def end(self) -> None:
        self.hub.jump_clocks(0)


class WorkerClocksWrong(Fault):
    name = "workers' clocks an hour off"
    spares = Spares.RECEIVING
    lasts_s = 8.0

    def begin(self) -> str:
        self.hub.stop_workers()
        for shift_s in (HOUR_S, -HOUR_S):
            self.hub.start_worker(shift_s=shift_s)
        return "one worker an hour ahead, the other an hour behind"

    def end(self) -> None:
        self.hub.stop_workers()
        for _ in range(WORKERS):
            self.hub.start_worker()


class WebClockWrong(Fault):
    spares = Spares.NOTHING
    lasts_s = 5.0
    shift_s: ClassVar[float]

    def begin(self) -> str:
        self.hub.stop_web()
        self.hub.start_web(shift_s=self.shift_s)
        return f"gunicorn, started with its clock {self.shift_s / 60:+.0f} minutes off"

    def end(self) -> None:
        self.hub.stop_web()
        self.hub.start_web()


class WebClockAhead(WebClockWrong):
    name = "web an hour ahead"
    shift_s = HOUR_S


class WebClockBehind(WebClockWrong):
    name = "web an hour behind"
    shift_s = -HOUR_S


class DiskFull(Fault):
    name = "disk full"
    lasts_s = 6.0

    def begin(self) -> str:
        self.hub.disk.fill()
        return self.hub.disk.what

    def end(self) -> None:
        with suppress(CannotBeFilled):  # then it was not filled either
            self.hub.disk.free()
        # A server that could not write its log may have ended; somebody starts it again.
        self.hub.bring_server_up()


FAULTS: tuple[type[Fault], ...] = (
    WebWorkerKilled,
    WebKilled,
    WorkerKilled,
    WorkerStopped,
    BackendKilled,
    PostmasterKilled,
    DatabaseCutOff,
    WorkerClocksWrong,
    WebClockAhead,
    WebClockBehind,
    DiskFull,
    DatabaseGone,
    DatabaseSlow,
    NamesGone,
    WebWithoutWorker,
    WorkerWithoutWeb,
    ClocksJump,
)


def plan(random: Random, *, faults: tuple[type[Fault], ...] = FAULTS) -> list[type[Fault]]:
    """Give all faults once, in an order of the dice."""
    return random.sample(faults, len(faults))


def wait_until_up(hub: Installation) -> None:
    wait_for(lambda: hub.answers("/readyz"), "/readyz after a fault", seconds=_UP_AGAIN_S)
