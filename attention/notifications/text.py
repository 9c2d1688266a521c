"""What a notification says, in the language of its channel; personal data only where the channel takes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _, ngettext, override

from attention.models.channels import Channel, Kind, Notification
from attention.models.items import AttentionItem, Severity
from attention.words import sentence_of, step_of
from organizations.models.organization import Organization

NAMED = 20
"""Items that a digest names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``number`` is the same in all attempts, and told where a receiver can read it."""

    number: int
    title: str
    body: str
    severity: Severity = Severity.INFO
    facts: dict[str, object] = field(default_factory=dict)
    """What a program gets besides: web hooks of JSON, XML and forms."""


def message_of(notification: Notification, parts: Sequence[Notification], *, now: datetime) -> Message:
    """Write a notification; ``parts`` are those of a digest that are still to be told."""
    channel = notification.channel
    with override(channel.language):
        if notification.kind == Kind.TEST:
            return _test(notification)
        items = [part.item for part in parts or [notification] if part.item is not None]
        title, lines = (
            _digest(items, channel, now)
            if notification.kind == Kind.DIGEST
            else _single(notification, items[0], now)
        )
        if notification.may_be_repeat:
            lines.append(_("(This message may have come once before.)"))
    worst = max(item.severity for item in items)
    facts: dict[str, object] = {
        "kind": str(notification.kind),
        "items": [item.pk for item in items],
        "rules": [item.rule for item in items],
        "restaurants": [item.organization_id for item in items],
    }
    return Message(notification.pk, title, "\n".join(lines), Severity(worst), facts)


def zone_of(item: AttentionItem, channel: Channel) -> tzinfo:
    """Return the clock of an item: its restaurant's; for the hub's own the first restaurant's."""
    if item.organization is not None:
        return item.organization.zone()
    first = channel.restaurants.order_by("pk").first()
    return first.zone() if first else first_zone()


def first_zone() -> tzinfo:
    """Return the clock of the first restaurant, by which the hub's own news are told."""
    first = Organization.objects.order_by("pk").first()
    return first.zone() if first else UTC


def _test(notification: Notification) -> Message:
    title = _("iikohub: a test")
    body = _("Notifications of the channel “%(channel)s” arrive here.") % {"channel": notification.channel}
    return Message(notification.pk, title, body, facts={"kind": str(notification.kind)})


def _single(notification: Notification, item: AttentionItem, now: datetime) -> tuple[str, list[str]]:
    title = _heading(item)
    if notification.kind == Kind.REPEAT:
        title = _("Again: %(title)s") % {"title": title}
    lines = [
        _sentence(item, notification.channel, now),
        *_guest(item, notification.channel),
        *_link(item),
    ]
    return title, lines


def _digest(items: Sequence[AttentionItem], channel: Channel, now: datetime) -> tuple[str, list[str]]:
    count = len(items)
    title = ngettext("%(count)d needs attention", "%(count)d need attention", count) % {"count": count}
    worst_first = sorted(items, key=lambda item: (-item.severity, item.since))
    lines = [f"• {_heading(item)}: {_sentence(item, channel, now)}" for item in worst_first[:NAMED]]
    if count > NAMED:
        lines.append(_("and %(count)d more") % {"count": count - NAMED})
    return title, lines


def _heading(item: AttentionItem) -> str:
    place = item.organization.name if item.organization is not None else "iikohub"
    return f"{capfirst(str(Severity(item.severity).label))} · {place}"


def _sentence(item: AttentionItem, channel: Channel, now: datetime) -> str:
    return sentence_of(item, now, zone=zone_of(item, channel))


def _guest(item: AttentionItem, channel: Channel) -> list[str]:
    if not channel.allows_personal_data or item.order is None:
        return []
    guest = item.order.customer or {}
    known = [text for text in (guest.get("name"), guest.get("surname"), item.order.phone) if text]
    return [_("Guest: %(guest)s") % {"guest": " ".join(map(str, known))}] if known else []


def _link(item: AttentionItem) -> list[str]:
    step = step_of(item)
    if step is None or not settings.WEBHOOK_BASE_URL:
        return []
    return [f"{step.title}: {settings.WEBHOOK_BASE_URL}{step.url}"]
