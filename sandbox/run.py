"""Runs the sandbox as a process: binds the port, runs until a signal, closes in good order."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from socketserver import BaseServer
from threading import Event, Thread
from types import FrameType
from typing import TextIO

from werkzeug.serving import make_server

from sandbox.engine.clock import WallClock
from sandbox.http.app import create_app
from sandbox.journal import Journal
from sandbox.options import Options, UsageError
from sandbox.simulator import Simulator

_TICK_S = 0.1


def run(options: Options, out: TextIO) -> None:
    """Run until SIGTERM or SIGINT; must be called from the main thread.

    Raises:
        UsageError: the port cannot be bound.
    """
    stopping = _stop_on_signals()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    journal = Journal(out)
    with closing(_bind(options.host, options.port)) as bound:
        simulator = Simulator(options, WallClock(), journal)
        server = make_server(
            options.host, options.port, create_app(simulator), threaded=True, fd=bound.fileno()
        )
        _introduce(simulator, bound.getsockname()[1], journal)
        with closing(simulator.sender), serving(server, poll_s=_TICK_S):
            while not stopping.wait(_TICK_S):
                simulator.run_due()
    journal.line("iiko sandbox stopped")


def _stop_on_signals() -> Event:
    stopping = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _bind(host: str, port: int) -> socket.socket:
    """Take the port ourselves: werkzeug would end the process with a message of its own."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"There is no address {host!r} to listen on ({error.strerror}).") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except OSError as error:
        bound.close()
        raise UsageError(
            f"The sandbox cannot listen on {host}:{port} ({error.strerror}). "
            "End what uses that port, or choose another with --port."
        ) from error
    return bound


def _introduce(simulator: Simulator, port: int, journal: Journal) -> None:
    options, restaurants = simulator.options, len(simulator.world.organizations)
    journal.line(
        f"iiko sandbox (seed {options.seed}) simulates {restaurants} restaurants on http://{options.host}:{port}/"
    )
    journal.line(
        f"{options.rate:g} orders a minute, {options.speed:g} times faster, "
        f"faults: {options.faults}; webhooks go to {options.webhook_url or 'no address yet'}"
    )


@contextmanager
def serving(server: BaseServer, *, poll_s: float = 0.05) -> Iterator[None]:
    """Let a server answer in a thread of its own, and close it in the end."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": poll_s}, name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
