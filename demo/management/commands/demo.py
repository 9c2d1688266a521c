"""``make run``: the whole hub with a simulated iiko, on one machine, from an empty folder."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from demo.data import (
    ADMIN_NAME,
    API_LOGIN,
    OPERATOR_NAME,
    channel_address,
    empty_database,
    ensure_admin,
    ensure_channel,
    ensure_demo,
    ensure_operator,
)
from demo.tie import tie_to
from iikohub.configuration.secrets import kept_secret, make_secret_key

if TYPE_CHECKING:
    from demo.supervisor import Supervisor

# What it and the sandbox run on; requirements.txt has neither.
PACKAGES = ("honcho", "flask")


class Command(BaseCommand):
    help = "Run the hub with demo data and a simulated iiko: web, worker and sandbox. Ctrl-C stops all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (default 8000)")
        parser.add_argument(
            "--seed", type=int, default=1, help="which scenario the sandbox follows (default 1)"
        )
        parser.add_argument(
            "--empty",
            action="store_true",
            help="begin with an empty hub, in a database of its own: the first steps are yours to take",
        )
        parser.add_argument(
            "--end-with-parent",
            action="store_true",
            help="stop as soon as the process that started this one ends, however it ends (Linux)",
        )

    def handle(self, *, port: int, seed: int, empty: bool, end_with_parent: bool, **_options: object) -> None:
        refuse_without_packages()
        if empty:
            refuse_foreign_database()
            settings.EMBEDDED_POSTGRES_DIR = settings.DATA_DIR / "postgres-empty"
        if end_with_parent:
            tie_to(os.getppid())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop_in_good_order)
        claim_checkout(settings.DATA_DIR / "demo.lock", f"http://127.0.0.1:{port}/admin/")
        refuse_unusable(port)
        sandbox_port = next_free(port + 1)
        token = kept_secret(settings.DATA_DIR / "demo_webhook_token", make_secret_key)
        try:
            self._prepare(empty=empty)
            if not empty:
                self._say("Checking the demo data…")
                ensure_demo(seed=seed, webhook_token=token, sandbox_url=f"http://127.0.0.1:{sandbox_port}")
                ensure_operator()
                ensure_channel(f"http://127.0.0.1:{sandbox_port}")
            password = ensure_admin()
        except OperationalError as error:
            raise CommandError(str(error)) from error
        connection.close()
        self._say("Starting web server, worker and sandbox…")
        supervisor = supervised(port=port, sandbox_port=sandbox_port, seed=seed, token=token, empty=empty)
        addresses = (f"http://127.0.0.1:{port}/healthz", f"http://127.0.0.1:{sandbox_port}/")
        supervisor.remind(
            box(port, sandbox_port, password, empty=empty), is_ready=lambda: all(map(answers, addresses))
        )
        sys.exit(supervisor.run())

    def _prepare(self, *, empty: bool) -> None:
        self._say("Starting the database…")
        if empty:
            empty_database()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if pending:
            self._say(f"Making its tables ({len(pending)} steps)…")
            call_command("migrate", verbosity=0, interactive=False)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def box(port: int, sandbox_port: int, password: str | None, *, empty: bool) -> str:
    """Frame what a person needs to come in, and in an empty hub to take the first steps."""
    rows = [
        ("Open", f"http://127.0.0.1:{port}/"),
        ("Login", ADMIN_NAME if empty else f"{ADMIN_NAME}, or {OPERATOR_NAME} who works on the board"),
        (
            "Password",
            password or f"the one you have set (manage.py changepassword {ADMIN_NAME} sets another)",
        ),
        ("API docs", f"http://127.0.0.1:{port}/api/docs/"),
        ("Simulated iiko", f"http://127.0.0.1:{sandbox_port}/"),
    ]
    if empty:
        rows += [
            ("First steps", f"http://127.0.0.1:{port}/admin/first-steps/"),
            ("API login", f"{API_LOGIN}, address of iiko: http://127.0.0.1:{sandbox_port}"),
            ("Channel", channel_address(f"http://127.0.0.1:{sandbox_port}")),
        ]
    lines = [f"{name:<14} {value}" for name, value in rows]
    stays = "begins empty each time" if empty else "the data stay in .data/"
    lines.append(f"Enter shows this again. Ctrl-C stops everything; {stays}.")
    width = max(map(len, lines))
    framed = "\n".join(f"│ {line:<{width}} │" for line in lines)
    # Outside the frame, since it is long and to be copied.
    shell = f"\nIn the shell, for this hub: {shell_settings(port, sandbox_port)} .venv/bin/python manage.py …"
    return f"┌{'─' * (width + 2)}┐\n{framed}\n└{'─' * (width + 2)}┘{shell if empty else ''}"


def shell_settings(port: int, sandbox_port: int) -> str:
    """Write what a command from the shell needs to work on the empty hub, not on the other database."""
    directory = os.path.relpath(settings.EMBEDDED_POSTGRES_DIR, settings.BASE_DIR)
    return (
        f"EMBEDDED_POSTGRES_DIR={directory} WEBHOOK_BASE_URL=http://127.0.0.1:{port} "
        f"IIKO_API_URL=http://127.0.0.1:{sandbox_port} IIKO_ALLOW_PRIVATE_ADDRESSES=1"
    )


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2):  # noqa: S310  # our own, http
            return True
    except (OSError, HTTPException):
        return False


def stop_in_good_order(_number: int, _frame: FrameType | None) -> None:
    # Not the default of SIGTERM, which would leave the embedded PostgreSQL running.
    sys.exit("Stopped before it was ready.")


def claim_checkout(lock: Path, address: str) -> None:
    """Refuse to run twice in one checkout. The lock is held until this process ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        running = os.pread(descriptor, 200, 0).decode()
        os.close(descriptor)
        raise CommandError(
            f"The hub already runs in this folder: {running}. Stop it first (Ctrl-C)."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{address} (process {os.getpid()})".encode(), 0)


def refuse_without_packages() -> None:
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise CommandError(
            f"The demo needs packages that are not installed ({', '.join(missing)}); "
            "run `make run`, which installs them, or `make install`."
        )


def refuse_foreign_database() -> None:
    if settings.DATABASE_URL:
        raise CommandError(
            "An empty hub needs a database that may be emptied; DATABASE_URL names one of yours. Unset it."
        )


def refuse_unusable(port: int) -> None:
    if not 1 <= port <= 65534:
        raise CommandError(f"Port {port} does not exist; choose one from 1 to 65534.")
    try:
        probe(port)
    except PermissionError as error:
        raise CommandError(f"Port {port} is not allowed to you; run `make run PORT=8000`.") from error
    except OSError as error:
        raise CommandError(f"Port {port} is taken; run `make run PORT={next_free(port + 1)}`.") from error


def next_free(port: int) -> int:
    for candidate in range(port, min(port + 100, 65536)):
        try:
            probe(candidate)
        except OSError:
            continue
        return candidate
    raise CommandError(f"No port from {port} on is free.")


def probe(port: int) -> None:
    with socket.socket() as listener:
        # As gunicorn does: a port whose last connections are still fading away is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))


def supervised(*, port: int, sandbox_port: int, seed: int, token: str, empty: bool) -> Supervisor:
    web = f"127.0.0.1:{port}"
    env = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PORT": str(port),
        # The demo's passwords are for this machine; whoever wants to show it around says where.
        "LOG_FORMAT": os.environ.get("LOG_FORMAT") or "console",
        "GUNICORN_BIND": os.environ.get("GUNICORN_BIND") or web,
        "WEBHOOK_BASE_URL": f"http://{web}",
        "IIKO_API_URL": f"http://127.0.0.1:{sandbox_port}",
        "IIKO_ALLOW_PRIVATE_ADDRESSES": "1",
        "NOTIFY_ALLOW_PRIVATE_ADDRESSES": "1",
        "OUTBOUND_ALLOW_PRIVATE_ADDRESSES": "1",
        "IIKO_SANDBOX_WEBHOOK_TOKEN": token,
        # In an empty hub it is a step that a person takes.
        "WEBHOOK_AUTO_REGISTER": os.environ.get("WEBHOOK_AUTO_REGISTER") or ("0" if empty else "1"),
        "EMBEDDED_POSTGRES_DIR": str(settings.EMBEDDED_POSTGRES_DIR),
    }
    # Here, not above: the command must be able to say that honcho is missing.
    from demo.supervisor import Supervisor

    supervisor = Supervisor(sys.stdout)
    supervisor.add("web", sys.executable, "-m", "iikohub.operations.web_server", env=env)
    supervisor.add("worker", sys.executable, "manage.py", "worker", env=env)
    sandbox = ["iiko_sandbox", "--port", str(sandbox_port), "--seed", str(seed)]
    if empty:
        sandbox += ["--webhook-url", "nowhere"]
    supervisor.add("sandbox", sys.executable, "manage.py", *sandbox, env=env)
    return supervisor
