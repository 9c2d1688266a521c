"""A line of the log for each event received and each applied, for whoever reads along.

Their form is that of the first description of the hub, so they are Russian whoever reads. Ids, types,
statuses and amounts; nothing of a person. They are written when the event is committed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import structlog

from iiko_client.types import events as wire
from iiko_client.types.events import Envelope
from iiko_client.units import to_major
from webhooks.handlers.base import Claimed, Ending, EventFacts
from webhooks.models import EventStatus

_NONE = "-"

logger = structlog.stdlib.get_logger(__name__)
_gate = logging.getLogger(__name__)

_SUBJECTS = {
    "TableOrderUpdate": "заказ стола",
    "TableOrderError": "заказ стола",
    "ReserveUpdate": "резерв",
    "ReserveError": "резерв",
    "PersonalShift": "сотрудник",
    "StopListUpdate": "стоп-лист",
}


def received(envelopes: Iterable[Envelope]) -> None:
    if not _gate.isEnabledFor(logging.INFO):
        return
    for one in envelopes:
        logger.info(
            f"[WEBHOOK] Получено событие: {one.event_type or one.format}, "
            f"external_id: {one.order_external_id or _NONE}",
            event_type=one.event_type,
            format=one.format,
            external_id=one.order_external_id,
            iiko_id="" if one.entity_key.startswith("ext:") else one.entity_key,
            organization_id=one.organization_id,
        )


def applied(events: Iterable[Claimed], endings: dict[int, Ending]) -> None:
    """Tell of the events that ended as applied."""
    if not _gate.isEnabledFor(logging.INFO):
        return
    for event in events:
        ending = endings.get(event.id)
        if ending is not None and ending.status == EventStatus.PROCESSED:
            _applied(event, ending.facts)


def _applied(event: Claimed, facts: EventFacts) -> None:
    amount = None if facts.amount_minor is None else f"{to_major(facts.amount_minor):.2f}"
    mark = "[SOI WEBHOOK]" if event.format == wire.SOI else "[WEBHOOK]"
    logger.info(
        f"{mark} {event.event_type} - {_SUBJECTS.get(event.event_type, 'заказ')} "
        f"{facts.external_id or _NONE} (iiko: {facts.iiko_id or _NONE}), "
        f"статус: {facts.status or _NONE}, сумма: {amount or _NONE}",
        event_pk=event.id,
        event_type=event.event_type,
        format=event.format,
        external_id=facts.external_id,
        iiko_id=facts.iiko_id,
        organization_id=event.organization_id,
        status=facts.status,
        amount=amount,
        amount_minor=facts.amount_minor,
    )
