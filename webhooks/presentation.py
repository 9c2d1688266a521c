"""An event in words, and its payload as JSON that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from organizations.presentation import badge
from webhooks.models import WebhookEvent
from webhooks.services.replay import ReplayCount

LONGEST_PAYLOAD = 300_000
LONGEST_RAW = 100_000
_INDENT = "  "


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


def pretty_json(text: str) -> SafeString:
    """Lay JSON out in lines and colour it. Every character of the message is escaped."""
    value = json.loads(text, parse_float=Decimal)
    return mark_safe("".join(_json(value, "\n")))  # noqa: S308  # every piece is escaped where it is made


def _json(value: Any, line: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        members = [(_quoted("k", key) + ": ", inner) for key, inner in value.items()]
        yield from _group("{", "}", members, line)
    elif isinstance(value, list) and value:
        yield from _group("[", "]", [("", inner) for inner in value], line)
    elif isinstance(value, str):
        yield _quoted("s", value)
    elif isinstance(value, bool) or value is None:
        yield f'<span class="c">{json.dumps(value)}</span>'
    elif isinstance(value, dict | list):
        yield "{}" if isinstance(value, dict) else "[]"
    else:
        yield f'<span class="n">{escape(value)}</span>'


def _group(opening: str, closing: str, members: list[tuple[str, Any]], line: str) -> Iterator[str]:
    yield opening
    for number, (name, inner) in enumerate(members):
        yield ("," if number else "") + line + _INDENT + name
        yield from _json(inner, line + _INDENT)
    yield line + closing


def _quoted(kind: str, text: str) -> str:
    return f'<span class="{kind}">{escape(json.dumps(text, ensure_ascii=False))}</span>'


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
