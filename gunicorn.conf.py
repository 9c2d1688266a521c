"""How the web processes run: ``gunicorn iikohub.wsgi`` reads this file by itself."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import os
import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import environ

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

# As the settings do: what is set in the environment wins over the file.
environ.Env.read_env(Path(__file__).resolve().parent / ".env")

# This machine alone, until GUNICORN_BIND says otherwise: an address, with a port of its own or that of PORT.
bind = os.environ.get("GUNICORN_BIND") or "127.0.0.1"
with contextlib.suppress(ValueError):  # the colons of a bare IPv6 address part no port off
    bind = f"[{ipaddress.IPv6Address(bind)}]"
if not bind.startswith(("unix:", "fd://")) and not re.search(r":\d+$", bind):
    bind += f":{os.environ.get('PORT') or 8000}"
backlog = 2048

# A process for each core, of many threads: they mostly wait for the database. Webhooks that arrive together
# take one (docs/adr/0006-webhooks-share-commits.md). Each keeps a connection; the embedded server takes 200.
# A thread has a request once it is here, and until its answer is handed over: it waits for no client.
worker_class = "iikohub.operations.buffering_worker.BufferingWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(max(os.cpu_count() or 2, 2), 4))
threads = int(os.environ.get("GUNICORN_THREADS") or 16)
# Idle and slow connections take no thread, so many clients share a few.
worker_connections = 1000
# Longer than the 60 s after which common proxies drop an idle connection, so that ours is not the
# side that closes while a request is on its way.
keepalive = 75
timeout = 60
graceful_timeout = 30

# The heartbeat file, in memory: on a busy disk its fchmod can stall a worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes the name
control_socket_disable = True
accesslog = None


def on_starting(server: Arbiter) -> None:
    """Give the workers one fresh folder to add up their metrics in.

    An inherited folder of ours belongs to the master that is re-executing itself and will remove it.
    """
    from iikohub.operations.metrics_folder import PREFIX, MetricsFolder

    allow_many_connections()
    inherited = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if not inherited or Path(inherited).name.startswith(PREFIX):
        server.metrics_folder = MetricsFolder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(server.metrics_folder.path)


def allow_many_connections() -> None:
    """Raise the soft limit of open files, often 1024, where a process may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * worker_connections
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def post_worker_init(_worker: Worker) -> None:
    """Pass by what lives as long as the process when collecting garbage; keep the database's clock."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    # Here and not at the top: Django is set up by now.
    from core.database import db_clock

    db_clock.clock.keep("web")


def child_exit(_server: Arbiter, worker: Worker) -> None:
    # Here and not at the top: the library looks for the folder when it is first imported.
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # partly typed library


def on_exit(server: Arbiter) -> None:
    if folder := getattr(server, "metrics_folder", None):
        folder.remove()
