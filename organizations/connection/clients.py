"""Clients for a restaurant: which login, and one transport for it in each process."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop as _

from core.database import db_clock
from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.endpoints.base import AnswerReader, Body
from iiko_client.http.auth import V1, V2, Credentials
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.transport import Transport
from organizations.connection.call_log import asked_by, call_log
from organizations.connection.client_state_store import DatabaseBreaker, DatabasePauses, DatabaseTokenStore
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization

ENVIRONMENT_LOGIN = "environment"


class NoApiLogin(HubError):
    code = "no_api_login"


class BadApiLogin(HubError):
    code = "bad_api_login"


class ClientOptions(TypedDict, total=False):
    """How a client calls; see ``OperationGroup``."""

    priority: Priority
    wait_s: float
    before_write: Callable[[], None] | None


class CallOptions(ClientOptions, total=False):
    """The same, and who asks by which command: for the log of calls."""

    requested_by: str
    command_id: int | None


class HubClient(IikoClient):
    """A client whose calls are logged with the name of who asked for them."""

    def __init__(
        self,
        transport: Transport,
        *,
        requested_by: str = "",
        command_id: int | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        super().__init__(transport, **options)
        self._requested_by = requested_by
        self._command_id = command_id

    def _call(self, body: Body) -> AnswerReader:
        with asked_by(self._requested_by, command_id=self._command_id):
            return super()._call(body)


def iiko_for(organization: Organization, **options: Unpack[CallOptions]) -> IikoClient:
    """Return a client for a restaurant. Do not use it inside a transaction: its calls take seconds.

    Raises:
        NoApiLogin: the restaurant has none, or a switched-off one.
        BadApiLogin: the login lacks a part of its credential, or its address is wrong.
    """
    return client_for(login_of(organization), **options)


def login_of(organization: Organization) -> ApiLogin:
    """Return the login of a restaurant: its own, else the environment's.

    Raises:
        NoApiLogin: there is none that is active.
    """
    login = organization.api_login or ensure_environment_login()
    if login is None:
        words = _(
            "%(restaurant)s has no API login. Choose one in the admin (Organizations), or set IIKO_API_KEY."
        )
        raise NoApiLogin(words, restaurant=organization.name)
    if not login.is_active:
        words = _("The API login '%(login)s' of %(restaurant)s is switched off.")
        raise NoApiLogin(words, login=login.name, restaurant=organization.name)
    return login


def client_for(login: ApiLogin, **options: Unpack[CallOptions]) -> IikoClient:
    """Return a client for a login; many of them share one transport.

    Raises:
        BadApiLogin: the login lacks a part of its credential, or its address is wrong.
    """
    return HubClient(transports.get(login), **options)


def credentials_of(login: ApiLogin) -> Credentials:
    """Return v2 credentials where the row has them, else v1.

    Raises:
        BadApiLogin: neither is complete.
    """
    if login.api_key and login.app_id and login.client_secret:
        return V2(api_key=login.api_key, app_id=login.app_id, client_secret=login.client_secret)
    if login.api_key or login.app_id or login.client_secret or not login.api_login:
        words = _(
            "The API login '%(login)s' is not complete: it needs the login (v1), or the key, the application "
            "id and the client secret together (v2)."
        )
        raise BadApiLogin(words, login=login.name)
    return V1(login.api_login)


def ensure_environment_login() -> ApiLogin | None:
    """Return the login given by environment variables; update its row where they changed."""
    if not settings.IIKO_API_KEY:
        return None
    is_v2 = bool(settings.IIKO_APP_ID)
    wanted = {
        "api_login": "" if is_v2 else settings.IIKO_API_KEY,
        "api_key": settings.IIKO_API_KEY if is_v2 else "",
        "app_id": settings.IIKO_APP_ID,
        "client_secret": settings.IIKO_CLIENT_SECRET,
    }
    login, created = ApiLogin.objects.get_or_create(name=ENVIRONMENT_LOGIN, defaults=wanted)
    if not created and any(getattr(login, name) != value for name, value in wanted.items()):
        for name, value in wanted.items():
            setattr(login, name, value)
        login.save(update_fields=[*wanted, "updated_at"])
    return login


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: str
    transport: Transport


def may_be_private(base_url: str) -> bool:
    """Tell whether the installation allows a private address: by a setting, or as its own server of iiko."""
    return settings.IIKO_ALLOW_PRIVATE_ADDRESSES or base_url == settings.IIKO_API_URL


class Transports:
    """One transport for each login of this process, replaced when the row changed."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, login: ApiLogin) -> Transport:
        base_url = login.base_url or settings.IIKO_API_URL
        credentials = credentials_of(login)
        fingerprint = _fingerprint(base_url, credentials)
        with self._lock:
            kept = self._kept.get(login.pk)
            if kept is None or kept.fingerprint != fingerprint:
                # The former one is not closed: calls under way on it go on.
                kept = _Kept(fingerprint, _transport(login, base_url, credentials, fingerprint))
                self._kept[login.pk] = kept
            return kept.transport

    def close(self) -> None:
        """Close all connections; the next client opens new ones."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for one in kept.values():
            one.transport.close()

    def forget(self) -> None:
        """Start empty: connections must not be shared with a forked process."""
        self._lock = threading.Lock()
        self._kept = {}


def _fingerprint(base_url: str, credentials: Credentials) -> str:
    parts = "\0".join((base_url, *(str(value) for value in credentials.body().values())))
    return salted_hmac("organizations.api_login", parts, algorithm="sha256").hexdigest()


def key_of(login: ApiLogin) -> str:
    """Return the key under which the pauses and circuits of a login are stored.

    Raises:
        BadApiLogin: the login lacks a part of its credential.
    """
    base_url = login.base_url or settings.IIKO_API_URL
    return _key(login, _fingerprint(base_url, credentials_of(login)))


def _key(login: ApiLogin, fingerprint: str) -> str:
    return f"login-{login.pk}-{fingerprint[:8]}"


def _transport(login: ApiLogin, base_url: str, credentials: Credentials, fingerprint: str) -> Transport:
    try:
        return Transport(
            base_url=base_url,
            credentials=credentials,
            # A new credential starts with closed circuits: failures of the former do not count.
            key=_key(login, fingerprint),
            tokens=DatabaseTokenStore(login_id=login.pk, credential=fingerprint),
            pauses=DatabasePauses(),
            breaker=DatabaseBreaker(),
            on_call=partial(call_log.note, login.pk),
            clock=db_clock.now,
            only_public=not may_be_private(base_url),
        )
    except ValueError as error:
        words = _("The API login '%(login)s' cannot be used: %(reason)s.")
        raise BadApiLogin(words, login=login.name, reason=error) from error


transports = Transports()
os.register_at_fork(after_in_child=transports.forget)
