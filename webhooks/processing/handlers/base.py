"""What the worker hands to a handler and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from iiko_client.models.events import read_envelope
from iiko_client.units import MinorUnits
from webhooks.models.inbox import EventStatus, Reason


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event whose partition this worker holds. ``payload`` has exact numbers (``Decimal``)."""

    id: int
    arrival_id: int
    event_type: str
    format: str
    organization_id: str
    revision: int | None
    event_time: datetime | None
    digest: str
    attempts: int
    received_at: datetime
    """When it came; of a replay, when its original did."""
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What an event says of whom, for the log; empty where it does not."""

    external_id: str | None = None
    iiko_id: str | None = None
    status: str | None = None
    amount_minor: MinorUnits | None = None


@dataclass(frozen=True, slots=True)
class EventResult:
    """How an event ends: its status, why, and the fields that could not be read."""

    status: EventStatus
    reason: Reason | str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    order_id: int | None = None
    facts: EventFacts = field(default_factory=EventFacts, compare=False)


def facts_of(fields: Mapping[str, Any], external_id: str | None, iiko_id: str | None) -> EventFacts:
    """Take from the fields of a reading what the log tells."""
    status = fields.get("status") or (fields.get("raw_status") or "")[:60] or None
    return EventFacts(external_id, iiko_id, status, fields.get("amount_minor"))


def ignored(reason: Reason, error: str = "") -> EventResult:
    return EventResult(EventStatus.IGNORED, reason, error)


Handler = Callable[[Sequence[Claimed], datetime], dict[int, EventResult]]
"""Applies a batch of events in one transaction and says how each ends (by event id).

Raises whatever goes wrong; the worker then rolls the batch back and gives the events one by one.
Whatever it sets off (tasks, signals) has to be part of that transaction.
"""


# --- what a dry run of a replay looks at ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mirror:
    """Rows that a handler writes. ``about`` finds those that events may touch, before and after.

    ``fields``: what is compared; all columns but the hub's own where it is empty.
    """

    model: type[Model]
    about: Callable[[Sequence[Claimed]], Q]
    fields: tuple[str, ...] = ()


def writes(*mirrors: Mirror) -> Callable[[Handler], Handler]:
    """Say which rows a handler writes, so that a dry run can tell what a replay would change."""

    def decorate(handler: Handler) -> Handler:
        _MIRRORS[handler] = mirrors
        return handler

    return decorate


def mirrors_of(handler: Handler) -> tuple[Mirror, ...]:
    return _MIRRORS.get(handler, ())


_MIRRORS: dict[Handler, tuple[Mirror, ...]] = {}


def by_entity(column: str) -> Callable[[Sequence[Claimed]], Q]:
    """Rows of the same organization whose ``column`` is the id of the events' entity (``eventInfo.id``)."""

    def about(events: Sequence[Claimed]) -> Q:
        entities = {read_envelope(event.payload).entity_key for event in events} - {""}
        organizations = {event.organization_id for event in events}
        return Q(**{"organization_id__in": organizations, f"{column}__in": entities})

    return about
