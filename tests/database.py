"""The database of the tests: a server for them alone, a migrated template that is kept, a short way back.

Migrations run once and then not before one of them changes: each worker copies the template. A test
that commits is followed by emptying the tables it wrote to, not by all of them.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django.test import TransactionTestCase

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".data" / "tests"
FOLDER = KEPT / "postgres"
TEMPLATE = "test_iikohub_template_"
COPY = "test_iikohub_copy_"
ONE_BUILDS, IN_USE = 5_409_117, 5_409_118
"""Advisory locks: of who makes the template, while the others wait; of a copy, with the hash of its name."""

# What a power cut does to the rows of a test is nobody's business.
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "256MB",
}


# --- from the template ---------------------------------------------------------------------------------


@contextmanager
def database_of_this_run() -> Iterator[None]:
    """Give the connection a fresh copy of the migrated template, and drop it in the end.

    Runs beside each other have one each; what a killed run left behind goes with the next.
    """
    installed = connection.settings_dict["NAME"]
    name = f"{COPY}{os.getpid()}"
    connection.close()
    with _server() as cursor:
        if settings.DATABASES["default"]["ENGINE"] == "iikohub.db_backends.embedded":
            _take_no_care(cursor)
        with _alone(cursor):
            _drop_orphans(cursor)
            cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [IN_USE, name])
            template = _template(cursor)
        _copy(cursor, template, name)
        _use(name)
        _note_pristine(template)
        yield
        _use(installed)
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def empty_database() -> Iterator[None]:
    """Give the connection a database without tables, and drop it in the end."""
    before = connection.settings_dict["NAME"]
    name = f"{COPY}{os.getpid()}_empty"
    with _server() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [IN_USE, name])
        cursor.execute(f'CREATE DATABASE "{name}"')
        _use(name)
        try:
            yield
        finally:
            _use(before)
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _alone(cursor: CursorWrapper) -> Iterator[None]:
    cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_BUILDS])
    yield
    cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_BUILDS])


def _drop_orphans(cursor: CursorWrapper) -> None:
    for name in _databases(cursor, COPY):
        lock: tuple[int, str] = (IN_USE, name)
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", lock)
        if cursor.fetchone() == (True,):
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", lock)


def _databases(cursor: CursorWrapper, beginning: str) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [beginning])
    return [row[0] for row in cursor.fetchall()]


@contextmanager
def _server() -> Iterator[CursorWrapper]:
    """Open a cursor outside of the databases that come and go."""
    with connection._nodb_cursor() as cursor:
        yield cursor


def _take_no_care(cursor: CursorWrapper) -> None:
    for name, value in CARELESS.items():
        cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    cursor.execute("SELECT pg_reload_conf()")


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name


def _copy(cursor: CursorWrapper, template: str, name: str) -> None:
    cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')


def _template(cursor: CursorWrapper) -> str:
    """Return the name of the template, which is made if this state of the migrations has none yet."""
    name = TEMPLATE + digest()
    found = _databases(cursor, TEMPLATE)
    if name not in found:
        for old in found:
            cursor.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
        _build(cursor, name)
    return name


def _build(cursor: CursorWrapper, name: str) -> None:
    """Migrate an empty database, which gets its name when it is whole."""
    unfinished = f"{TEMPLATE}unfinished"
    before = connection.settings_dict["NAME"]
    cursor.execute(f'CREATE DATABASE "{unfinished}"')
    _use(unfinished)
    call_command("migrate", interactive=False, verbosity=0)
    _use(before)
    cursor.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')


@cache
def digest() -> str:
    """Tell one state of the migrations from another: their text, what they import of ours, the models."""
    told = hashlib.sha256(repr(django.VERSION).encode())
    modules = MigrationLoader(None, ignore_no_migrations=True).disk_migrations.values()
    files = {_file(migration.__module__) for migration in modules}
    for path in sorted(files.union(*map(_own_imports, files))):
        told.update(path.read_bytes())
    for model in sorted(apps.get_models(), key=lambda one: one._meta.label):  # they make the permissions
        meta = model._meta
        told.update(
            repr((meta.label, meta.verbose_name_raw, meta.default_permissions, meta.permissions)).encode()
        )
    return told.hexdigest()[:16]


def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def _own_imports(migration: Path) -> set[Path]:
    named = re.findall(r"^(?:import|from) (\w[\w.]*)", migration.read_text(), re.MULTILINE)
    return {_file(name) for name in named if (ROOT / name.partition(".")[0]).is_dir()}


# --- for hubs in processes of their own -----------------------------------------------------------------


def copy_migrated_cluster(folder: Path) -> None:
    """Fill ``folder`` with an embedded server whose database is migrated; such a one is made once."""
    _copy_cluster(folder, "cluster_", digest(), project=ROOT)


def copy_former_cluster(folder: Path, former: Path, name: str) -> None:
    """Do so with the migrations of another version of the project, which lies in ``former``."""
    _copy_cluster(folder, "former_", name, project=former)


def _copy_cluster(folder: Path, kind: str, name: str, *, project: Path) -> None:
    kept = KEPT / f"{kind}{name}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in KEPT.glob(f"{kind}*"):
                shutil.rmtree(old)
            _make_cluster(KEPT / f"{kind}unfinished", project).rename(kept)
    # Owner and mode stay: PostgreSQL looks at both.
    subprocess.run(["cp", "-a", str(kept), str(folder)], check=True)


def prepare() -> None:
    """Make ahead what the workers of the first run would wait for: the template, and the migrated server."""
    settings.EMBEDDED_POSTGRES_DIR = FOLDER
    with database_of_this_run(), TemporaryDirectory() as folder:
        copy_migrated_cluster(Path(folder) / "postgres")


def _make_cluster(folder: Path, project: Path) -> Path:
    """Migrate a new server; the command is its last user, and so stops it."""
    env = os.environ | {"EMBEDDED_POSTGRES_DIR": str(folder), "DATABASE_URL": ""}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=project, env=env, check=True)
    with (folder / "data" / "postgresql.conf").open("a") as file:
        # Processes are killed, never the machine.
        file.write("fsync = off\n")
    return folder


# --- after a test that committed -----------------------------------------------------------------------

_pristine: dict[str, str] = {}
"""What the template brings along: a digest of the rows by table."""
_template_name = ""


def _note_pristine(template: str) -> None:
    global _template_name
    _template_name = template
    with connection.cursor() as cursor:
        _pristine.update({table: _rows(cursor, table) for table in _filled(cursor)})


def empty_what_was_written(_: TransactionTestCase | None = None) -> None:
    """Take the database back to the template.

    Rows of most tables go; a change of what the template brings along leads to a new copy. ``TRUNCATE`` would
    make all files of a table anew, and come to a deadlock with a request that still reads.
    """
    with connection.cursor() as cursor:
        _wait_for_others(cursor)
        filled = _filled(cursor)
        if all(table in filled and _rows(cursor, table) == rows for table, rows in _pristine.items()):
            # Sent at once they are one transaction, at whose end the keys between them are looked at.
            written = [f'DELETE FROM "{table}"' for table in filled if table not in _pristine]
            if written:
                cursor.execute("; ".join(written))
            return
    name = connection.settings_dict["NAME"]
    connection.close()
    with _server() as server:
        _copy(server, _template_name, name)


def _wait_for_others(cursor: CursorWrapper) -> None:
    """Let a thread of the test end its transaction, for a moment."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        if cursor.fetchone() == (0,):
            return
        time.sleep(0.02)


def _filled(cursor: CursorWrapper) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    tables = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        " UNION ALL ".join(f"(SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\"))" for table in tables)
    )
    return [row[0] for row in cursor.fetchall()]


def _rows(cursor: CursorWrapper, table: str) -> str:
    cursor.execute(f"SELECT md5(string_agg(one::text, ' ' ORDER BY one::text)) FROM \"{table}\" one")
    found: Any = cursor.fetchone()
    return str(found[0])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iikohub.settings")
    django.setup()
    prepare()
