"""The whole database into one file and back, with PostgreSQL's own programs.

The programs are those that came with the embedded server, or for a server of your own those found on
``PATH`` where they are not older than it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from iikohub.embedded_postgres.programs import BINARIES
from organizations.fields import EncryptedTextField

Say = Callable[[str], None]

# Everything goes, tables of a later version included; in the transaction that brings the backup in.
EMPTY = (
    "SET lock_timeout = '10s'",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
)


SEAL = b"iikohub:"
"""Stands before the checksum at the end of a backup."""


class BackupError(Exception):
    """Nothing was changed; the message says why and what to do."""


def backup(file: Path, *, overwrites: bool, say: Say) -> int:
    """Write the database into ``file`` and return its size; a running hub may go on working.

    The file appears whole or not at all, and only its owner may read it.
    """
    if file.exists() and not overwrites:
        raise BackupError(f"{file} exists already. Name another file, or overwrite it with --force.")
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent}. Make it first.")
    program = _program("pg_dump")
    with _partial(file) as (path, output):
        _run(
            [
                program,
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                "--verbose",
                f"--dbname={_target()}",
            ],
            output=output,
            say=say,
        )
        _seal(path)
        path.replace(file)
    return file.stat().st_size


def _seal(path: Path) -> None:
    """Append a checksum: pg_restore takes an archive that lacks its end for a whole one."""
    with path.open("r+b") as archive:
        digest = hashlib.file_digest(archive, "sha256").digest()
        archive.seek(0, os.SEEK_END)
        archive.write(SEAL + digest)
        archive.flush()
        os.fsync(archive.fileno())


def _is_whole(path: Path) -> bool:
    with path.open("rb") as archive:
        left = path.stat().st_size - len(SEAL) - hashlib.sha256().digest_size
        digest = hashlib.sha256()
        while left > 0 and (part := archive.read(min(left, 1 << 20))):
            digest.update(part)
            left -= len(part)
        return archive.read() == SEAL + digest.digest()


@contextmanager
def _partial(file: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a file beside ``file`` that only its owner may read, and leave none behind."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)
    except OSError as error:
        raise BackupError(f"{file.parent} cannot be written to: {error.strerror}.") from error
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as output:
            yield path, output
    finally:
        path.unlink(missing_ok=True)


def restore(file: Path, *, replaces: bool, say: Say) -> None:
    """Put the contents of a backup in place of the database's: all of them or, on any error, none.

    ``replaces`` lets it empty a database that holds something.
    """
    program = _program("pg_restore")
    _refuse_unreadable(program, file)
    _refuse_later_version(program, file)
    _refuse_while_running()
    tables = connection.introspection.table_names()
    if tables and not replaces:
        raise BackupError(
            f"The database is not empty: it has {len(tables)} tables, with {_what_is_there(tables)}. "
            "Its contents would be lost; say so with --force."
        )
    connection.close()
    with tempfile.TemporaryDirectory(prefix="iikohub-restore-") as folder:
        # A script first, so that the database's part of the work is one transaction of psql.
        script = Path(folder) / "restore.sql"
        say("Reading the backup…")
        _run([program, "--no-owner", "--no-privileges", f"--file={script}", str(file)])
        say("Bringing it in…")
        _run_script(script, first=EMPTY if tables else ())
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("ANALYZE")
    connection.close()


def unreadable_secrets() -> list[str]:
    """Return the tables whose encrypted columns ``CREDENTIALS_KEYS`` does not open."""
    found = []
    for model in apps.get_models():
        names = [field.name for field in model._meta.fields if isinstance(field, EncryptedTextField)]
        try:
            if names:
                list(model._default_manager.values_list(*names))
        except ImproperlyConfigured:
            found.append(model._meta.db_table)
    return found


# --- what a restore refuses --------------------------------------------------------------------------


def _refuse_unreadable(program: str, file: Path) -> None:
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    if not _is_whole(file):
        raise BackupError(f"{file} is not what manage.py backup wrote, or it is damaged or breaks off.")
    listed = _run([program, "--list", str(file)])
    # "; Dumped from database version: 18.1"
    written = re.search(r"Dumped from database version: (\d+)", listed)
    if written and int(written[1]) > _server_version():
        raise BackupError(
            f"The backup was written by PostgreSQL {written[1]}, this server is PostgreSQL "
            f"{_server_version()}: it takes backups of its own version and older ones."
        )


def _refuse_later_version(program: str, file: Path) -> None:
    """Tables of a later hub would be there, and this one could not work with them."""
    rows = _run([program, "--data-only", "--table=django_migrations", "--file=-", str(file)])
    applied = re.findall(r"^\d+\t(\w+)\t(\w+)\t", rows, flags=re.MULTILINE)
    if not applied:
        raise BackupError(f"{file} is no backup of a hub: it lists no migrations.")
    loader = MigrationLoader(None)
    known_apps = {app for app, _name in loader.disk_migrations}
    known = set(loader.disk_migrations).union(*(one.replaces for one in loader.disk_migrations.values()))
    if unknown := [
        f"{app}.{name}" for app, name in applied if app in known_apps and (app, name) not in known
    ]:
        raise BackupError(
            f"The backup was written by a later version of the hub (it has {unknown[-1]}). "
            "Update this one first."
        )


def _refuse_while_running() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        [others] = cursor.fetchone()
    if others:
        raise BackupError(
            f"The database is in use ({others} other connections). Stop the web server and all workers first."
        )


def _what_is_there(tables: Sequence[str]) -> str:
    counts = []
    with connection.cursor() as cursor:
        for table in ("organizations", "orders", "webhook_events", "auth_user"):
            if table in tables:
                cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608  # constants
                counts.append(f"{cursor.fetchone()[0]} {table}")
    return ", ".join(counts) or "none of them the hub's"


# --- PostgreSQL's programs ---------------------------------------------------------------------------


def _program(name: str) -> str:
    """Find a program that is not older than the server: on PATH, else with the embedded server."""
    server, seen = _server_version(), []
    paths = [BINARIES / name]
    if "embedded" not in connection.settings_dict["ENGINE"] and (found := shutil.which(name)):
        paths.insert(0, Path(found))
    for path in paths:
        version = _version_of(path)
        if version >= server:
            return str(path)
        seen.append(f"{path} is {version}")
    raise BackupError(
        f"The server is PostgreSQL {server}, and {name} has to be {server} or newer ({'; '.join(seen)}). "
        f"Install it (on Debian and Ubuntu: postgresql-client-{server}) and put it on PATH."
    )


def _version_of(path: Path) -> int:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603  # PostgreSQL's
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"(\d+)", done.stdout)
    return int(found[1]) if found else 0


def _server_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10000


def _run_script(script: Path, *, first: Sequence[str]) -> None:
    """Run the statements ``first`` and then a script as one transaction."""
    steps = [f"--command={statement}" for statement in first]
    _run(
        [
            *(_program("psql"), "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"),
            *("--single-transaction", *steps, f"--file={script}", f"--dbname={_target()}"),
        ]
    )


def _target() -> str:
    """How to reach the database, without the password: a command line is read by everybody."""
    known = {keyword.keyword.decode() for keyword in Conninfo.get_defaults()} - {"password", "options"}
    parameters = connection.get_connection_params()
    return make_conninfo(**{name: str(value) for name, value in parameters.items() if name in known})


def _run(command: list[str], *, output: IO[bytes] | None = None, say: Say = lambda _line: None) -> str:
    """Run a program; what it says is counted off to ``say``, and its last words are the error's.

    Returns what it writes, unless that goes to ``output``.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password := connection.get_connection_params().get("password"):
        environment["PGPASSWORD"] = str(password)
    with tempfile.TemporaryFile() as own, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(  # noqa: S603  # PostgreSQL's
            command,
            stdin=subprocess.DEVNULL,
            stdout=output or own,
            stderr=subprocess.PIPE if output else errors,
            env={**environment, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "15"},
        ) as process:
            last_words = deque(_output_of(process, say), maxlen=3)
        code = process.returncode
        if not output:
            errors.seek(0)
            last_words = deque(errors.read().decode(errors="replace").splitlines(), maxlen=3)
        if code:
            raise BackupError(f"{Path(command[0]).name} failed: {' '.join(last_words).strip() or code}")
        own.seek(0)
        return own.read().decode(errors="replace")


def _output_of(process: subprocess.Popen[bytes], say: Say) -> Iterator[str]:
    """Yield what a program writes, and report each table that it comes to."""
    for raw in process.stderr or ():
        line = raw.decode(errors="replace").strip()
        if table := re.search(r'dumping contents of table "?([\w.]+)', line):
            say(f"  {table[1].removeprefix('public.')}")
        yield line
