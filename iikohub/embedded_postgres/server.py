"""The PostgreSQL server that the hub runs for itself when ``DATABASE_URL`` is unset.

The first connection of any process starts it, every process of the checkout shares it, and it stops
with the last one. Nobody counts processes: each holds a *shared* lock on ``users.lock`` while it
lives, and the kernel gives that lock back however the process ends, ``kill -9`` included. A process
that ends in good order tries to make its lock exclusive; the one that can is the last, and stops
the server. After a ``kill -9`` of the last process the server idles until the next one comes, which
finds it, uses it and stops it.

Starting, joining and stopping happen under ``startup.lock``, so that ten processes starting at once
make one server, and nobody joins a server that is being stopped.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from psycopg.pq import Ping

from iikohub.embedded_postgres.cluster import Cluster, ConnectionParams
from iikohub.embedded_postgres.programs import EmbeddedPostgresError

logger = logging.getLogger(__name__)

DATABASE_NAME = "iikohub"


def ensure_running(folder: Path) -> ConnectionParams:
    """Return how to reach the server kept in ``folder``, after starting it if it does not run.

    Cheap enough for every new connection: a process that has joined asks the server for a sign of
    life and nothing more.

    Raises:
        EmbeddedPostgresError: it cannot be started.
    """
    if _ending:
        raise EmbeddedPostgresError("This process is ending and has let go of the embedded PostgreSQL.")
    folder = folder.resolve()
    membership = _memberships.setdefault(folder, Membership(Cluster(folder)))
    try:
        return membership.ensure_running()
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {folder} cannot be used: {error}. Make room there or grant access, "
            "name another folder in EMBEDDED_POSTGRES_DIR, or name a server in DATABASE_URL."
        ) from error


class Membership:
    """This process's place among the users of one server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._users_lock: int | None = None
        self._one_thread = threading.Lock()

    def ensure_running(self) -> ConnectionParams:
        with self._one_thread:
            if self._users_lock is None or self.cluster.ping() is not Ping.OK:
                self._join()
            return self.cluster.connection_params()

    def _join(self) -> None:
        folder = self.cluster.folder
        folder.mkdir(parents=True, exist_ok=True)
        with _startup_lock(folder):
            # Before the start: whoever is interrupted in it must still count as a user to stop it.
            if self._users_lock is None:
                self._users_lock = _open_lock(folder / "users.lock")
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)
            self.cluster.bring_up()
            self.cluster.ensure_database(DATABASE_NAME)

    def leave(self) -> None:
        """Let go of the server, and stop it if nobody else uses it."""
        if self._users_lock is None:
            return
        with _startup_lock(self.cluster.folder):
            if _is_last(self._users_lock):
                self.cluster.stop()
            fcntl.flock(self._users_lock, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close our handle of the lock without giving the lock back: a parent may hold the same one."""
        if self._users_lock is not None:
            os.close(self._users_lock)
            self._users_lock = None


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def _startup_lock(folder: Path) -> Iterator[None]:
    """Wait for our turn: each holder is bounded by ``PATIENCE_S``, and a killed one lets go at once."""
    descriptor = _open_lock(folder / "startup.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # In words, since closing alone does not unlock while a forked child has the handle too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _is_last(users_lock: int) -> bool:
    try:
        fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_memberships: dict[Path, Membership] = {}
_ending = False


@atexit.register
def leave_all() -> None:
    """Leave the servers as the process ends."""
    # A thread that still works while the process ends must not start the server again.
    global _ending
    _ending = True
    for membership in _memberships.values():
        try:
            membership.leave()
        except (OSError, subprocess.SubprocessError, EmbeddedPostgresError) as error:
            logger.warning("embedded_postgres.not_stopped", extra={"reason": str(error)})


def forget_parents_memberships() -> None:
    """Let go of the parent's lock, which a forked child shares; it joins for itself when it connects."""
    for membership in _memberships.values():
        membership.forget()
    _memberships.clear()


os.register_at_fork(after_in_child=forget_parents_memberships)
