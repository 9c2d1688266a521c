"""How the web processes run: ``gunicorn iikohub.wsgi`` reads this file by itself."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import environ

# As the settings do: what is set in the environment wins over the file.
environ.Env.read_env(Path(__file__).resolve().parent / ".env")

# All interfaces, since a container or a proxy on another machine must reach it.
bind = os.environ.get("GUNICORN_BIND") or f"0.0.0.0:{os.environ.get('PORT') or 8000}"
backlog = 2048

# A process for each core, of many threads: they mostly wait for commits, and those who wait share one
# (docs/performance.md). Each thread keeps one database connection; the embedded server takes 200 in all.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or min(max(os.cpu_count() or 2, 2), 4))
threads = int(os.environ.get("GUNICORN_THREADS") or 16)
# Idle keep-alive connections wait in the poller and take no thread, so many clients share a few.
worker_connections = 1000
# Longer than the 60 s after which common proxies drop an idle connection, so that ours is not the
# side that closes while a request is on its way.
keepalive = 75
# How long a thread waits for the next piece of a request that has begun.
read_timeout_s = int(os.environ.get("GUNICORN_READ_TIMEOUT") or 15)
timeout = 60
graceful_timeout = 30

# The heartbeat file, in memory: on a busy disk its fchmod can stall a worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes the name
control_socket_disable = True
accesslog = None

_METRICS_PREFIX = "iikohub-metrics-"


def on_starting(server: Any) -> None:
    """Give the workers one fresh folder to add up their metrics in.

    An inherited folder of ours belongs to the master that is re-executing itself and will remove it.
    """
    inherited = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if not inherited or Path(inherited).name.startswith(_METRICS_PREFIX):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = server.metrics_dir = tempfile.mkdtemp(prefix=_METRICS_PREFIX)


def when_ready(server: Any) -> None:
    """Bound the wait for half-sent requests: gunicorn's threads wait for ever, and a few hold them all.

    Connections inherit the option from the socket that accepts them (Linux).
    """
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", read_timeout_s, 0))


def post_worker_init(_worker: Any) -> None:
    """Pass by what lives as long as the process when collecting garbage; keep the database's clock."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    # Here and not at the top: Django is set up by now.
    from organizations import db_clock

    db_clock.clock.keep("web")


def child_exit(_server: Any, worker: Any) -> None:
    # Here and not at the top: the library looks for the folder when it is first imported.
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # partly typed library


def on_exit(server: Any) -> None:
    if metrics_dir := getattr(server, "metrics_dir", None):
        shutil.rmtree(metrics_dir, ignore_errors=True)
