"""An event in words, and its payload as JSON that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin.json_text import pretty_json
from core.display import ago_text, badge, clock
from webhooks.masking import masked_words
from webhooks.models.inbox import Reason, WebhookEvent
from webhooks.processing.dead_letters import DeadLetterGroup
from webhooks.replay.replay import ReplayCount

LONGEST_PAYLOAD = 300_000
LONGEST_RAW = 100_000


def status_badge(event: WebhookEvent) -> SafeString:
    return badge(event.status, event.get_status_display())


def type_text(event_type: str) -> str:
    return event_type or _("(no type)")


def reason_text(event: WebhookEvent) -> str:
    return str(event.get_reason_display()) if event.reason else ""


def dead_letter_row(group: DeadLetterGroup, *, shows_people: bool, now: datetime) -> dict[str, Any]:
    """Put a group of events that failed of the same thing into words."""
    query = urlencode({"event_type": group.event_type, "reason": group.reason, "alike": group.alike})
    return {
        "type": type_text(group.event_type),
        "reason": str(Reason(group.reason).label) if group.reason in Reason.values else group.reason,
        "error": group.alike if shows_people else masked_words(group.alike),
        "count": group.count,
        "first": clock(group.first, UTC, now=now, with_offset=True),
        "last": clock(group.last, UTC, now=now, with_offset=True),
        "example_id": group.example_id,
        "replay_url": f"{reverse('admin:webhooks_webhookevent_dead_replay')}?{query}",
    }


def replay_text(count: ReplayCount) -> str:
    """Say how a replay of several events went, in sentences."""
    told = [
        ngettext("%(count)d event queued.", "%(count)d events queued.", count.queued)
        % {"count": count.queued}
    ]
    if count.waiting:
        told.append(
            ngettext("%(count)d is waiting already.", "%(count)d are waiting already.", count.waiting)
            % {"count": count.waiting}
        )
    if count.impossible:
        told.append(
            ngettext(
                "%(count)d is left out: it could not be read, or came with another restaurant's token.",
                "%(count)d are left out: they could not be read, or came with another restaurant's token.",
                count.impossible,
            )
            % {"count": count.impossible}
        )
    return " ".join(told)


def left_text(left: int) -> str:
    """Say that more of the same is left than was taken at once; nothing where none is."""
    words = ngettext(
        "%(count)d more of this kind is left: press the button once more.",
        "%(count)d more of this kind are left: press the button once more.",
        left,
    )
    return words % {"count": left} if left else ""


def payload_html(text: str) -> SafeString:
    """Lay the payload out; of a huge one show only the beginning, as it is."""
    if len(text) <= LONGEST_PAYLOAD:
        return pretty_json(text)
    return format_html("{}…", text[:LONGEST_PAYLOAD])


def raw_text(raw: bytes) -> str:
    """Show the bytes as text; those that are none become a sign of replacement."""
    text = raw[:LONGEST_RAW].decode("utf-8", "replace")
    shown = "".join(
        letter if letter.isprintable() or letter in "\n\r\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return shown + ("…" if len(raw) > LONGEST_RAW else "")


def heard_text(received: datetime | None, zone: tzinfo, now: datetime) -> str | SafeString:
    if received is None:
        return _("no events yet")
    when = clock(received, zone, now=now, seconds=True)
    return format_html('{} <span class="hub-muted">{}</span>', ago_text(received, now), when)
