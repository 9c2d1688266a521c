"""What the worker hands to a handler and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Model, Q

from core.mirror.precedence import AHEAD, cloud_precedence, milliseconds, soi_precedence
from iiko_client import vendor_time
from iiko_client.models.events import read_envelope
from iiko_client.units import MinorUnits
from organizations.models.organization import Organization, TerminalGroup
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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Before iiko had a cloud: seconds, written where milliseconds belong, lie in 1970.
_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)


class Directory:
    """The organizations and terminal groups that a batch of events names."""

    def __init__(self, organization_ids: Iterable[str]) -> None:
        ids = set(organization_ids)
        self.organizations = {one.iiko_id: one for one in Organization.objects.filter(iiko_id__in=ids)}
        self._terminal_groups = {
            (group.organization_id, group.iiko_id): group
            for group in TerminalGroup.objects.filter(organization_id__in=ids)
        }

    def zone(self, organization: Organization, terminal_group_id: str | None) -> tzinfo:
        """Return the time zone of a terminal group, or the organization's where it is unknown."""
        group = self.group(organization, terminal_group_id)
        return vendor_time.zone(group.timezone) if group and group.timezone else organization.zone()

    def group(self, organization: Organization, terminal_group_id: str | None) -> TerminalGroup | None:
        return self._terminal_groups.get((organization.iiko_id, (terminal_group_id or "").lower()))

    def group_ids(self, organization_id: str) -> list[str]:
        """List the terminal groups of a restaurant that iiko still has."""
        return [
            group.iiko_id
            for (owner, _), group in self._terminal_groups.items()
            if owner == organization_id and not group.is_deleted
        ]

    def serving(self, event: Claimed) -> Organization | EventResult:
        """Return the organization of an event, or why nothing is applied for it."""
        organization = self.organizations.get(event.organization_id)
        if not event.organization_id:
            return ignored(Reason.NO_ORGANIZATION)
        if organization is None:
            return ignored(
                Reason.UNKNOWN_ORGANIZATION,
                f"Organization {event.organization_id} is not set up. Add it (manage.py add_organization), "
                "then replay this event.",
            )
        return organization if organization.is_active else ignored(Reason.INACTIVE_ORGANIZATION)


def content_of(event: Claimed, *, otherwise: Reason) -> Mapping[str, Any] | EventResult:
    """Return the ``eventInfo`` of a Cloud event; ``otherwise``: why nothing is applied if it is no object."""
    info: Any = event.payload.get("eventInfo")
    if info is None:
        return ignored(Reason.NO_CONTENT, "eventInfo is missing or null.")
    if not isinstance(info, Mapping):
        return ignored(otherwise, "eventInfo is not an object.")
    return info


def check_named_organization(event: Claimed, named: str | None) -> EventResult | None:
    """Refuse an event whose content names another organization than its envelope."""
    if named is None or named == event.organization_id:
        return None
    return ignored(
        Reason.ORGANIZATION_MISMATCH,
        f"The envelope says organization {event.organization_id}, its content {named}.",
    )


def dated(event: Claimed) -> tuple[Claimed, tuple[str, ...]]:
    """Leave out a revision or time that cannot be true.

    One that lies ahead would outrank whatever comes after it, one of seconds be older than whatever came.

    Returns the event as it is to be applied, and what to note on it.
    """
    latest = event.received_at + AHEAD
    notes: list[str] = []
    if event.event_time is not None and event.event_time > latest:
        notes.append(f"eventTime: {event.event_time:%Y-%m-%d %H:%M} UTC lies ahead of its receipt")
        event = replace(event, event_time=None)
    if event.revision is not None and event.revision > milliseconds(latest):
        notes.append(f"timestamp: {event.revision} lies ahead of its receipt; {_placed(event)}")
        event = replace(event, revision=None)
    elif event.revision is not None and event.revision < milliseconds(_EARLIEST):
        notes.append(f"timestamp: {event.revision} lies before 2010; {_placed(event)}")
        event = replace(event, revision=None)
    elif event.revision is None and _info(event).get("timestamp") is not None:
        notes.append(f"timestamp: no moment; {_placed(event)}")
    return event, tuple(notes)


def _placed(event: Claimed) -> str:
    return f"placed by {'arrival' if event.event_time is None else 'eventTime'}"


def _info(event: Claimed) -> Mapping[str, Any]:
    info: Any = event.payload.get("eventInfo")
    return info if isinstance(info, Mapping) else {}


def precedence_of(event: Claimed, *, progress: int) -> str:
    """How much a ``dated`` Cloud event counts; ``progress`` decides between equal revisions."""
    revision = event.revision
    if revision is None and event.event_time is not None:
        # Both count milliseconds since the epoch; the notification follows the change at once.
        revision = milliseconds(event.event_time)
    if revision is None or revision < 0:
        return soi_precedence(is_update=True, arrival_id=event.arrival_id)
    return cloud_precedence(revision=revision, progress=progress, digest=event.digest)


def happened_at(event: Claimed) -> datetime | None:
    """When iiko says that it came to be so."""
    if event.revision is None:
        return event.event_time
    try:
        return _EPOCH + timedelta(milliseconds=event.revision)
    except OverflowError:
        return event.event_time
