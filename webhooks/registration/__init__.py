"""Tell iiko where to send its webhooks: read what is set, change it only where it differs.

``update_settings`` is limited hard and replaces whatever another integration set for the same login
(docs/iiko.md#webhook-settings), so a foreign address stays unless somebody says to take it over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings

from core.errors import HubError
from core.values.ids import searchable_id
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoNoAnswer
from iiko_client.models.webhook_settings import WebhookFilter, WebhookSettings
from organizations.connection.clients import NoApiLogin, iiko_for, login_of
from organizations.errors import UnknownOrganization
from organizations.models.organization import Organization
from webhooks.models.inbox import Drift, RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import ensure_config, receive_url

logger = logging.getLogger(__name__)

MASK = "***"

# Why a registration failed, in ``registration_code``; the first two pass by themselves.
BUSY, NO_ANSWER, FOREIGN, AUTH, REFUSED = "busy", "no_answer", "foreign", "auth", "refused"
PASSING = (BUSY, NO_ANSWER)


class NoWebhookAddress(HubError):
    code = "no_webhook_address"


class OtherIntegration(HubError):
    code = "foreign_webhook"


class RegistrationBusy(HubError):
    code = "iiko_busy"


class RegistrationFailed(HubError):
    code = "registration_failed"


class WebhookSwitchedOff(HubError):
    code = "webhook_switched_off"


class Outcome(StrEnum):
    """How a registration ended."""

    UNCHANGED = "unchanged"
    UPDATED = "updated"
    WOULD_UPDATE = "would_update"
    FOREIGN = "foreign"
    BUSY = "busy"
    FAILED = "failed"
    SWITCHED_OFF = "switched_off"

    @property
    def is_success(self) -> bool:
        return self in (Outcome.UNCHANGED, Outcome.UPDATED, Outcome.WOULD_UPDATE, Outcome.SWITCHED_OFF)


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of one restaurant; ``changes`` are lines for people, without tokens."""

    organization: Organization
    outcome: Outcome
    detail: str = ""
    changes: tuple[str, ...] = ()


_REFUSALS: dict[Outcome, type[HubError]] = {
    Outcome.FOREIGN: OtherIntegration,
    Outcome.BUSY: RegistrationBusy,
    Outcome.FAILED: RegistrationFailed,
    Outcome.SWITCHED_OFF: WebhookSwitchedOff,
}


def demand_success(done: Registration) -> None:
    """Raise what became of a registration that somebody asked for by itself.

    Raises:
        HubError: one kind for each way to fail.
    """
    if refusal := _REFUSALS.get(done.outcome):
        raise refusal(done.detail)


