"""Tell iiko where to send its webhooks: read what is set, change it only where it differs.

``update_settings`` is limited hard and replaces whatever another integration set for the same login
(docs/iiko.md#webhook-settings), so a foreign address stays unless somebody says to take it over.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings

from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoNoAnswer
from iiko_client.models.webhook_settings import WebhookFilter, WebhookSettings
from organizations.connection.clients import iiko_for
from organizations.models.organization import Organization
from webhooks.models.inbox import Drift, RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import ensure_config, receive_url
from webhooks.reconciliation.sync import active_organizations, by_login

logger = logging.getLogger(__name__)

MASK = "***"

# Why a registration failed, in ``registration_code``; the first two pass by themselves.
BUSY, NO_ANSWER, FOREIGN, AUTH, REFUSED = "busy", "no_answer", "foreign", "auth", "refused"
PASSING = (BUSY, NO_ANSWER)
_CODES = ((IikoBusy, BUSY), (IikoNoAnswer, NO_ANSWER), (IikoAuthFailed, AUTH), (IikoError, REFUSED))

_WRITTEN = (
    "registration_status",
    "registration_error",
    "registration_code",
    "updated_at",
    "checked_at",
    "drift",
    "seen_url",
)


class NoWebhookAddress(HubError):
    code = "no_webhook_address"


class NotRegistered(HubError):
    """A registration that somebody asked for by itself did not succeed; ``code`` says in which way."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


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


REFUSAL_CODES = {
    Outcome.FOREIGN: "foreign_webhook",
    Outcome.BUSY: "iiko_busy",
    Outcome.FAILED: "registration_failed",
    Outcome.SWITCHED_OFF: "webhook_switched_off",
}
"""Of ``NotRegistered``, for programs."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of one restaurant; ``changes`` are lines for people, without tokens.

    ``found`` is what iiko had, where it was read and differs.
    """

    organization: Organization
    outcome: Outcome
    detail: str = ""
    changes: tuple[str, ...] = ()
    found: "Comparison | None" = None


