"""StopListUpdate: whose stop list changed. What is on it iiko has to be asked, which a task does later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from iiko_client.models.stop_lists import read_stop_list_change
from organizations.models.stop_lists import StopListGroup
from organizations.stop_lists.refresh import ListChange, note_changes, want_lists
from webhooks.models.inbox import EventStatus
from webhooks.processing.handlers.base import Claimed, EventResult, Mirror, writes
from webhooks.processing.handlers.common import Directory


def _lists_about(events: Sequence[Claimed]) -> Q:
    directory = Directory(event.organization_id for event in events)
    changes = [change for event in events for change in _read(event, directory)[0]]
    return Q(
        organization_id__in={one.organization_id for one in changes},
        terminal_group_id__in={one.terminal_group_id for one in changes},
    )


@writes(Mirror(StopListGroup, _lists_about, ("changed_since",)))
def apply_stop_lists(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    """Write down which lists changed; no event is older than another, for the list is read as it is then."""
    directory = Directory(event.organization_id for event in events)
    results: dict[int, EventResult] = {}
    changes: list[ListChange] = []
    for event in events:
        organization = directory.serving(event)
        if isinstance(organization, EventResult):
            results[event.id] = organization
            continue
        found, results[event.id] = _read(event, directory)
        changes += found
        if not found:
            # No terminal group of the restaurant is known yet, so there is no list to mark.
            want_lists([organization.iiko_id], now=now)
    note_changes(changes, now=now)
    return results


def _read(event: Claimed, directory: Directory) -> tuple[list[ListChange], EventResult]:
    """Say which lists changed: all of the restaurant's where the event does not name every one.

    The message is a bell, nothing more: reading too many lists does no harm, reading too few does.
    """
    change = read_stop_list_change(event.payload.get("eventInfo"))
    fulls = {one.terminal_group_id: one.is_full for one in change.lists}
    notes = change.issues
    if not change.is_complete:
        fulls = dict.fromkeys(directory.group_ids(event.organization_id), False) | fulls
        notes = (*notes, "It does not name every list that changed: all lists of the restaurant are read.")
    found = [ListChange(event.organization_id, group, is_full) for group, is_full in fulls.items()]
    return found, EventResult(EventStatus.PROCESSED, notes=notes)
