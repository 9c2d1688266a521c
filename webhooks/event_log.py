"""A line of the log for each event received and each applied, for whoever reads along.

Their form is that of the first description of the hub, so they are Russian whoever reads. Ids, types,
statuses and amounts; nothing of a person. They are written when the event is committed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import structlog
from structlog.typing import EventDict

from iiko_client.models import events as wire
from iiko_client.models.events import Envelope
from iiko_client.units import to_major
from webhooks.models.inbox import EventStatus
from webhooks.processing.handlers.base import Claimed, EventFacts, EventResult

_NONE = "-"

_logger = logging.getLogger(__name__)
_add_moment = structlog.processors.TimeStamper(fmt="iso", utc=True)

_SUBJECTS = {
    "TableOrderUpdate": "заказ стола",
    "TableOrderError": "заказ стола",
    "ReserveUpdate": "резерв",
    "ReserveError": "резерв",
    "PersonalShift": "сотрудник",
    "StopListUpdate": "стоп-лист",
}


def received(envelopes: Iterable[Envelope]) -> None:
    if not _logger.isEnabledFor(logging.INFO):
        return
    for one in envelopes:
        _write(
            {
                "event_type": one.event_type,
                "format": one.format,
                "external_id": one.order_external_id,
                "iiko_id": "" if one.entity_key.startswith("ext:") else one.entity_key,
                "organization_id": one.organization_id,
                "event": f"[WEBHOOK] Получено событие: {one.event_type or one.format}, "
                f"external_id: {one.order_external_id or _NONE}",
            }
        )


def applied(events: Iterable[Claimed], results: dict[int, EventResult]) -> None:
    """Tell of the events that ended as applied."""
    if not _logger.isEnabledFor(logging.INFO):
        return
    for event in events:
        result = results.get(event.id)
        if result is not None and result.status == EventStatus.PROCESSED:
            _applied(event, result.facts)


def _applied(event: Claimed, facts: EventFacts) -> None:
    amount = None if facts.amount_minor is None else f"{to_major(facts.amount_minor):.2f}"
    mark = "[SOI WEBHOOK]" if event.format == wire.SOI else "[WEBHOOK]"
    _write(
        {
            "event_pk": event.id,
            "event_type": event.event_type,
            "format": event.format,
            "external_id": facts.external_id,
            "iiko_id": facts.iiko_id,
            "organization_id": event.organization_id,
            "status": facts.status,
            "amount": amount,
            "amount_minor": facts.amount_minor,
            "event": f"{mark} {event.event_type} - {_SUBJECTS.get(event.event_type, 'заказ')} "
            f"{facts.external_id or _NONE} (iiko: {facts.iiko_id or _NONE}), "
            f"статус: {facts.status or _NONE}, сумма: {amount or _NONE}",
        }
    )


_ALIKE = vars(logging.LogRecord(__name__, logging.INFO, __file__, 0, None, (), None)) | {
    "thread": None,
    "threadName": None,
    # The marks of a structlog record (ProcessorFormatter.wrap_for_formatter).
    "_logger": _logger,
    "_name": "info",
    # Written together with others after a moment (iikohub.operations.logs).
    "may_wait": True,
}
"""What all records have in common."""


def _write(event: EventDict) -> None:
    """Hand over the record that structlog would make, without its chain: there is a line for each webhook.

    Level, name and caller are known here, nothing is bound around it, and it has no query string.
    """
    event["level"] = "info"
    event["logger"] = __name__
    record = logging.LogRecord.__new__(logging.LogRecord)
    vars(record).update(_ALIKE, msg=_add_moment(_logger, "info", event), created=time.time())  # noqa: TID251  # a log tells the machine's time
    _logger.handle(record)
