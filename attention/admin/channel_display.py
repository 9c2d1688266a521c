"""Channels and notifications in words."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext, pgettext

from attention.models.channels import Channel, Kind, Notification, SendState
from attention.models.items import Severity
from attention.notifications.errors import words
from core.display import ago_text, badge

_BADGES = {
    SendState.HELD: "pending",
    SendState.PENDING: "pending",
    SendState.SENDING: "sending",
    SendState.SENT: "processed",
    SendState.DROPPED: "ignored",
    SendState.FAILED: "failed",
}


def channel_badge(channel: Channel) -> SafeString:
    if not channel.is_active:
        return badge("off", gettext("switched off"))
    if channel.failing_since is not None:
        return badge("failed", pgettext("notifications", "not sent"))
    if channel.tried_at is None:
        return badge("problem", gettext("not tried"))
    return badge("on", pgettext("notifications", "works"))


def state_badge(notification: Notification) -> SafeString:
    state = SendState(notification.state)
    return badge(_BADGES[state], capfirst(str(state.label)))


Notice = tuple[str, str, str]
"""Severity, title, text."""


def notices(channel: Channel, last_test: Notification | None, now: datetime) -> Iterator[Notice]:
    if last_test is not None and last_test.finished_at is None:
        yield "info", gettext("The test is being sent"), gettext("Reload the page in a moment.")
    if channel.failing_since is not None:
        title = gettext("Nothing arrives, since %(ago)s") % {"ago": ago_text(channel.failing_since, now)}
        yield "bad", title, words(channel.last_error)
    elif channel.tried_at is None:
        text = gettext("Send a test, and see that it comes.")
        yield "warn", gettext("Nobody knows yet whether messages arrive"), text


def whose_text(channel: Channel) -> str:
    """Say of which restaurants a channel tells."""
    names = [one.name for one in channel.restaurants.all()]
    return "; ".join(names) if names else gettext("all restaurants, and the hub itself")


def which_text(channel: Channel) -> str:
    """Say of what a channel tells: rules and severities."""
    count = len(channel.rules)
    rules = ngettext("%(count)d rule", "%(count)d rules", count) % {"count": count} if count else ""
    severity = gettext("from “%(severity)s” on") % {"severity": Severity(channel.least_severity).label}
    return ", ".join(filter(None, (rules or gettext("all rules"), severity)))


def kind_text(notification: Notification) -> str:
    return capfirst(str(Kind(notification.kind).label))
