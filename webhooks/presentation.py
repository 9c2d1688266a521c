"""An event in words, and its payload as JSON that a person can read."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from organizations.json_text import pretty_json
from organizations.presentation import badge
from webhooks.models import WebhookEvent
from webhooks.services.replay import ReplayCount

LONGEST_PAYLOAD = 300_000
LONGEST_RAW = 100_000


def status_badge(event: WebhookEvent) -> SafeString:
    return badge(event.status, event.get_status_display())


def type_text(event_type: str) -> str:
    return event_type or _("(no type)")


def reason_text(event: WebhookEvent) -> str:
    return str(event.get_reason_display()) if event.reason else ""


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


def payload_html(text: str) -> SafeString:
    """The payload laid out; a huge one as it is, and only its beginning."""
    if len(text) <= LONGEST_PAYLOAD:
        return pretty_json(text)
    return format_html("{}…", text[:LONGEST_PAYLOAD])


def raw_text(raw: bytes) -> str:
    """The bytes as text; those that are none become a sign of replacement."""
    text = raw[:LONGEST_RAW].decode("utf-8", "replace")
    shown = "".join(
        letter if letter.isprintable() or letter in "\n\r\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return shown + ("…" if len(raw) > LONGEST_RAW else "")
