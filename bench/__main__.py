"""``python -m bench``: make a throw-away database, measure on it, remove it again.

The measuring itself is the management command ``bench`` in a process of its own, because Django's
settings are read once and have to find the new database in the environment.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from iikohub.embedded_postgres.cluster import Cluster

PROJECT = Path(__file__).resolve().parent.parent
# What would change the measurement, or let it write into the data of the checkout.
_CLEARED = ("GUNICORN_BIND", "GUNICORN_THREADS", "PROMETHEUS_MULTIPROC_DIR", "WEB_CONCURRENCY")


def main() -> int:
    with _throw_away_database() as database:
        return _measure({**clean_environment(), **database})


@contextlib.contextmanager
def _throw_away_database() -> Iterator[dict[str, str]]:
    """Give the environment that leads to an empty database: on DATABASE_URL's server, else on our own."""
    if url := os.environ.get("DATABASE_URL"):
        with _database_beside(url) as beside:
            yield {"DATABASE_URL": beside, "EMBEDDED_POSTGRES_DIR": ""}
        return
    folder = Path(tempfile.mkdtemp(prefix="iikohub-bench-"))
    # PostgreSQL may have to run as another user, who must be able to pass.
    folder.chmod(0o711)
    try:
        yield {"DATABASE_URL": "", "EMBEDDED_POSTGRES_DIR": str(folder)}
    finally:
        # It ends with its last user; this is for users that were killed.
        Cluster(folder.resolve()).stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _database_beside(url: str) -> Iterator[str]:
    name = f"iikohub_bench_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def clean_environment() -> dict[str, str]:
    """Return the environment of a hub that knows neither iiko nor the data of this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "DEBUG": "0",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "CREDENTIALS_KEYS": Fernet.generate_key().decode(),
        # No word to iiko.
        "IIKO_API_KEY": "",
        "IIKO_APP_ID": "",
        "IIKO_CLIENT_SECRET": "",
        "WEBHOOK_AUTO_REGISTER": "0",
        "WEBHOOK_BASE_URL": "",
        "WEBHOOK_SECRET_KEY": "",
    }


def _measure(environment: Mapping[str, str]) -> int:
    command = [
        sys.executable, "-m", "demo.tie", str(os.getpid()),
        sys.executable, str(PROJECT / "manage.py"), "bench", *sys.argv[1:],
    ]  # fmt: skip
    # Ctrl-C reaches the child as well: it ends its processes, we wait for it and remove the database.
    signal.signal(signal.SIGINT, _wait_on)
    with subprocess.Popen(command, env=environment, cwd=PROJECT) as child:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: child.terminate())
        return child.wait()


def _wait_on(number: int, frame: FrameType | None) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
