"""How fresh the stop lists are, as texts, and what to do where they are not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.display import ago_text, clock_text, span_text
from organizations.models.stop_lists import StopListReading
from organizations.stop_lists.refresh import WITHOUT_LOGIN

Note = tuple[str, str, str]
"""Severity, title, words."""

_SHOWN = 5


def freshness_notes(organization_id: str, *, now: datetime) -> list[Note]:
    """Say which lists could not be read and why; where all could, when the oldest was."""
    readings = StopListReading.objects.filter(organization__is_active=True).select_related("organization")
    if organization_id and "\0" not in organization_id:
        readings = readings.filter(organization_id=organization_id)
    failing = list(readings.filter(failing_since__isnull=False).order_by("failing_since")[: _SHOWN + 1])
    notes = [_failure(reading, now) for reading in failing[:_SHOWN]]
    if len(failing) > _SHOWN:
        rest = readings.filter(failing_since__isnull=False).count() - _SHOWN
        words = ngettext("%(count)d restaurant more", "%(count)d restaurants more", rest)
        notes.append(("warn", words % {"count": rest}, _("Choose one to see why its lists cannot be read.")))
    oldest = readings.filter(read_at__isnull=False, failing_since__isnull=True).order_by("read_at").first()
    if oldest is not None and oldest.read_at is not None:
        words = _("The longest unread list was read %(ago)s")
        notes.append(("", words % {"ago": ago_text(oldest.read_at, now)}, ""))
    return notes


def _failure(reading: StopListReading, now: datetime) -> Note:
    organization = reading.organization
    since = clock_text(reading.failing_since or now, organization.zone(), now=now)
    title = _("%(restaurant)s: the stop lists could not be read since %(since)s") % {
        "restaurant": organization.name,
        "since": since,
    }
    return "warn", title, f"{_reason(reading)} {_next(reading, now)} {_shown(reading, now)}".strip()


def _reason(reading: StopListReading) -> str:
    if reading.error_code in WITHOUT_LOGIN:
        return _("The restaurant has no API login that works; choose one (Organizations).")
    return f"{reading.error.rstrip('.')}."


def _next(reading: StopListReading, now: datetime) -> str:
    if reading.retry_at is None:
        return ""
    if reading.retry_at - now < timedelta(seconds=1):
        return _("The hub tries again now.")
    return _("The hub tries again in %(span)s.") % {"span": span_text(reading.retry_at - now)}


def _shown(reading: StopListReading, now: datetime) -> str:
    if reading.read_at is None:
        return _("They were never read.")
    return _("What is shown was read %(ago)s.") % {"ago": ago_text(reading.read_at, now)}
