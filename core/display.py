"""How amounts, times and labels are shown to people."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, TypeAlias

from django.db.models import Model
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, pgettext

from iiko_client.units import MinorUnits, to_major

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text: TypeAlias = "str | _StrPromise"
"""A text, or one that is translated when it is shown."""

EMPTY = "—"
_SYMBOLS = {"RUB": "₽", "KZT": "₸", "BYN": "Br", "AMD": "֏", "GEL": "₾", "USD": "$", "EUR": "€"}


def money(minor: int | None, currency: str) -> str:
    """Write 1/100 of a currency as ``1 651,00 ₽``."""
    if minor is None:
        return EMPTY
    number = formats.number_format(to_major(MinorUnits(minor)), 2, force_grouping=True)
    return f"{number}\N{NO-BREAK SPACE}{currency_sign(currency)}"


def currency_sign(currency: str) -> str:
    return _SYMBOLS.get(currency, currency)


def on_clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return the instant on the clock of ``zone``; in UTC where that clock is outside the calendar.

    The first and the last instant of the calendar stand for "no time" on iiko's platform (.NET).
    """
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def clock_text(moment: datetime, zone: tzinfo, *, now: datetime, seconds: bool = False) -> str:
    """Write an instant on the clock of ``zone``; the year only where it is not this one."""
    there = on_clock(moment, zone)
    day = pgettext("date format", "j M")
    if there.year != now.astimezone(zone).year:
        day = pgettext("date format", "j M Y")
    return formats.date_format(there, f"{day} {'H:i:s' if seconds else 'H:i'}")


def clock(
    moment: datetime | None,
    zone: tzinfo,
    *,
    now: datetime,
    seconds: bool = False,
    with_offset: bool = False,
) -> SafeString:
    """Write an instant as a ``<time>``; its tooltip names the zone and the time in UTC."""
    if moment is None:
        return SafeString(EMPTY)
    offset = offset_text(moment, zone)
    return format_html(
        '<time class="hub-time" datetime="{}" title="{}">{}{}</time>',
        moment.isoformat(),
        f"{zone}, {offset}. {moment:%Y-%m-%d %H:%M:%S} UTC",
        clock_text(moment, zone, now=now, seconds=seconds),
        format_html(' <span class="hub-muted">{}</span>', offset) if with_offset else "",
    )


def clock_reading(moment: datetime | None, zone: tzinfo) -> datetime | None:
    """Read the clock of ``zone`` at an instant: a time without a zone, as spreadsheets have it."""
    return None if moment is None else on_clock(moment, zone).replace(tzinfo=None)


def offset_text(moment: datetime, zone: tzinfo) -> str:
    """Write the zone's shift at that instant as ``UTC+5`` or ``UTC−3:30``."""
    minutes = int((on_clock(moment, zone).utcoffset() or timedelta()).total_seconds()) // 60
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")


def span_text(span: timedelta) -> str:
    """Write a length of time by its largest unit: 5 s, 3 min, 2 h, 4 d."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 3600:
        return _("%(count)d min") % {"count": seconds // 60}
    if seconds < 48 * 3600:
        return _("%(count)d h") % {"count": seconds // 3600}
    return _("%(count)d d") % {"count": seconds // 86400}


def ago_text(moment: datetime, now: datetime) -> str:
    return _("%(span)s ago") % {"span": span_text(now - moment)}


def ago(moment: datetime, now: datetime, title: str) -> SafeString:
    """Write how long ago it was; an open list counts on by itself (``data-ago``)."""
    return format_html(
        '<span class="hub-nowrap" data-ago="{}" title="{}">{}</span>',
        round(moment.timestamp()),
        title,
        ago_text(moment, now),
    )


def badge(kind: str, text: str, title: str = "") -> SafeString:
    """Write a coloured label; ``admin.css`` has one colour for each kind."""
    return format_html(
        '<span class="hub-badge hub-badge--{}"{}>{}</span>',
        kind,
        format_html(' title="{}"', title) if title else "",
        text,
    )


def truncated(text: str) -> SafeString:
    """Write one line of a cell; what does not fit is in the tooltip."""
    return format_html('<span class="hub-cut" title="{}">{}</span>', text, text)


def clamped(text: str) -> SafeString:
    """Write one half of a stacked cell, in two lines at most; what does not fit is in the tooltip."""
    return format_html('<span class="hub-cut hub-lines" title="{}">{}</span>', text, text)


def stacked(first: object, second: object) -> SafeString:
    """Write a cell of two lines, the second small and muted."""
    lines = [("", first)] + ([("hub-muted hub-small", second)] if second else [])
    return format_html(
        '<span class="hub-two">{}</span>',
        format_html_join("", '<span class="{}">{}</span>', lines),
    )


def field_title(model: type[Model], name: str) -> str:
    """Return the label of a field, with a capital letter."""
    title = str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # every field named has one
    return title[:1].upper() + title[1:]
