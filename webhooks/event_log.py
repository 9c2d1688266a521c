"""The lines that the log holds for each event, for whoever reads along.

The form of the lines is that of the first description of the hub, so they are Russian whoever reads. They
hold ids, types, statuses and amounts, nothing of a person. They are written when the event is committed.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from core import trace
from core.request_id import request_id
from iiko_client.models.events import SOI, Envelope
from iiko_client.units import MinorUnits, to_major

_SUBJECTS = {
    "TableOrderUpdate": "заказ стола",
    "TableOrderError": "заказ стола",
    "ReserveUpdate": "резерв",
    "ReserveError": "резерв",
    "PersonalShift": "сотрудник",
    "StopListUpdate": "стоп-лист",
}

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


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What an event says of whom; empty where it does not."""

    external_id: str | None = None
    iiko_id: str | None = None
    status: str | None = None
    amount_minor: MinorUnits | None = None


def facts_of(fields: Mapping[str, Any], external_id: str | None, iiko_id: str | None) -> EventFacts:
    """Take from the fields of a reading what the log tells."""
    status = fields.get("status") or (fields.get("raw_status") or "")[:60] or None
    return EventFacts(external_id, iiko_id, status, fields.get("amount_minor"))


def is_enabled() -> bool:
    return _logger.isEnabledFor(logging.INFO)


def log_received(envelopes: Iterable[Envelope]) -> None:
    """Log the events that a body brought."""
    if not is_enabled():
        return
    for one in envelopes:
        _write(
            event_type=one.event_type,
            format=one.format,
            external_id=one.order_external_id,
            iiko_id="" if one.entity_key.startswith("ext:") else one.entity_key,
            organization_id=one.organization_id,
            event=f"[WEBHOOK] Получено событие: {one.event_type or one.format}, "
            f"external_id: {one.order_external_id or '-'}",
        )


def log_applied(
    facts: EventFacts,
    *,
    event_pk: int,
    event_type: str,
    event_format: str,
    organization_id: str,
    trace_id: UUID | None,
) -> None:
    """Log an event that changed the mirror."""
    amount = None if facts.amount_minor is None else f"{to_major(facts.amount_minor):.2f}"
    prefix = "[SOI WEBHOOK]" if event_format == SOI else "[WEBHOOK]"
    _write(
        event_pk=event_pk,
        event_type=event_type,
        format=event_format,
        external_id=facts.external_id,
        iiko_id=facts.iiko_id,
        organization_id=organization_id,
        status=facts.status,
        amount=amount,
        amount_minor=facts.amount_minor,
        **({"trace_id": trace_id.hex} if trace_id else {}),
        event=f"{prefix} {event_type} - {_SUBJECTS.get(event_type, 'заказ')} "
        f"{facts.external_id or '-'} (iiko: {facts.iiko_id or '-'}), "
        f"статус: {facts.status or '-'}, сумма: {amount or '-'}",
    )


def _write(**event: object) -> None:
    """Hand over the record that structlog would make, without its chain: there is a line for each webhook.

    Level, name and caller are known here, and it has no query string.
    """
    event |= {"level": "info", "logger": __name__}
    if own := request_id.get():
        event["request_id"] = own
    if own := trace.current_id():
        event["trace_id"] = own
    record = logging.LogRecord.__new__(logging.LogRecord)
    vars(record).update(_COMMON, msg=_add_moment(_logger, "info", event), created=time.time())  # noqa: TID251  # a log tells the machine's time
    _logger.handle(record)
