"""Whether a POS answers, as texts and badges."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import EMPTY, badge, clock_text
from iiko_client import vendor_time
from organizations.models.organization import POS_NEWS_LASTS, TerminalGroup


def answers_text(group: TerminalGroup, now: datetime) -> str | SafeString:
    """Say whether the POS of a terminal group answers, by iiko's last answer."""
    if (since := group.silent_since(now)) is not None:
        zone = vendor_time.zone(group.timezone) if group.timezone else group.organization.zone()
        when = clock_text(since, zone, now=now)
        return badge("problem", _("does not answer since %(when)s") % {"when": when})
    is_recent = group.alive_told_at is not None and now - group.alive_told_at < POS_NEWS_LASTS
    return badge("on", _("answers")) if is_recent else EMPTY


def silent_pos_badges(groups: Iterable[TerminalGroup], now: datetime) -> SafeString:
    """Write a badge for each POS that does not answer; ``groups`` are those of one restaurant."""
    badges = (
        badge(
            "problem",
            _("POS is silent since %(when)s")
            % {"when": clock_text(group.not_answering_since or now, group.organization.zone(), now=now)},
            group.name,
        )
        for group in groups
    )
    return format_html_join(" ", "{}", ((one,) for one in badges))
