"""The id of the request that is being answered; empty where none is. Log lines and the answer name it."""

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-ID"
TRACE_HEADER = "X-Trace-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="")


def id_of(given: str) -> str:
    """Take the caller's ``X-Request-ID`` where it is a plain one of at most 64 characters, else make one."""
    return given if given and _TAKEN.fullmatch(given) else secrets.token_hex(16)


def id_headers(own: str, trace_id: str) -> list[tuple[str, str]]:
    """Return the headers that name a request and its trace in its answer."""
    return [(HEADER, own), (TRACE_HEADER, trace_id)]
