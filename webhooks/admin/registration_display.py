"""How a webhook stands with iiko, and how telling iiko of it went, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import ago_text, badge
from core.errors import HubError
from organizations.connection.clients import BadApiLogin, NoApiLogin
from webhooks.models.inbox import Drift, RegistrationStatus, WebhookConfig
from webhooks.registration.registrar import (
    AUTH,
    BUSY,
    FOREIGN,
    NO_ANSWER,
    NoWebhookAddress,
    Outcome,
    Registration,
)

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
    if config.registration_code not in ("", FOREIGN):
        yield "warn", _failure_words(config.registration_code), config.registration_error
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


def _failure_words(code: str) -> str:
    return {
        BUSY: _("iiko asked to be left alone for a while"),
        NO_ANSWER: _("iiko did not answer"),
        AUTH: _("iiko refused the API login; check its connection"),
    }.get(code, _("iiko refused"))


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
