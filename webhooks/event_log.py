"""The writer of the lines that the log holds for each event, for whoever reads along.

What is logged at receipt stands in ``receiving.event_log``, what is logged at applying in
``processing.event_log``. The form of the lines is that of the first description of the hub, so they are
Russian whoever reads. They hold ids, types, statuses and amounts, nothing of a person. They are written
when the event is committed.
"""

from __future__ import annotations

import logging
import time

import structlog
from structlog.typing import EventDict

NONE = "-"
"""What stands for a value that is not known."""

_logger = logging.getLogger(__name__)
_add_moment = structlog.processors.TimeStamper(fmt="iso", utc=True)

_COMMON = vars(logging.LogRecord(__name__, logging.INFO, __file__, 0, None, (), None)) | {
    "thread": None,
    "threadName": None,
    # The markers of a structlog record (ProcessorFormatter.wrap_for_formatter).
    "_logger": _logger,
    "_name": "info",
    # Written together with others after a moment (iikohub.operations.logs).
    "may_wait": True,
}
"""What all records have in common."""


def is_enabled() -> bool:
    return _logger.isEnabledFor(logging.INFO)


def write(event: EventDict) -> None:
    """Hand over the record that structlog would make, without its chain: there is a line for each webhook.

    Level, name and caller are known here, nothing is bound around it, and it has no query string.
    """
    event["level"] = "info"
    event["logger"] = __name__
    record = logging.LogRecord.__new__(logging.LogRecord)
    vars(record).update(_COMMON, msg=_add_moment(_logger, "info", event), created=time.time())  # noqa: TID251  # a log tells the machine's time
    _logger.handle(record)
