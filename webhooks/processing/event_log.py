"""A line of the log for each event that changed the mirror."""

from __future__ import annotations

from collections.abc import Iterable

from iiko_client.models import events as wire
from iiko_client.units import to_major
from webhooks.event_log import NONE, is_enabled, write
from webhooks.models.inbox import EventStatus
from webhooks.processing.handlers.base import Claimed, EventFacts, EventResult

_SUBJECTS = {
    "TableOrderUpdate": "заказ стола",
    "TableOrderError": "заказ стола",
    "ReserveUpdate": "резерв",
    "ReserveError": "резерв",
    "PersonalShift": "сотрудник",
    "StopListUpdate": "стоп-лист",
}


def log_applied(events: Iterable[Claimed], results: dict[int, EventResult]) -> None:
    """Log the events that ended as applied."""
    if not is_enabled():
        return
    for event in events:
        result = results.get(event.id)
        if result is not None and result.status == EventStatus.PROCESSED:
            _log(event, result.facts)


def _log(event: Claimed, facts: EventFacts) -> None:
    amount = None if facts.amount_minor is None else f"{to_major(facts.amount_minor):.2f}"
    prefix = "[SOI WEBHOOK]" if event.format == wire.SOI else "[WEBHOOK]"
    write(
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
            "event": f"{prefix} {event.event_type} - {_SUBJECTS.get(event.event_type, 'заказ')} "
            f"{facts.external_id or NONE} (iiko: {facts.iiko_id or NONE}), "
            f"статус: {facts.status or NONE}, сумма: {amount or NONE}",
        }
    )
