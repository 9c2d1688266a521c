"""Spans: how long each part of a trace took, for a collector outside. Without one they cost next to nothing.

``iikohub.operations.otlp`` sends them. A span holds names, ids, states and lengths of time, never a body, an
address with its query, or anything of a guest.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from core import trace

Attributes = dict[str, str | int | bool]

INTERNAL, SERVER, CLIENT, CONSUMER, PRODUCER = "internal", "server", "client", "consumer", "producer"


@dataclass(frozen=True, slots=True)
class Span:
    """``error`` names what went wrong; empty where nothing did. The moments are nanoseconds since 1970."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    kind: str = INTERNAL
    error: str = ""
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)


Sink = Callable[[Span], None]

_sinks: list[Sink] = []
_under_way: ContextVar[str] = ContextVar("span_id", default="")


def send_to(sink: Sink) -> None:
    """Have every span given to ``sink``, which must return at once; once, when the process starts."""
    _sinks.append(sink)


def are_sent() -> bool:
    return bool(_sinks)


def root_of(trace_id: str) -> str:
    """Return the id of the first span of a trace that the hub began; empty of another's trace.

    It follows from the trace, so that what happens later in another process hangs below it.
    """
    return trace_id[16:] if trace_id and trace.made_at(UUID(trace_id)) else ""


@contextmanager
def span(name: str, *, kind: str = INTERNAL, is_root: bool = False) -> Iterator[Attributes]:
    """Time what is done inside; it may add attributes. ``is_root``: the trace was begun for it."""
    attributes: Attributes = {}
    trace_id = trace.current_id()
    if not _sinks or not trace_id:
        yield attributes
        return
    span_id = (root_of(trace_id) if is_root else "") or trace.new_span_id()
    parent_id = "" if is_root else _parent(trace_id)
    began_ns, error = time.time_ns(), ""
    token = _under_way.set(span_id)
    try:
        yield attributes
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        _under_way.reset(token)
        _send(Span(name, trace_id, span_id, parent_id, began_ns, time.time_ns(), kind, error, attributes))


def record(
    name: str,
    trace_id: UUID | None,
    *,
    began_at: datetime,
    duration_ms: int,
    kind: str = INTERNAL,
    error: str = "",
    span_id: str = "",
    attributes: Mapping[str, str | int | bool] | None = None,
) -> None:
    """Tell of something that is over."""
    if not _sinks or trace_id is None:
        return
    began_ns = round(began_at.timestamp() * 1_000_000) * 1000
    ended_ns = began_ns + round(timedelta(milliseconds=duration_ms).total_seconds() * 1_000_000_000)
    own = span_id or trace.new_span_id()
    hexed = trace_id.hex
    _send(Span(name, hexed, own, _parent(hexed), began_ns, ended_ns, kind, error, attributes or {}))


def begin_request(trace_id: str) -> tuple[str, int]:
    """Begin the span of a request whose trace was just made; returns its id and when it began."""
    span_id = root_of(trace_id)
    _under_way.set(span_id)
    return span_id, time.time_ns()


def end_request(begun: tuple[str, int], name: str, attributes: Attributes, *, is_failed: bool) -> None:
    """Tell of a request that was answered, in the trace that it belongs to by now."""
    span_id, began_ns = begun
    _under_way.set("")
    error = "failed" if is_failed else ""
    trace_id, parent_id = trace.current_id(), trace.caller_span_id()
    _send(Span(name, trace_id, span_id, parent_id, began_ns, time.time_ns(), SERVER, error, attributes))


def _parent(trace_id: str) -> str:
    """Name the span that is under way here, if it is of this trace; else the first of the trace."""
    under_way = _under_way.get() if trace_id == trace.current_id() else ""
    return under_way or root_of(trace_id)


def _send(one: Span) -> None:
    for sink in _sinks:
        sink(one)
