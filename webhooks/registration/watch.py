"""Registration without a person: what is new is registered, what was registered is watched.

The watch reads and never writes to iiko: an address that another integration has put in is theirs until
somebody says to take it over.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from core.database import db_clock
from core.errors import HubError
from iiko_client.http.errors import IikoError
from organizations.connection.clients import iiko_for
from webhooks.models.inbox import Drift, RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import receive_url
from webhooks.registration import (
    PASSING,
    Comparison,
    check_address,
    organizations_to_register,
    register_webhook,
)

logger = logging.getLogger(__name__)

_JUST_NOW = timedelta(minutes=1)


def register_all(*, now: datetime) -> int:
    """Register every restaurant that has a login, but those compared a moment ago; returns how many.

    Does nothing unless WEBHOOK_AUTO_REGISTER is on.
    """
    return _register(lambda config: not _is_settled(config, now))


def register_new() -> int:
    """Register what never was, has a new token, or met an iiko without time; returns how many restaurants.

    Does nothing unless WEBHOOK_AUTO_REGISTER is on. While iiko asked to be left alone nothing is sent.
    """
    return _register(_is_to_be_tried)


def _is_settled(config: WebhookConfig | None, now: datetime) -> bool:
    """Another worker that started beside this one has just done it."""
    return (
        config is not None
        and config.registration_status == RegistrationStatus.REGISTERED
        and config.webhook_url == receive_url()
        and config.checked_at is not None
        and now - config.checked_at < _JUST_NOW
    )


def _is_to_be_tried(config: WebhookConfig | None) -> bool:
    if config is None or config.registration_status == RegistrationStatus.NOT_REGISTERED:
        return True
    return config.registration_code in PASSING or config.drift == [Drift.FORMER_TOKEN]


def _register(is_chosen: Callable[[WebhookConfig | None], bool]) -> int:
    if not settings.WEBHOOK_AUTO_REGISTER:
        return 0
    try:
        check_address()
    except HubError as error:
        logger.error("webhooks.no_address", extra={"reason": str(error)})
        return 0
    count = 0
    for organization in organizations_to_register():
        if not is_chosen(WebhookConfig.objects.first_of(organization)):
            continue
        count += 1
        try:
            register_webhook(organization, now=db_clock.now, requested_by="automatic registration")
        except HubError as error:
            logger.warning(
                "webhooks.not_registered",
                extra={"organization_id": organization.iiko_id, "reason": str(error)},
            )
    return count


def watch_webhooks(*, now: datetime) -> int:
    """Compare what iiko has with what was registered; returns how many restaurants differ."""
    registered = WebhookConfig.objects.active().registered().select_related("organization__api_login")
    return sum(_watch(config, now) for config in registered.order_by("id"))


def _watch(config: WebhookConfig, now: datetime) -> bool:
    organization = config.organization
    try:
        client = iiko_for(organization, requested_by="webhook watch")
        theirs = client.webhook_settings(organization_id=organization.iiko_id)
    except (IikoError, HubError) as error:
        logger.warning(
            "webhooks.not_compared",
            extra={"organization_id": organization.iiko_id, "error": type(error).__name__},
        )
        return config.registration_status == RegistrationStatus.DRIFTED
    # After a change of WEBHOOK_BASE_URL iiko still has the former address: that is news too.
    url = receive_url() if settings.WEBHOOK_BASE_URL else config.webhook_url
    found = Comparison(config, theirs, url)
    drift = list(found.drift())
    if drift and drift != config.drift:
        logger.warning("webhooks.drifted", extra={"organization_id": organization.iiko_id, "differs": drift})
    elif not drift and config.registration_status == RegistrationStatus.DRIFTED:
        logger.info("webhooks.as_registered_again", extra={"organization_id": organization.iiko_id})
    # Registered again while iiko was read: then what was read is old.
    untouched = WebhookConfig.objects.filter(pk=config.pk, last_registration=config.last_registration)
    untouched.update(
        registration_status=RegistrationStatus.DRIFTED if drift else RegistrationStatus.REGISTERED,
        registration_error="",
        registration_code="",
        drift=drift,
        seen_url=found.shown_url(),
        checked_at=now,
    )
    return bool(drift)
