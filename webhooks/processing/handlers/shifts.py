"""PersonalShift: somebody came or went. Only the envelope says when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.mirror.precedence import AHEAD
from iiko_client.models.shifts import read_shift
from organizations.models.shifts import Shift
from organizations.shifts.pairing import ShiftReport, apply_shift_reports
from webhooks.models.inbox import EventStatus, Reason
from webhooks.processing.handlers.base import (
    Claimed,
    EventFacts,
    EventResult,
    Mirror,
    by_entity,
    ignored,
    writes,
)
from webhooks.processing.handlers.common import Directory, content_of


@writes(Mirror(Shift, by_entity("employee_id")))
def apply_shifts(events: Sequence[Claimed], _now: datetime) -> dict[int, EventResult]:
    """Make shifts of the events; one that comes late finds its place by its time, so none is outdated."""
    directory = Directory(event.organization_id for event in events)
    results: dict[int, EventResult] = {}
    reports: list[ShiftReport] = []
    for event in events:
        organization = directory.serving(event)
        results[event.id] = organization if isinstance(organization, EventResult) else _read(event, reports)
    apply_shift_reports(reports)
    return results


def _read(event: Claimed, reports: list[ShiftReport]) -> EventResult:
    info = content_of(event, otherwise=Reason.NO_CONTENT)
    if isinstance(info, EventResult):
        return info
    shift = read_shift(info)
    if shift.employee_id is None or shift.terminal_group_id is None or shift.is_opened is None:
        missing = "It does not say who, where, or whether the shift was opened."
        return ignored(Reason.UNREADABLE, "; ".join(shift.issues)[:500] or missing)
    if event.event_time is None:
        return ignored(Reason.NO_TIME, "eventTime is missing or no time: nothing else tells when it was.")
    # A later opening ends all shifts before it.
    if event.event_time > event.received_at + AHEAD:
        return ignored(Reason.NO_TIME, f"eventTime lies ahead: {event.event_time:%Y-%m-%d %H:%M} UTC.")
    reports.append(
        ShiftReport(
            organization_id=event.organization_id,
            employee_id=shift.employee_id,
            terminal_group_id=shift.terminal_group_id,
            moment=event.event_time,
            is_opened=shift.is_opened,
            role_id=shift.role_id or "",
        )
    )
    return EventResult(EventStatus.PROCESSED, notes=shift.issues, facts=EventFacts(iiko_id=shift.employee_id))
