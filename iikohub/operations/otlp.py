"""Spans to a collector of OpenTelemetry, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.

A thread of the SDK sends them in batches over HTTP. Whoever ends a span puts it into a queue and goes on; of
a collector that is away nobody notices more than lines in the log, and a full queue drops spans.
"""

import atexit
import os
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from core import spans
from core.spans import Span

_SEND_WITHIN_S = 5
"""A batch, with its repeats."""
_END_WITHIN_MS = 1000
"""What waits at the end of a process is sent if it can be at once."""

_INSTALL = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages opentelemetry-sdk and "
    "opentelemetry-exporter-otlp-proto-http are not installed. Install what requirements.txt names, or leave "
    "the variable empty."
)


def start_otlp(endpoint: str, *, service: str, share: float) -> None:
    """Have spans sent; without an address nothing is even loaded. ``share``: of traces, from 0 to 1.

    Raises:
        ImproperlyConfigured: the packages are not installed.
    """
    if not endpoint:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401  # loaded before there are threads
    except ImportError as error:
        raise ImproperlyConfigured(_INSTALL) from error
    spans.send_to(Exporter(endpoint, service=service, share=share))


class Exporter:
    """Hands spans to the SDK, which begins with the first one: its thread would not survive a fork."""

    def __init__(self, endpoint: str, *, service: str, share: float) -> None:
        self._endpoint, self._service, self._share = endpoint, service, share
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._starting = threading.Lock()
        self._tracer: Any = None

    def __call__(self, span: Span) -> None:
        _hand_over(self._tracer or self._started(), span)

    def _started(self) -> Any:  # noqa: ANN401  # the SDK's, which may not be there
        with self._starting:
            self._tracer = self._tracer or self._start()
            return self._tracer

    def _start(self) -> Any:  # noqa: ANN401  # as above
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

        exporter = OTLPSpanExporter(
            endpoint=f"{self._endpoint.rstrip('/')}/v1/traces", timeout=_SEND_WITHIN_S
        )
        processor = BatchSpanProcessor(exporter)
        provider = TracerProvider(
            sampler=TraceIdRatioBased(self._share),
            resource=Resource.create({"service.name": self._service}),
            id_generator=_ids(),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(processor)
        atexit.register(_end, processor)
        return provider.get_tracer("iikohub")


def _end(processor: Any) -> None:  # noqa: ANN401  # as above
    """Send what waits, within a second: a collector that is away must not hold up the end of a process."""
    ending = threading.Thread(target=processor.shutdown, daemon=True)
    with suppress(RuntimeError):  # no threads can be started any more
        ending.start()
        ending.join(_END_WITHIN_MS / 1000)


_next_ids: ContextVar[tuple[int, int]] = ContextVar("ids_of_next_span")


def _ids() -> Any:  # noqa: ANN401  # as above
    """Make the SDK take the ids that the hub's rows and lines have."""
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class OurIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _next_ids.get()[0]

        def generate_span_id(self) -> int:
            return _next_ids.get()[1]

    return OurIds()


def _hand_over(tracer: Any, span: Span) -> None:  # noqa: ANN401  # as above
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        SpanKind,
        Status,
        StatusCode,
        TraceFlags,
        set_span_in_context,
    )

    trace_id = int(span.trace_id, 16)
    parents = Context()
    if span.parent_id:
        parent = SpanContext(trace_id, int(span.parent_id, 16), is_remote=True, trace_flags=TraceFlags(1))
        parents = set_span_in_context(NonRecordingSpan(parent), parents)
    _next_ids.set((trace_id, int(span.span_id, 16)))
    begun = tracer.start_span(
        span.name,
        context=parents,
        kind=SpanKind[span.kind.upper()],
        attributes={name: value for name, value in span.attributes.items() if value != ""},
        start_time=span.began_ns,
    )
    if span.error:
        begun.set_status(Status(StatusCode.ERROR, span.error))
    begun.end(end_time=span.ended_ns)
