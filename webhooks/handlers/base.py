"""What the worker hands to a handler and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from organizations.models import Organization
from webhooks.models import EventStatus, Reason


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event whose lane this worker holds. ``payload`` has exact numbers (``Decimal``)."""

    id: int
    arrival_id: int
    event_type: str
    format: str
    organization_id: str
    revision: int | None
    event_time: datetime | None
    digest: str
    attempts: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an event ends: its status, why, and the fields that could not be read."""

    status: EventStatus
    reason: Reason | str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    order_id: int | None = None


def ignored(reason: Reason, error: str = "") -> Ending:
    return Ending(EventStatus.IGNORED, reason, error)


def check_organization(event: Claimed, organization: Organization | None) -> Ending | None:
    """Return how an event ends whose organization is not served here; None where it is."""
    if not event.organization_id:
        return ignored(Reason.NO_ORGANIZATION)
    if organization is None:
        return ignored(
            Reason.UNKNOWN_ORGANIZATION,
            f"Organization {event.organization_id} is not set up. Add it (manage.py add_organization), "
            "then replay this event.",
        )
    if not organization.is_active:
        return ignored(Reason.INACTIVE_ORGANIZATION)
    return None


Handler = Callable[[Sequence[Claimed], datetime], dict[int, Ending]]
"""Applies a batch of events in one transaction and says how each ends (by event id).

Raises whatever goes wrong; the worker then rolls the batch back and gives the events one by one.
"""
