"""Errors to Sentry, where ``SENTRY_DSN`` is set: what broke, where in the code, in which trace.

What leaves the host is built from a list of what may: no request, no variables, no bodies, no
name of the machine, nothing of guests. The SDK sends on a thread of its own and drops what it cannot send.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from core import trace
from core.redaction import mask
from core.request_id import request_id

Event = dict[str, Any]

_KEPT = ("event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk")
_KEPT_OF_FRAMES = ("filename", "module", "function", "lineno", "in_app")
_LONGEST = 300
_FLUSH_S = 2


def start_sentry(dsn: str, environment: str) -> None:
    """Have errors of the log, and what ends the process, sent; without a DSN nothing is even loaded.

    Raises:
        ImproperlyConfigured: the package is not installed.
    """
    if not dsn:
        return
    try:
        import sentry_sdk
        from sentry_sdk.integrations.dedupe import DedupeIntegration
        from sentry_sdk.integrations.excepthook import ExcepthookIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError as error:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but the package sentry-sdk is not installed. Install what requirements.txt "
            "names, or leave SENTRY_DSN empty."
        ) from error
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        default_integrations=False,
        auto_enabling_integrations=False,
        shutdown_timeout=_FLUSH_S,
        before_send=reduced,  # type: ignore[arg-type]  # a dict, as the SDK's typed one is
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ExcepthookIntegration(),
            DedupeIntegration(),
        ],
    )


def reduced(event: Event, hint: Mapping[str, Any]) -> Event:
    """Return what may leave the host of an event."""
    record: logging.LogRecord | None = hint.get("log_record")
    kept: Event = {name: event[name] for name in _KEPT if name in event}
    message = _message_of(record)
    if message:
        kept["logentry"] = {"message": message}
    errors = event.get("exception", {}).get("values", [])
    if errors:
        kept["exception"] = {"values": [_reduced_error(error) for error in errors]}
    ids = {"trace_id": trace.current_id(), "request_id": request_id.get()}
    kept["tags"] = {name: value for name, value in ids.items() if value}
    kept["extra"] = _fields_of(record)
    return kept


def _message_of(record: logging.LogRecord | None) -> str:
    """Return what a line is called: its name, or the text without what was put into it."""
    if record is None:
        return ""
    if isinstance(record.msg, dict):
        return str(record.msg.get("event", ""))[:_LONGEST]
    return mask(str(record.msg))[:_LONGEST]


def _fields_of(record: logging.LogRecord | None) -> dict[str, object]:
    """Return the fields of a line that are ids and numbers, or plain words: masked as in the log of calls."""
    if record is None or not isinstance(record.msg, dict):
        return {}
    own = {"event", "level", "logger", "timestamp", "exc_info", "exception"}
    fields = {name: value for name, value in record.msg.items() if name not in own}
    masked = mask({name: value for name, value in fields.items() if isinstance(value, str | int | float)})
    return {name: mask(value) if isinstance(value, str) else value for name, value in masked.items()}


def _reduced_error(error: Mapping[str, Any]) -> Event:
    frames = (error.get("stacktrace") or {}).get("frames", [])
    # PostgreSQL quotes values of rows below the first line.
    first_line = (str(error.get("value") or "").splitlines() or [""])[0]
    return {
        "type": error.get("type"),
        "module": error.get("module"),
        "value": mask(first_line)[:_LONGEST],
        "mechanism": {"type": "generic", "handled": bool((error.get("mechanism") or {}).get("handled"))},
        "stacktrace": {
            "frames": [
                {name: frame.get(name) for name in _KEPT_OF_FRAMES if name in frame} for frame in frames
            ]
        },
    }
