"""PersonalShift: somebody came or went. Only the envelope says when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from iiko_client.types.shifts import read_shift
from organizations.models import Organization
from organizations.services.shifts import ShiftReport, apply_shift_reports
from webhooks.handlers.base import Claimed, Ending, check_organization, ignored
from webhooks.models import EventStatus, Reason


def apply_shifts(events: Sequence[Claimed], now: datetime) -> dict[int, Ending]:
    """Make shifts of the events; one that comes late finds its place by its time, so none is outdated."""
    organizations = Organization.objects.in_bulk(
        [event.organization_id for event in events], field_name="iiko_id"
    )
    endings: dict[int, Ending] = {}
    reports: list[ShiftReport] = []
    for event in events:
        refusal = check_organization(event, organizations.get(event.organization_id))
        endings[event.id] = refusal or _read(event, reports)
    apply_shift_reports(reports)
    return endings


def _read(event: Claimed, reports: list[ShiftReport]) -> Ending:
    info = event.payload.get("eventInfo")
    if not isinstance(info, Mapping):
        return ignored(Reason.NO_CONTENT, "eventInfo is missing or not an object.")
    shift = read_shift(info)
    if shift.employee_id is None or shift.terminal_group_id is None or shift.is_opened is None:
        missing = "It does not say who, where, or whether the shift was opened."
        return ignored(Reason.UNREADABLE, "; ".join(shift.issues)[:500] or missing)
    if event.event_time is None:
        return ignored(Reason.NO_TIME, "eventTime is missing or no time: nothing else tells when it was.")
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
    return Ending(EventStatus.PROCESSED, notes=shift.issues)
