"""The tokens iiko must show, one row per organization."""

import secrets
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from core.errors import HubError
from organizations.models.organization import Organization
from webhooks.models.inbox import Drift, RegistrationStatus, WebhookConfig
from webhooks.receiving.tokens import webhook_tokens

RECEIVE_PATH = "/api/v1/webhooks/iiko"


class BadToken(HubError):
    code = "bad_token"
    http_status = 400


class ConfigExists(HubError):
    code = "webhook_config_exists"


def new_token() -> str:
    return secrets.token_urlsafe(32)


def receive_url() -> str:
    """Return the address to give iiko; relative while WEBHOOK_BASE_URL is not set."""
    return f"{settings.WEBHOOK_BASE_URL}{RECEIVE_PATH}"


def check_token(token: str) -> str:
    """Return the token as it can travel in a header.

    Raises:
        BadToken: empty, too short to be secret, or with characters that a header cannot carry.
    """
    token = token.strip()
    if len(token) < 8:
        raise BadToken("The token is shorter than 8 characters. Leave it out and the hub makes one.")
    if not (token.isascii() and token.isprintable()):
        raise BadToken("The token may hold only printable ASCII characters: it travels in a header.")
    return token


@transaction.atomic
def set_webhook_token(*, organization: Organization, token: str) -> WebhookConfig:
    """Accept ``token`` for the organization from now on; the one before stays valid beside it."""
    token = check_token(token)
    locked = Organization.objects.select_for_update().get(pk=organization.pk)
    config = WebhookConfig.objects.first_of(locked)
    if config is None:
        config = WebhookConfig(organization=locked, auth_token=token)
    elif config.auth_token != token:
        _replace_token(config, token)
    config.webhook_url = receive_url()
    config.is_active = True
    config.save()
    webhook_tokens.forget()
    return config


def _replace_token(config: WebhookConfig, token: str) -> None:
    """Keep accepting the token that iiko has: the present one, unless iiko was never told of that."""
    if Drift.FORMER_TOKEN not in config.drift:
        config.previous_auth_token = config.auth_token
        if config.is_registered:
            config.drift = [*config.drift, Drift.FORMER_TOKEN]
            config.registration_status = RegistrationStatus.DRIFTED
    elif token == config.previous_auth_token:  # back to what iiko has
        config.previous_auth_token = ""
        config.drift = [one for one in config.drift if one != Drift.FORMER_TOKEN]
        if not config.drift:
            config.registration_status = RegistrationStatus.REGISTERED
    config.auth_token = token


@transaction.atomic
def ensure_config(organization: Organization) -> WebhookConfig:
    """Return the organization's row, made with a new token where there is none."""
    locked = Organization.objects.select_for_update().get(pk=organization.pk)
    config = WebhookConfig.objects.first_of(locked)
    return config or set_webhook_token(organization=locked, token=new_token())


@transaction.atomic
def create_config(*, organization: Organization, token: str = "", is_active: bool = True) -> WebhookConfig:
    """Make the organization's row; without ``token`` with a new one.

    Raises:
        ConfigExists: it has one already; nothing was changed.
        BadToken: the token cannot travel in a header.
    """
    locked = Organization.objects.select_for_update().get(pk=organization.pk)
    if WebhookConfig.objects.filter(organization=locked).exists():
        raise ConfigExists("The organization has webhook settings already. Change them instead.")
    config = set_webhook_token(organization=locked, token=token or new_token())
    return config if is_active else switch_config(config, is_active=False)


@transaction.atomic
def change_config(
    config: WebhookConfig, *, token: str | None = None, is_active: bool | None = None
) -> WebhookConfig:
    """Set a new token (the one before stays valid until the new one comes) or switch the row.

    Raises:
        BadToken: the token cannot travel in a header.
    """
    should_be_active = config.is_active if is_active is None else is_active
    if token is not None:
        config = set_webhook_token(organization=config.organization, token=token)
    return (
        config if config.is_active == should_be_active else switch_config(config, is_active=should_be_active)
    )


def switch_config(config: WebhookConfig, *, is_active: bool) -> WebhookConfig:
    config.is_active = is_active
    config.save(update_fields=["is_active", "updated_at"])
    webhook_tokens.forget()
    return config


@transaction.atomic
def retire_previous_tokens(*, config_ids: Iterable[int], token: str) -> int:
    """Stop accepting the former token of rows whose new one, ``token``, has come with an event."""
    retired = 0
    rows = WebhookConfig.objects.select_for_update().filter(pk__in=list(config_ids)).order_by("pk")
    for config in rows:
        # Changed once more meanwhile: then ``token`` itself is the former one.
        if config.previous_auth_token and config.auth_token == token:
            config.previous_auth_token = ""
            config.save(update_fields=["previous_auth_token", "updated_at"])
            retired += 1
    if retired:
        transaction.on_commit(webhook_tokens.forget)
    return retired
