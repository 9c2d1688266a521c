"""Injects a fault into a call: an error, a late answer, or a reset connection."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Collection
from contextlib import suppress
from http import HTTPStatus

from flask import request

from sandbox.http.errors import ApiError

SLOW_S = 5.0

_TIMED_OUT = (HTTPStatus.REQUEST_TIMEOUT, "Request timed out: the terminal did not answer.")
_BROKEN = (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.")
_BEFORE = {
    "http_402": (
        HTTPStatus.PAYMENT_REQUIRED,
        "Apilogin's license for using the Cloud API has expired",
    ),
    "http_429": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests."),
    "http_408_before": _TIMED_OUT,
    "http_500_before": _BROKEN,
}
_AFTER = {"http_408_after": _TIMED_OUT, "http_500_after": _BROKEN}


def inject_fault_before(injected: Collection[str]) -> None:
    """Inject the fault that keeps a call from having any effect."""
    if "slow" in injected:
        time.sleep(SLOW_S)
    _inject_fault(injected, _BEFORE, "reset_before")


def inject_fault_after(injected: Collection[str]) -> None:
    """Inject the fault that hides from the client that its call had its effect."""
    _inject_fault(injected, _AFTER, "reset_after")


def _inject_fault(injected: Collection[str], answers: dict[str, tuple[HTTPStatus, str]], reset: str) -> None:
    for name in injected:
        if name == reset:
            _reset_connection()
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "The connection was reset on purpose.")
        if name in answers:
            raise ApiError(*answers[name])


def _reset_connection() -> None:
    """Reset the connection; what is written to it afterwards goes nowhere."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.shutdown(socket.SHUT_RDWR)
