"""What restaurants tell beside orders: PersonalShift and StopListUpdate.

PersonalShift: somebody came or went; only the envelope says when. StopListUpdate: whose stop list changed.
What is on it iiko has to be asked, which a task does later.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from core.mirror.precedence import AHEAD
from iiko_client.models.shifts import read_shift
from iiko_client.models.stop_lists import read_stop_list_change
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup
from organizations.shifts.pairing import ShiftReport, apply_shift_reports
from organizations.stop_lists.refresh import ListChange, note_changes, want_lists
from webhooks.event_log import EventFacts
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers import base
from webhooks.processing.handlers.base import Claimed, Directory, EventResult, Mirror, by_entity, writes


@writes(Mirror(Shift, by_entity("employee_id")))
def apply_shifts(events: Sequence[Claimed], _now: datetime) -> dict[int, EventResult]:
    """Make shifts of the events; one that comes late finds its place by its time, so none is outdated."""
    readings, results = base.read_each(events, _read_shift)
    apply_shift_reports([report for report, _ in readings.values()])
    return results | {
        pk: EventResult(EventStatus.PROCESSED, notes=notes, facts=EventFacts(iiko_id=report.employee_id))
        for pk, (report, notes) in readings.items()
    }


def _read_shift(event: Claimed, _directory: Directory) -> tuple[ShiftReport, tuple[str, ...]]:
    shift = read_shift(base.content_of(event, otherwise=Reason.NO_CONTENT))
    if shift.employee_id is None or shift.terminal_group_id is None or shift.is_opened is None:
        missing = "It does not say who, where, or whether the shift was opened."
        raise base.NotApplied(Reason.UNREADABLE, "; ".join(shift.issues)[:500] or missing)
    if event.event_time is None:
        words = "eventTime is missing or no time: nothing else tells when it was."
        raise base.NotApplied(Reason.NO_TIME, words)
    # A later opening ends all shifts before it.
    if event.event_time > event.received_at + AHEAD:
        words = f"eventTime lies ahead: {event.event_time:%Y-%m-%d %H:%M} UTC."
        raise base.NotApplied(Reason.NO_TIME, words)
    report = ShiftReport(
        organization_id=event.organization_id,
        employee_id=shift.employee_id,
        terminal_group_id=shift.terminal_group_id,
        moment=event.event_time,
        is_opened=shift.is_opened,
        role_id=shift.role_id or "",
    )
    return report, shift.issues


def _lists_about(events: Sequence[Claimed]) -> Q:
    directory = Directory(events)
    changes = [change for event in events for change in _read_lists(event, directory)[0]]
    return Q(
        organization_id__in={one.organization_id for one in changes},
        terminal_group_id__in={one.terminal_group_id for one in changes},
    )


@writes(Mirror(StopListGroup, _lists_about, ("changed_since",)))
def apply_stop_lists(events: Sequence[Claimed], now: datetime) -> dict[int, EventResult]:
    """Write down which lists changed; no event is older than another, for the list is read as it is then."""
    readings, results = base.read_each(events, _read_lists)
    # Where no terminal group of the restaurant is known yet there is no list to mark.
    if without := {one.organization_id for one in events if one.id in readings and not readings[one.id][0]}:
        want_lists(without, now=now)
    note_changes([change for changes, _ in readings.values() for change in changes], now=now)
    return results | {
        pk: EventResult(EventStatus.PROCESSED, notes=notes) for pk, (_, notes) in readings.items()
    }


def _read_lists(event: Claimed, directory: Directory) -> tuple[list[ListChange], tuple[str, ...]]:
    """Say which lists changed: all of the restaurant's where the event does not name every one.

    The message is a bell, nothing more: reading too many lists does no harm, reading too few does.
    """
    change = read_stop_list_change(event.payload.get("eventInfo"))
    fulls = {one.terminal_group_id: one.is_full for one in change.lists}
    notes = change.issues
    if not change.is_complete:
        fulls = dict.fromkeys(directory.group_ids(event.organization_id), False) | fulls
        notes = (*notes, "It does not name every list that changed: all lists of the restaurant are read.")
    return [ListChange(event.organization_id, group, is_full) for group, is_full in fulls.items()], notes
