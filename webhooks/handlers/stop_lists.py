"""StopListUpdate: whose stop list changed. What is on it iiko has to be asked, which a task does later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from iiko_client.types.stop_lists import read_stop_list_change
from organizations.models import Organization
from organizations.services.stop_lists import ListChange, note_changes
from webhooks.handlers.base import Claimed, Ending, check_organization, ignored
from webhooks.models import EventStatus, Reason


def apply_stop_lists(events: Sequence[Claimed], now: datetime) -> dict[int, Ending]:
    """Write down which lists changed; no event is older than another, for the list is read as it is then."""
    organizations = Organization.objects.in_bulk(
        [event.organization_id for event in events], field_name="iiko_id"
    )
    endings: dict[int, Ending] = {}
    changes: list[ListChange] = []
    for event in events:
        refusal = check_organization(event, organizations.get(event.organization_id))
        endings[event.id] = refusal or _read(event, changes)
    note_changes(changes, now=now)
    return endings


def _read(event: Claimed, changes: list[ListChange]) -> Ending:
    info = event.payload.get("eventInfo")
    change = read_stop_list_change(info) if isinstance(info, Mapping) else None
    if change is None:
        return ignored(Reason.NO_CONTENT, "eventInfo has no list terminalGroupsStopListsUpdates.")
    if not change.lists:
        return ignored(Reason.NO_CONTENT, "; ".join(change.issues)[:500] or "It names no terminal group.")
    changes += [ListChange(event.organization_id, one.terminal_group_id, one.is_full) for one in change.lists]
    return Ending(EventStatus.PROCESSED, notes=change.issues)
