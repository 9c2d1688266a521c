"""What every handler asks of an event before it applies it, and where its news stands among others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from core.mirror.precedence import AHEAD, cloud_precedence, milliseconds, soi_precedence
from iiko_client import vendor_time
from organizations.models.organization import Organization, TerminalGroup
from webhooks.models.inbox import Reason
from webhooks.processing.handlers.base import Claimed, EventResult, ignored

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
