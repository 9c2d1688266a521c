"""iiko's clocks: zoneless text that is UTC in some fields and local to the terminal in others.

Which field is on which clock: docs/iiko.md#which-clock. There is no "parse a date": every caller says
whose clock it reads.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# yyyy-MM-dd HH:mm:ss.fff by the schema; a T, missing fractions and offsets were seen as well
# (docs/iiko.md#date-format).
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_SPAN = re.compile(r"(?:UTC|GMT)?\s*([+-])?(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?", re.ASCII | re.IGNORECASE)


class NotATime(ValueError):
    """Not a date and time that can be read or written."""


class NotAZone(ValueError):
    """The text names no time zone."""


def utc(text: str) -> datetime:
    """Read ``eventTime`` and the other fields that iiko writes in UTC.

    Raises:
        NotATime: the text is not a date and time, or lies outside the calendar.
    """
    return _read(text, UTC)


def terminal_local(text: str, zone: tzinfo) -> datetime:
    """Read a field written on the terminal's clock and return the instant in UTC.

    An offset in the text wins over ``zone``. An hour that occurs twice (clocks going back) is taken
    as the first of the two.

    Raises:
        NotATime: the text is not a date and time, or lies outside the calendar.
    """
    return _read(text, zone)


def write_local(moment: datetime, zone: tzinfo) -> str:
    """Write an instant for a field that iiko reads on this clock, to the millisecond (the rest is cut off).

    Other forms than ``yyyy-MM-dd HH:mm:ss.fff`` were refused (docs/iiko.md#date-format).

    Raises:
        NotATime: ``moment`` has no zone, or lies outside the calendar on that clock.
    """
    if moment.tzinfo is None:
        raise NotATime(f"{moment} names no instant: it has no zone")
    try:
        local = moment.astimezone(zone)
    except OverflowError as error:
        raise NotATime(f"{moment} lies outside the calendar on the clock {zone}") from error
    return local.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


def _read(text: str, zone: tzinfo) -> datetime:
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise NotATime(f"{text[:40]!r} is not a date and time")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        parts = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)
        return datetime(*parts, tzinfo=_offset(offset) if offset else zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotATime(f"{text[:40]!r} is not a date and time: {error}") from error


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if text[0] == "-" else span)


@lru_cache(maxsize=512)
def zone(text: str) -> tzinfo:
    """Return the zone named by an IANA name, ``UTC`` or a span such as ``+05:00`` or ``05:00:00``.

    The schema says only "string" (format ``date-span``), so every form is accepted
    (docs/iiko.md#time-zones-of-terminal-groups).

    Raises:
        NotAZone: none of these.
    """
    name = text.strip()
    if match := _SPAN.fullmatch(name):
        sign, hours, minutes = match.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes))
        if span <= timedelta(hours=14) and int(minutes) < 60:
            return timezone(-span if sign == "-" else span)
        raise NotAZone(f"{name!r} is not a time zone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NotAZone(f"{name[:60]!r} is not a time zone") from error
