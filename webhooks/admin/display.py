"""An event in words, and its payload as JSON that a person can read."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from core.admin.json_text import pretty_json
from core.display import ago_text, badge, clock
from core.errors import HubError
from organizations.connection.clients import BadApiLogin, NoApiLogin
from webhooks.masking import masked_words
from webhooks.models.inbox import Drift, Reason, RegistrationStatus, WebhookConfig, WebhookEvent
from webhooks.monitoring.inbox_state import DeadLetterGroup
from webhooks.registration import (
    AUTH,
    BUSY,
    FOREIGN,
    NO_ANSWER,
    NoWebhookAddress,
    Outcome,
    Registration,
)
from webhooks.replay import ReplayCount

LONGEST_PAYLOAD = 300_000
LONGEST_RAW = 100_000


def status_badge(event: WebhookEvent) -> SafeString:
    return badge(event.status, event.get_status_display())


def type_text(event_type: str) -> str:
    return event_type or _("(no type)")


def reason_text(event: WebhookEvent) -> str:
    return str(event.get_reason_display()) if event.reason else ""


def dead_letter_row(group: DeadLetterGroup, *, shows_people: bool, now: datetime) -> dict[str, object]:
    """Put a group of events that failed of the same thing into words."""
    query = {"event_type": group.event_type, "reason": group.reason, "alike": group.alike}
    return {
        "type": type_text(group.event_type),
        "reason": str(Reason(group.reason).label) if group.reason in Reason.values else group.reason,
        "error": group.alike if shows_people else masked_words(group.alike),
        "count": group.count,
        "first": clock(group.first, UTC, now=now, with_offset=True),
        "last": clock(group.last, UTC, now=now, with_offset=True),
        "example_id": group.example_id,
        "replay_url": reverse("admin:webhooks_webhookevent_dead_replay", query=query),
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


Notice = tuple[str, str, str]


def registration_badge(config: WebhookConfig) -> SafeString:
    kinds = {RegistrationStatus.DRIFTED: "refused", RegistrationStatus.FAILED: "refused"}
    status = RegistrationStatus(config.registration_status)
    return badge(kinds.get(status, status), str(status.label))


def drift_words(config: WebhookConfig) -> str:
    return ", ".join(str(Drift(one).label) for one in config.drift if one in Drift.values)


def notices(config: WebhookConfig, now: datetime) -> Iterator[Notice]:
    """Yield what needs attention: severity, title, text."""
    if config.registration_code == FOREIGN:
        yield "bad", _("iiko sends to somebody else"), other_integration_text(config)
    elif config.registration_status == RegistrationStatus.DRIFTED:
        title = _("Changed in iiko: %(differs)s") % {"differs": drift_words(config)}
        if config.drift == [Drift.FORMER_TOKEN]:
            title = _("iiko has the former token still")
        yield "bad", title, _drifted_words(config, now)
    failures = {
        BUSY: _("iiko asked to be left alone for a while"),
        NO_ANSWER: _("iiko did not answer"),
        AUTH: _("iiko refused the API login; check its connection"),
    }
    if config.registration_code not in ("", FOREIGN):
        yield "warn", failures.get(config.registration_code, _("iiko refused")), config.registration_error
    if config.registration_status == RegistrationStatus.NOT_REGISTERED:
        words = _("Register it, or set the address and the token in iikoWeb by hand.")
        yield "info", _("The hub has not told iiko of this webhook"), words


def _drifted_words(config: WebhookConfig, now: datetime) -> str:
    seen = ago_text(config.checked_at, now) if config.checked_at else ""
    if config.drift == [Drift.FORMER_TOKEN]:
        return _("The new token is accepted here already, and so is the former one. Register again.")
    words = _("iiko sends to %(url)s. Seen %(ago)s; the hub changes nothing by itself.")
    return words % {"url": config.seen_url, "ago": seen}


def other_integration_text(config: WebhookConfig) -> str:
    return _(
        "iiko has the address %(url)s for this login. iiko keeps one address for each restaurant and login, "
        "so whoever listens there would get nothing any more. Give the hub a login of its own, or take over."
    ) % {"url": config.seen_url}


def outcome_words(done: Registration) -> str:
    """Say how a registration that a person asked for went."""
    return {
        Outcome.UNCHANGED: _("iiko has these settings already; nothing was changed."),
        Outcome.UPDATED: _("iiko sends its webhooks here now."),
        Outcome.FOREIGN: _("Nothing was changed: iiko sends to somebody else, see below."),
        Outcome.BUSY: _("iiko asked to be left alone for a while; nothing was changed. %(detail)s"),
        Outcome.FAILED: _("It did not work. %(detail)s"),
        Outcome.SWITCHED_OFF: _("This webhook is switched off here; switch it on first."),
    }.get(done.outcome, "%(detail)s") % {"detail": done.detail}


def refusal_words(error: HubError) -> str:
    """Say why a registration could not be tried at all."""
    if isinstance(error, NoWebhookAddress):
        return _(
            "The hub does not know its own address yet: set WEBHOOK_BASE_URL to the https:// address by "
            "which iiko reaches it."
        )
    if isinstance(error, NoApiLogin):
        return _("The restaurant has no active API login. Choose one on the restaurant's page.")
    if isinstance(error, BadApiLogin):
        return _("The API login of the restaurant is not complete.")
    return error.detail
