"""The trace: one id of a webhook, a request or a job and of all that follows from it (docs/observability.md).

An id is a trace-id of W3C Trace Context: 128 bits, written as 32 lower-case hexadecimal digits. One that the
hub makes begins with the milliseconds since 1970, as a UUID of version 7 does: so rows that carry no index of
it are found by their time.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from core.database import db_clock

_trace_id: ContextVar[str] = ContextVar("trace_id", default="")
_caller: ContextVar[tuple[str, str]] = ContextVar("caller", default=("", ""))
"""The trace that a caller named last in this thread, and the caller's span."""

# Version 00 has four fields; a later one may have more (W3C Trace Context, 3.2 and 3.2.4).
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = ((1 << 80) - 1) & ~(0xF << 76) & ~(0b11 << 62)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """Make an id that begins with the time. It never waits for the database."""
    random = int.from_bytes(os.urandom(10), "big") & _RANDOM_BITS
    return f"{db_clock.clock.estimate_ms() << 80 | _VERSION_7 | _VARIANT | random:032x}"


def made_at(trace_id: UUID) -> datetime | None:
    """Return when the hub made an id; None for one that it did not make."""
    if trace_id.version != 7:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=trace_id.int >> 80)
    except OverflowError:  # a foreign one that looks like ours
        return None


def current_id() -> str:
    """Return the id of what is being done here; empty where it belongs to no trace."""
    return _trace_id.get()


def current_uuid() -> UUID | None:
    """Return the same as rows keep it."""
    own = _trace_id.get()
    return UUID(own) if own else None


@contextmanager
def following(trace_id: UUID | str | None) -> Iterator[None]:
    """Go on with a trace; None, of a row that has none: what is done inside has none either."""
    token = _trace_id.set(trace_id.hex if isinstance(trace_id, UUID) else trace_id or "")
    try:
        yield
    finally:
        _trace_id.reset(token)


@contextmanager
def begun() -> Iterator[None]:
    """Begin a trace, unless one is under way."""
    with following(_trace_id.get() or new_id()):
        yield


def begin_request() -> Token[str]:
    """Begin the trace of a request, whatever is under way; to be ended in the same thread."""
    return _trace_id.set(new_id())


def end_request(begun: Token[str]) -> None:
    _trace_id.reset(begun)


def adopt(header: str) -> None:
    """Go on with the trace of a caller who may name one; a header that is not valid changes nothing."""
    if (named := read_traceparent(header)) is not None:
        _trace_id.set(named[0])
        _caller.set(named)


def caller_span_id() -> str:
    """Return the id of the span in which the caller made this request; empty where the caller named none."""
    trace_id, span_id = _caller.get()
    return span_id if trace_id == _trace_id.get() else ""


def read_traceparent(header: str) -> tuple[str, str] | None:
    """Return the ids of the trace and of the caller's span; None where the header is not valid."""
    found = _TRACEPARENT.fullmatch(header) if len(header) <= 512 else None
    if found is None or found[2] == _NO_TRACE or found[3] == _NO_SPAN or (found[1] == "00" and found[4]):
        return None
    return found[2], found[3]


def traceparent(trace_id: UUID, span_id: str, *, is_sampled: bool) -> str:
    """Write the header for a request that belongs to a trace."""
    # 02: the right-most seven bytes of an id that the hub made are random (Trace Context, level 2).
    flags = (1 if is_sampled else 0) | (2 if made_at(trace_id) else 0)
    return f"00-{trace_id.hex}-{span_id}-{flags:02x}"


def new_span_id() -> str:
    """Make an id of a span; it is never all zeros."""
    return f"{int.from_bytes(os.urandom(8), 'big') or 1:016x}"


def tell_database() -> None:
    """Have the triggers of outbound webhooks write the trace of this transaction.

    For tables whose rows have no column of it. Ends with the transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('iikohub.trace_id', %s, true)", [_trace_id.get()])
