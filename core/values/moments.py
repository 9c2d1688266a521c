"""Moments as people and programs write them, checked."""

from datetime import UTC, datetime, timedelta

from django.core.management import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

_YEARS = range(1900, 2200)
_FURTHEST = timedelta(hours=14)

NO_MOMENT = _("No such moment: write a year from 1900 to 2199, and an offset of at most 14 hours.")


def checked_moment(moment: datetime) -> datetime:
    """Return an aware ``moment`` in UTC, far enough from the ends of the calendar for arithmetic.

    Neither Python nor PostgreSQL takes every moment that can be written.

    Raises:
        ValueError: the year or the offset is out of range.
    """
    if abs(moment.utcoffset() or timedelta()) > _FURTHEST:
        raise ValueError("the offset is one of no clock")
    if moment.year not in _YEARS:
        raise ValueError("the year is out of reach")
    return moment.astimezone(UTC)


def moment_option(option: str, text: str) -> datetime:
    """Read the option of a management command: a day or a moment, without an offset in the hub's zone.

    Raises:
        CommandError: it is neither.
    """
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001  # made aware below
        if moment is None:
            raise ValueError("neither a day nor a moment")
        return checked_moment(moment if timezone.is_aware(moment) else timezone.make_aware(moment))
    except (ValueError, OverflowError) as error:
        words = f"{option} {text!r} is not a date. Write 2026-03-14 or 2026-03-14T18:00."
        raise CommandError(words) from error
