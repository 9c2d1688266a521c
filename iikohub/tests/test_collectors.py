"""Errors to Sentry and spans to OpenTelemetry: what is sent, what is not, and that nobody waits for them."""

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from iikohub.configuration.collectors import check_collector, check_dsn
from iikohub.operations.otlp import start_otlp
from iikohub.operations.sentry import reduced, start_sentry

ROOT = Path(__file__).resolve().parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OWN = "019cec9d1e1c7a41b5f2c6d80394e7aa"
PHONE = "+79995550011"
GUEST = "guest@example.com"

# What a process of the hub does: an error is logged, a span ends, and the process ends.
WORK = f"""
import sys, time
import django
django.setup()
import structlog
from core import spans, trace
logger = structlog.stdlib.get_logger("iikohub.work")
began = time.monotonic()
with trace.following("{OWN}"), spans.span("command.send", is_root=True) as facts:
    facts["iikohub.id"] = 17
    with spans.span("iiko orders"):
        pass
    secret_of_a_variable = "{PHONE}"
    try:
        raise ValueError("no guest {PHONE} {GUEST}\\nDETAIL: Key (phone)=({PHONE})")
    except ValueError:
        logger.exception("work.failed", order_pk=4711, words="call {PHONE}")
print(time.monotonic() - began)
loaded = [name for name in ("sentry_sdk", "opentelemetry") if name in sys.modules]
print(",".join(loaded), flush=True)
"""


class Collector:
    """What came, by path: the bodies, unpacked."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.port = 0

    def of(self, path: str) -> list[bytes]:
        return [body for at, body in self.got if at == path]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.got.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def work(**variables: str) -> tuple[float, str, float]:
    """Run it; return how long the work took, what was loaded, and how long the end of the process took."""
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "iikohub.settings", "DATABASE_URL": ""} | variables
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        took, loaded = float(process.stdout.readline()), process.stdout.readline().strip()
        began = time.monotonic()
        assert process.wait(30) == 0
    return took, loaded, time.monotonic() - began


def dsn(port: int) -> str:
    return f"http://public@127.0.0.1:{port}/1"


@pytest.mark.process
def test_both_are_told_and_of_guests_nothing() -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with collecting() as collector:
        _took, loaded, _end = work(
            SENTRY_DSN=dsn(collector.port),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
            OTEL_SERVICE_NAME="trial",
        )

    assert loaded == "sentry_sdk,opentelemetry"
    [envelope] = collector.of("/api/1/envelope/")
    _head, item, text = envelope.splitlines()[:3]
    assert json.loads(item)["type"] == "event"
    event = json.loads(text)
    assert event["logentry"]["message"] == "work.failed"
    assert event["tags"] == {"trace_id": OWN}
    assert event["extra"]["order_pk"] == 4711
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "no guest *** ***")
    assert error["stacktrace"]["frames"]
    [body] = collector.of("/v1/traces")
    [resource] = ExportTraceServiceRequest.FromString(body).resource_spans
    names = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert names["service.name"] == "trial"
    child, root = resource.scope_spans[0].spans
    assert (child.name, root.name) == ("iiko orders", "command.send")
    assert {child.trace_id.hex(), root.trace_id.hex()} == {OWN}
    assert (root.span_id.hex(), root.parent_span_id, child.parent_span_id.hex()) == (OWN[16:], b"", OWN[16:])
    for secret in (PHONE[1:], GUEST, "secret_of_a_variable", "DETAIL", os.uname().nodename):
        assert not any(secret.encode() in body for _path, body in collector.got), secret


@pytest.mark.process
def test_away_they_hold_nobody_up() -> None:
    with collecting() as gone:
        port = gone.port

    took, loaded, end = work(SENTRY_DSN=dsn(port), OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")

    assert loaded == "sentry_sdk,opentelemetry"
    assert took < 3
    assert end < 8


@pytest.mark.process
def test_off_they_are_not_even_loaded() -> None:
    assert work(SENTRY_DSN="", OTEL_EXPORTER_OTLP_ENDPOINT="")[1] == ""


# --- what cannot be used -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "sentry",
        "https://sentry.example.com/1",
        "ftp://k@example.com/1",
        "https://k@example.com/",
        "https://k@:x/1",
    ],
)
def test_dsn_that_cannot_be_read_stops_the_start_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN cannot be read") as refusal:
        check_dsn(text)

    assert text not in str(refusal.value)


@pytest.mark.parametrize("text", ["localhost:4317", "grpc://localhost:4317", "http://", "http://x:port"])
def test_address_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="such as http://localhost:4318"):
        check_collector(text)


def test_addresses_that_can_be_used_stay_as_they_are() -> None:
    assert check_dsn("") == check_collector("") == ""
    assert check_dsn("https://key@o1.ingest.example.com/2/42") == "https://key@o1.ingest.example.com/2/42"
    assert check_collector("https://collector.example.com/otlp") == "https://collector.example.com/otlp"


def test_package_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sentry_sdk", "opentelemetry.sdk.trace.export"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ImproperlyConfigured, match="the package sentry-sdk is not installed"):
        start_sentry(dsn(1), "trial")
    with pytest.raises(ImproperlyConfigured, match=r"opentelemetry-sdk and .* are not installed"):
        start_otlp("http://127.0.0.1:1", service="x", share=1)


def test_event_is_put_together_from_what_may_leave() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, f"call {PHONE}", (), None)
    event = {
        "event_id": "1",
        "level": "error",
        "server_name": "host",
        "user": {"email": GUEST},
        "request": {"url": f"https://hub/?q={PHONE}", "cookies": {"sessionid": "s"}},
        "modules": {"django": "5"},
        "contexts": {"runtime": {}},
        "extra": {"sys.argv": ["manage.py", PHONE]},
        "breadcrumbs": {"values": [{"message": PHONE}]},
        "exception": {
            "values": [
                {
                    "type": "KeyError",
                    "value": f"'{GUEST}'",
                    "stacktrace": {"frames": [{"lineno": 1, "vars": {"phone": PHONE}, "abs_path": "/srv"}]},
                }
            ]
        },
    }

    kept = reduced(event, {"log_record": record})

    assert set(kept) == {"event_id", "level", "logentry", "exception", "tags", "extra"}
    assert kept["logentry"] == {"message": "call ***"}
    assert kept["exception"]["values"][0]["stacktrace"]["frames"] == [{"lineno": 1}]
    assert PHONE not in json.dumps(kept)
    assert GUEST not in json.dumps(kept)