def check_address() -> str:
    """Return the address iiko is given.

    Raises:
        NoWebhookAddress: WEBHOOK_BASE_URL is missing or no http(s) address.
    """
    parts = urlsplit(settings.WEBHOOK_BASE_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoWebhookAddress(
            "The hub does not know where iiko reaches it. Set WEBHOOK_BASE_URL, for instance "
            "https://hub.example.com, and start the hub again."
        )
    return receive_url()


def organizations_to_register(organization_id: str | None = None) -> list[Organization]:
    """Return the active restaurants that have a login, or the one that is named.

    Raises:
        UnknownOrganization: the one that is named is not here, or switched off.
        NoApiLogin: it has no login to register with.
    """
    active = Organization.objects.filter(is_active=True).select_related("api_login")
    if organization_id is None:
        return [one for one in active if _has_login(one)]
    named = active.filter(iiko_id=searchable_id(organization_id)).first()
    if named is None:
        raise UnknownOrganization(f"No active organization {searchable_id(organization_id)} here.")
    login_of(named)
    return [named]


def _has_login(organization: Organization) -> bool:
    try:
        login_of(organization)
    except NoApiLogin:
        return False
    return True


def register_webhook(
    organization: Organization,
    *,
    now: Callable[[], datetime],
    force: bool = False,
    dry_run: bool = False,
    priority: Priority = Priority.BACKGROUND,
    requested_by: str = "register_webhooks",
) -> Registration:
    """Make iiko's settings for a restaurant ours; repeating it changes nothing.

    ``force`` takes a foreign address over. ``dry_run`` only reads, and writes nothing here either.
    What iiko refuses is in the result and on the row.

    Raises:
        NoWebhookAddress: WEBHOOK_BASE_URL is missing.
        NoApiLogin, BadApiLogin: there is nothing to ask iiko with.
    """
    url = check_address()
    client = iiko_for(organization, priority=priority, requested_by=requested_by)
    first = WebhookConfig.objects.filter(organization=organization).order_by("id").first()
    if first is not None and not first.is_active:
        return Registration(organization, Outcome.SWITCHED_OFF, "its webhook is switched off here")
    config = first or (None if dry_run else ensure_config(organization))
    try:
        theirs = client.webhook_settings(organization_id=organization.iiko_id)
    except IikoError as error:
        return _failed(organization, config, error, now(), dry_run=dry_run, was_sent=False)
    attempt = _Attempt(organization, client, config, Comparison(config, theirs, url), url, now)
    return attempt.plan(force=force) if dry_run else attempt.carry_out(force=force)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One restaurant, after iiko's settings were read. Without a config nothing is stored."""

    organization: Organization
    client: IikoClient
    config: WebhookConfig | None
    found: Comparison
    url: str
    now: Callable[[], datetime]

    def plan(self, *, force: bool) -> Registration:
        changes = self.found.changes()
        if not changes:
            return Registration(self.organization, Outcome.UNCHANGED)
        if self.found.is_of_other_integration() and not force:
            return Registration(self.organization, Outcome.FOREIGN, self._other_integration_text(), changes)
        return Registration(self.organization, Outcome.WOULD_UPDATE, changes=changes)

    def carry_out(self, *, force: bool) -> Registration:
        planned = self.plan(force=force)
        if planned.outcome is Outcome.UNCHANGED:
            self._keep(RegistrationStatus.REGISTERED, at=self._known_since())
            return planned
        if planned.outcome is Outcome.FOREIGN:
            self._keep(RegistrationStatus.FAILED, error=planned.detail, code=FOREIGN)
            return planned
        return self._update(planned.changes)

    def _update(self, changes: tuple[str, ...]) -> Registration:
        try:
            self.client.update_webhook_settings(
                organization_id=self.organization.iiko_id, uri=self.url, auth_token=self._token()
            )
        except IikoError as error:
            return _failed(self.organization, self.config, error, self.now(), dry_run=False, was_sent=True)
        self._keep(RegistrationStatus.REGISTERED, at=self.now())
        logger.info(
            "webhooks.registered", extra={"organization_id": self.organization.iiko_id, "count": len(changes)}
        )
        return Registration(self.organization, Outcome.UPDATED, changes=changes)

    def _token(self) -> str | None:
        return self.config.auth_token if self.config else None

    def _known_since(self) -> datetime:
        return (self.config.last_registration if self.config else None) or self.now()

    def _other_integration_text(self) -> str:
        return (
            f"iiko sends the webhooks of this login to {self.found.shown_url()}, which is not the hub. "
            "Another integration may need them. To take over: register_webhooks --force, or Take over in "
            "the admin."
        )

    def _keep(
        self, status: RegistrationStatus, *, error: str = "", code: str = "", at: datetime | None = None
    ) -> None:
        if self.config is None:
            return
        is_ours = status == RegistrationStatus.REGISTERED
        self.config.checked_at = self.now()
        self.config.drift = [] if is_ours else list(self.found.drift())
        self.config.seen_url = self.url if is_ours else self.found.shown_url()
        _keep(self.config, status, error=error, code=code, url=self.url if at else None, at=at)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What iiko has beside what we want; without a config there is no token yet."""

    config: WebhookConfig | None
    theirs: WebhookSettings
    url: str

    def drift(self) -> tuple[Drift, ...]:
        found = []
        if (self.theirs.uri or "") != self.url:
            found.append(Drift.ADDRESS)
        if self.config is None or self.theirs.auth_token != self.config.auth_token:
            found.append(Drift.FORMER_TOKEN if self._has_former_token() else Drift.TOKEN)
        if not WebhookFilter().equals(self.theirs.filter):
            found.append(Drift.FILTER)
        return tuple(found)

    def changes(self) -> tuple[str, ...]:
        """Lines for people, without tokens."""
        return tuple(self._line(one) for one in self.drift())

    def is_of_other_integration(self) -> bool:
        theirs = (self.theirs.uri or "").strip()
        if not theirs or _place(theirs) == _place(self.url):
            return False
        # Where we registered ourselves under a former WEBHOOK_BASE_URL is ours too.
        was_ours = self.config is not None and self.config.last_registration is not None
        return not (was_ours and self.config is not None and theirs == self.config.webhook_url)

    def shown_url(self) -> str:
        return _shown(self.theirs.uri)[:500]

    def _has_former_token(self) -> bool:
        former = self.config.previous_auth_token if self.config else ""
        return bool(former) and self.theirs.auth_token == former

    def _line(self, drift: Drift) -> str:
        if drift is Drift.ADDRESS:
            return f"address: {_shown(self.theirs.uri)} → {self.url}"
        if drift is Drift.FILTER:
            return f"filter: {', '.join(_filters_that_differ(self.theirs))}"
        before = MASK if self.theirs.auth_token else "none"
        return f"token: {before} → {MASK if self.config else 'a new one'}"


def _keep(
    config: WebhookConfig,
    status: RegistrationStatus,
    *,
    error: str = "",
    code: str = "",
    url: str | None = None,
    at: datetime | None = None,
) -> None:
    """Store how it went; the tokens are left alone, somebody may be changing them."""
    config.registration_status, config.registration_error, config.registration_code = status, error, code
    written = ["registration_status", "registration_error", "registration_code", "updated_at"]
    written += ["checked_at", "drift", "seen_url"]
    if url is not None:
        config.webhook_url = url
        written.append("webhook_url")
    if at is not None:
        config.last_registration = at
        written.append("last_registration")
    config.save(update_fields=written)


def _failed(
    organization: Organization,
    config: WebhookConfig | None,
    error: IikoError,
    now: datetime,
    *,
    dry_run: bool,
    was_sent: bool,
) -> Registration:
    detail, outcome = str(error), Outcome.FAILED
    if isinstance(error, IikoBusy):
        again = (now + timedelta(seconds=error.retry_after_s + 1)).astimezone(UTC)
        detail, outcome = f"{error}. Try again at {again:%Y-%m-%d %H:%M:%S} UTC.", Outcome.BUSY
    if config is not None and not dry_run:
        # What could not be read may well be as we left it.
        stands = not was_sent and config.is_registered
        status = RegistrationStatus(config.registration_status) if stands else RegistrationStatus.FAILED
        _keep(config, status, error=detail, code=_code_of(error))
    logger.warning(
        "webhooks.not_registered",
        extra={"organization_id": organization.iiko_id, "error": type(error).__name__},
    )
    return Registration(organization, outcome, detail)


def _code_of(error: IikoError) -> str:
    if isinstance(error, IikoBusy):
        return BUSY
    if isinstance(error, IikoNoAnswer):
        return NO_ANSWER
    return AUTH if isinstance(error, IikoAuthFailed) else REFUSED


def _place(url: str) -> tuple[str, int | None, str]:
    """Host, port and path: http and https of one place are one."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        port = None
    return (parts.hostname or "").lower(), None if port in (80, 443) else port, parts.path.rstrip("/")


def _shown(url: str | None) -> str:
    """Show an address to people: what may be secret in it is left out."""
    if not url:
        return "none"
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def _filters_that_differ(theirs: WebhookSettings) -> Iterable[str]:
    known = theirs.filter or {}
    names = WebhookFilter().wire()
    return [name for name in names if not WebhookFilter().equals({**names, name: known.get(name)})]