def demand_success(done: Registration) -> None:
    """Raise what became of a registration that somebody asked for by itself.

    Raises:
        NotRegistered: with a code for each way to fail.
    """
    if code := REFUSAL_CODES.get(done.outcome):
        raise NotRegistered(code, done.detail)


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
    active = active_organizations(organization_id)
    with_login = {one.pk for work in by_login(active) for one in work.organizations}
    return [one for one in active if one.pk in with_login]


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
    config = WebhookConfig.objects.first_of(organization)
    if config is not None and not config.is_active:
        return Registration(organization, Outcome.SWITCHED_OFF, "its webhook is switched off here")
    if config is None:
        config = WebhookConfig(organization=organization) if dry_run else ensure_config(organization)
    return _Attempt(organization, client, config, url, now, dry_run).run(force=force)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What iiko has beside what we want; a config that is not stored has no token yet."""

    config: WebhookConfig
    theirs: WebhookSettings
    url: str

    def drift(self) -> tuple[Drift, ...]:
        found = []
        if (self.theirs.uri or "") != self.url:
            found.append(Drift.ADDRESS)
        if self.config._state.adding or self.theirs.auth_token != self.config.auth_token:
            former = self.config.previous_auth_token
            is_former = bool(former) and self.theirs.auth_token == former
            found.append(Drift.FORMER_TOKEN if is_former else Drift.TOKEN)
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
        return self.config.last_registration is None or theirs != self.config.webhook_url

    def shown_url(self) -> str:
        """Show iiko's address to people: what may be secret in it is left out."""
        return _shown(self.theirs.uri)[:500]

    def _line(self, drift: Drift) -> str:
        if drift is Drift.ADDRESS:
            return f"address: {_shown(self.theirs.uri)} → {self.url}"
        if drift is Drift.FILTER:
            known, ours = self.theirs.filter or {}, WebhookFilter()
            names = [name for name in ours.wire() if not ours.equals({**ours.wire(), name: known.get(name)})]
            return f"filter: {', '.join(names)}"
        before = MASK if self.theirs.auth_token else "none"
        return f"token: {before} → {'a new one' if self.config._state.adding else MASK}"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One restaurant. A dry run stores nothing."""

    organization: Organization
    client: IikoClient
    config: WebhookConfig
    url: str
    now: Callable[[], datetime]
    dry_run: bool

    def run(self, *, force: bool) -> Registration:
        try:
            theirs = self.client.webhook_settings(organization_id=self.organization.iiko_id)
        except IikoError as error:
            # What could not be read may well be as we left it.
            stands = RegistrationStatus(self.config.registration_status)
            return self._failed(error, stands if self.config.is_registered else RegistrationStatus.FAILED)
        found = Comparison(self.config, theirs, self.url)
        changes = found.changes()
        if not changes:
            at = self.config.last_registration or self.now()
            self._keep(RegistrationStatus.REGISTERED, found, at=at)
            return Registration(self.organization, Outcome.UNCHANGED)
        if found.is_of_other_integration() and not force:
            words = (
                f"iiko sends the webhooks of this login to {found.shown_url()}, which is not the hub. "
                "Another integration may need them. To take over: register_webhooks --force, or Take over "
                "in the admin."
            )
            self._keep(RegistrationStatus.FAILED, found, error=words, code=FOREIGN)
            return Registration(self.organization, Outcome.FOREIGN, words, changes, found)
        if self.dry_run:
            return Registration(self.organization, Outcome.WOULD_UPDATE, changes=changes, found=found)
        return self._update(found, changes)

    def _update(self, found: Comparison, changes: tuple[str, ...]) -> Registration:
        organization_id = self.organization.iiko_id
        try:
            self.client.update_webhook_settings(
                organization_id=organization_id, uri=self.url, auth_token=self.config.auth_token
            )
        except IikoError as error:
            return self._failed(error, RegistrationStatus.FAILED)
        self._keep(RegistrationStatus.REGISTERED, found, at=self.now())
        logger.info("webhooks.registered", extra={"organization_id": organization_id, "count": len(changes)})
        return Registration(self.organization, Outcome.UPDATED, changes=changes, found=found)

    def _failed(self, error: IikoError, status: RegistrationStatus) -> Registration:
        detail, outcome = str(error), Outcome.FAILED
        if isinstance(error, IikoBusy):
            again = (self.now() + timedelta(seconds=error.retry_after_s + 1)).astimezone(UTC)
            detail, outcome = f"{error}. Try again at {again:%Y-%m-%d %H:%M:%S} UTC.", Outcome.BUSY
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        self._keep(status, None, error=detail, code=code)
        logger.warning(
            "webhooks.not_registered",
            extra={"organization_id": self.organization.iiko_id, "error": type(error).__name__},
        )
        return Registration(self.organization, outcome, detail)

    def _keep(
        self,
        status: RegistrationStatus,
        found: Comparison | None,
        *,
        error: str = "",
        code: str = "",
        at: datetime | None = None,
    ) -> None:
        """Store how it went; the tokens are left alone, somebody may be changing them."""
        if self.dry_run:
            return
        config, written = self.config, list(_WRITTEN)
        config.registration_status, config.registration_error, config.registration_code = status, error, code
        if found is not None:
            is_ours = status == RegistrationStatus.REGISTERED
            config.checked_at = self.now()
            config.drift = [] if is_ours else list(found.drift())
            config.seen_url = self.url if is_ours else found.shown_url()
        if at is not None:
            config.webhook_url, config.last_registration = self.url, at
            written += ["webhook_url", "last_registration"]
        config.save(update_fields=written)


def _place(url: str) -> tuple[str, int | None, str]:
    """Host, port and path: http and https of one place are one."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        port = None
    return (parts.hostname or "").lower(), None if port in (80, 443) else port, parts.path.rstrip("/")


def _shown(url: str | None) -> str:
    if not url:
        return "none"
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")
