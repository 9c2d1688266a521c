"""What the worker hands to a handler, what it gets back, and what handlers share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q

from core.mirror import precedence
from iiko_client import vendor_time
from iiko_client.json_reader import JsonObject
from iiko_client.models.events import read_envelope
from organizations.models.organization import Organization, TerminalGroup
from webhooks.event_log import EventFacts
from webhooks.models.inbox import EventStatus, Reason

R = TypeVar("R")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Before iiko had a cloud: seconds, written where milliseconds belong, lie in 1970.
_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)


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
    trace_id: UUID | None
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class EventResult:
    """How an event ends: its status, why, and the fields that could not be read."""

    status: EventStatus
    reason: Reason | str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    order_id: int | None = None
    is_without_guest: bool = False
    """It is about a row whose guest was removed, so it keeps none itself."""
    facts: EventFacts = field(default_factory=EventFacts, compare=False)


def ignored(reason: Reason, error: str = "") -> EventResult:
    return EventResult(EventStatus.IGNORED, reason, error)


class NotApplied(Exception):
    """Nothing is applied for the event that is being read; ``result`` says why."""

    def __init__(self, reason: Reason, error: str = "") -> None:
        super().__init__(error)
        self.result = ignored(reason, error)


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


MIRRORS: dict[Handler, tuple[Mirror, ...]] = {}
"""The rows that each handler writes; none for one that does not say."""


def writes(*mirrors: Mirror) -> Callable[[Handler], Handler]:
    """Say which rows a handler writes, so that a dry run can tell what a replay would change."""

    def decorate(handler: Handler) -> Handler:
        MIRRORS[handler] = mirrors
        return handler

    return decorate


def by_entity(column: str) -> Callable[[Sequence[Claimed]], Q]:
    """Rows of the same organization whose ``column`` is the id of the events' entity (``eventInfo.id``)."""

    def about(events: Sequence[Claimed]) -> Q:
        entities = {read_envelope(event.payload).entity_key for event in events} - {""}
        organizations = {event.organization_id for event in events}
        return Q(**{"organization_id__in": organizations, f"{column}__in": entities})

    return about


# --- reading -------------------------------------------------------------------------------------------


class Directory:
    """The organizations and terminal groups that a batch of events names."""

    def __init__(self, events: Iterable[Claimed]) -> None:
        ids = {event.organization_id for event in events}
        self.organizations = {one.iiko_id: one for one in Organization.objects.filter(iiko_id__in=ids)}
        self._terminal_groups = {
            (group.organization_id, group.iiko_id): group
            for group in TerminalGroup.objects.filter(organization_id__in=ids)
        }

    def zones(self, organization_id: str) -> Callable[[str | None], tzinfo]:
        """Give the time zone of a terminal group, or the organization's where it is unknown."""

        def zone(terminal_group_id: str | None) -> tzinfo:
            group = self.group(organization_id, terminal_group_id)
            if group and group.timezone:
                return vendor_time.zone(group.timezone)
            return self.organizations[organization_id].zone()

        return zone

    def group(self, organization_id: str, terminal_group_id: str | None) -> TerminalGroup | None:
        return self._terminal_groups.get((organization_id, (terminal_group_id or "").lower()))

    def group_ids(self, organization_id: str) -> list[str]:
        """List the terminal groups of a restaurant that iiko still has."""
        groups = self._terminal_groups.items()
        return [one.iiko_id for (owner, _), one in groups if owner == organization_id and not one.is_deleted]

    def check_served(self, event: Claimed) -> None:
        """Raise ``NotApplied`` for an event of an organization that is not set up here or switched off."""
        organization = self.organizations.get(event.organization_id)
        if not event.organization_id:
            raise NotApplied(Reason.NO_ORGANIZATION)
        if organization is None:
            raise NotApplied(
                Reason.UNKNOWN_ORGANIZATION,
                f"Organization {event.organization_id} is not set up. Add it (manage.py add_organization), "
                "then replay this event.",
            )
        if not organization.is_active:
            raise NotApplied(Reason.INACTIVE_ORGANIZATION)


def read_each(
    events: Sequence[Claimed], read: Callable[[Claimed, Directory], R]
) -> tuple[dict[int, R], dict[int, EventResult]]:
    """Read the events of organizations that are served; returns what they say, and how the others end.

    ``read`` raises ``NotApplied`` for an event of which nothing is applied.
    """
    directory = Directory(events)
    readings: dict[int, R] = {}
    results: dict[int, EventResult] = {}
    for event in events:
        try:
            directory.check_served(event)
            readings[event.id] = read(event, directory)
        except NotApplied as refusal:
            results[event.id] = refusal.result
    return readings, results


def content_of(event: Claimed, *, otherwise: Reason) -> JsonObject:
    """Return the ``eventInfo`` of a Cloud event; ``otherwise``: why nothing is applied if it is no object."""
    info = event.payload.get("eventInfo")
    if info is None:
        raise NotApplied(Reason.NO_CONTENT, "eventInfo is missing or null.")
    if not isinstance(info, Mapping):
        raise NotApplied(otherwise, "eventInfo is not an object.")
    return info


def check_named_organization(event: Claimed, named: str | None) -> None:
    """Refuse an event whose content names another organization than its envelope."""
    if named is not None and named != event.organization_id:
        raise NotApplied(
            Reason.ORGANIZATION_MISMATCH,
            f"The envelope says organization {event.organization_id}, its content {named}.",
        )


# --- where its news stands among others ----------------------------------------------------------------


def dated(event: Claimed) -> tuple[Claimed, tuple[str, ...]]:
    """Leave out a revision or time that cannot be true.

    One that lies ahead would outrank whatever comes after it, one of seconds be older than whatever came.

    Returns the event as it is to be applied, and what to note on it.
    """
    latest = event.received_at + precedence.AHEAD
    notes: list[str] = []
    if event.event_time is not None and event.event_time > latest:
        notes.append(f"eventTime: {event.event_time:%Y-%m-%d %H:%M} UTC lies ahead of its receipt")
        event = replace(event, event_time=None)
    problem = ""
    if event.revision is not None and event.revision > precedence.milliseconds(latest):
        problem = f"{event.revision} lies ahead of its receipt"
    elif event.revision is not None and event.revision < precedence.milliseconds(_EARLIEST):
        problem = f"{event.revision} lies before 2010"
    elif event.revision is None:
        info = event.payload.get("eventInfo")
        problem = "no moment" if isinstance(info, Mapping) and info.get("timestamp") is not None else ""
    if problem:
        placed_by = "arrival" if event.event_time is None else "eventTime"
        notes.append(f"timestamp: {problem}; placed by {placed_by}")
        event = replace(event, revision=None)
    return event, tuple(notes)


def precedence_of(event: Claimed, *, progress: int) -> str:
    """How much a ``dated`` Cloud event counts; ``progress`` decides between equal revisions."""
    revision = event.revision
    if revision is None and event.event_time is not None:
        # Both count milliseconds since the epoch; the notification follows the change at once.
        revision = precedence.milliseconds(event.event_time)
    if revision is None or revision < 0:
        return precedence.soi_precedence(is_update=True, arrival_id=event.arrival_id)
    return precedence.cloud_precedence(revision=revision, progress=progress, digest=event.digest)


def happened_at(event: Claimed) -> datetime | None:
    """When iiko says that it came to be so."""
    if event.revision is None:
        return event.event_time
    try:
        return _EPOCH + timedelta(milliseconds=event.revision)
    except OverflowError:
        return event.event_time
