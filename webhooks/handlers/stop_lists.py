"""StopListUpdate: whose stop list changed. What is on it iiko has to be asked, which a task does later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from iiko_client.types.stop_lists import read_stop_list_change
from organizations.services.stop_lists import ListChange, note_changes
from organizations.stop_models import StopListGroup
from webhooks.handlers.base import Claimed, Ending, Mirror, ignored, writes
from webhooks.handlers.common import Directory, content_of
from webhooks.models import EventStatus, Reason


def _lists_about(events: Sequence[Claimed]) -> Q:
    changes: list[ListChange] = []
    for event in events:
        _read(event, changes)
    return Q(
        organization_id__in={one.organization_id for one in changes},
        terminal_group_id__in={one.terminal_group_id for one in changes},
    )


@writes(Mirror(StopListGroup, _lists_about, ("changed_since",)))
def apply_stop_lists(events: Sequence[Claimed], now: datetime) -> dict[int, Ending]:
    """Write down which lists changed; no event is older than another, for the list is read as it is then."""
    directory = Directory(event.organization_id for event in events)
    endings: dict[int, Ending] = {}
    changes: list[ListChange] = []
    for event in events:
        organization = directory.serving(event)
        endings[event.id] = organization if isinstance(organization, Ending) else _read(event, changes)
    note_changes(changes, now=now)
    return endings


def _read(event: Claimed, changes: list[ListChange]) -> Ending:
    info = content_of(event, otherwise=Reason.NO_CONTENT)
    if isinstance(info, Ending):
        return info
    change = read_stop_list_change(info)
    if change is None:
        return ignored(Reason.NO_CONTENT, "eventInfo has no list terminalGroupsStopListsUpdates.")
    if not change.lists:
        return ignored(Reason.NO_CONTENT, "; ".join(change.issues)[:500] or "It names no terminal group.")
    changes += [ListChange(event.organization_id, one.terminal_group_id, one.is_full) for one in change.lists]
    return Ending(EventStatus.PROCESSED, notes=change.issues)
