"""Credentials, and one token for each credential, shared by all callers."""

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from iiko_client import json_reader
from iiko_client.http.errors import IikoError

# A token lives an hour; a client in use renews every 15 minutes (docs/iiko.md#tokens).
USUAL_LIFETIME = timedelta(minutes=15)
LONGEST_LIFETIME = timedelta(minutes=50)
_EARLY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class V1:
    """The login alone: deprecated in the schema, still what integrations use (docs/iiko.md#tokens)."""

    api_login: str = field(repr=False)

    path = "/api/1/access_token"

    def body(self) -> dict[str, str]:
        return {"apiLogin": self.api_login}

    def secrets(self) -> tuple[str, ...]:
        return (self.api_login,)


@dataclass(frozen=True, slots=True)
class V2:
    """A key with the application registered at the vendor's developer portal."""

    api_key: str = field(repr=False)
    app_id: str
    client_secret: str = field(repr=False)

    path = "/api/v2/access_token"

    def body(self) -> dict[str, str]:
        return {"apiKey": self.api_key, "appId": self.app_id, "clientSecret": self.client_secret}

    def secrets(self) -> tuple[str, ...]:
        return (self.api_key, self.client_secret)


Credentials = V1 | V2


def credential_key(base_url: str, credentials: Credentials) -> str:
    """Return the key under which token, pauses and circuits of a credential are stored.

    A digest, for use inside a process: a login is short enough to be guessed from it, so a store that
    outlives the process needs a key of its own (``Transport(key=…)``).
    """
    parts = "\x00".join((base_url, credentials.path, *credentials.secrets()))
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the moment to ask for the next one."""

    text: str = field(repr=False)
    renew_at: datetime


class TokenStore(Protocol):
    """Keeps the token of each credential; share it between the processes that share a credential."""

    def get(self, key: str) -> Token | None: ...

    def put(self, key: str, token: Token) -> None: ...

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold while a new token is requested, so that all others wait for it."""
        ...


class InMemoryTokenStore:
    """The tokens of one process, for any number of threads."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: str) -> Token | None:
        return self._tokens.get(key)

    def put(self, key: str, token: Token) -> None:
        self._tokens[key] = token

    def lock(self, key: str) -> AbstractContextManager[object]:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())


@dataclass(slots=True)
class TokenCache:
    """The current token of one credential: renewed early, by one caller at a time."""

    key: str
    store: TokenStore
    clock: Callable[[], datetime]
    lifetime: timedelta = USUAL_LIFETIME
    _last_error: IikoError | None = None

    def __post_init__(self) -> None:
        if not timedelta(0) < self.lifetime <= LONGEST_LIFETIME:
            raise ValueError(f"a token is kept for up to {LONGEST_LIFETIME}, not {self.lifetime}")

    def current(self, *, ask: Callable[[], str], refused: str | None = None) -> str:
        """Return a token other than ``refused``; request one only if the store has none.

        Callers that waited for a request that failed get its error: they do not repeat it one by one.

        Raises:
            IikoError: iiko gave no token.
        """
        if held := self._held(refused):
            return held
        seen = self._last_error
        with self.store.lock(self.key):
            if held := self._held(refused):
                return held
            if self._last_error is not None and self._last_error is not seen:
                raise copy(self._last_error) from self._last_error
            return self._renew(ask)

    def _held(self, refused: str | None) -> str | None:
        token = self.store.get(self.key)
        if token is None or token.text == refused or self.clock() >= token.renew_at:
            return None
        return token.text

    def _renew(self, ask: Callable[[], str]) -> str:
        try:
            text = ask()
        except IikoError as error:
            self._last_error = error
            raise
        self.store.put(self.key, Token(text, renew_at(text, self.clock(), self.lifetime)))
        return text


def renew_at(token: str, now: datetime, lifetime: timedelta) -> datetime:
    """Return when to ask for the next token: a minute before a JWT ends, else after ``lifetime``.

    A JWT that ends sooner than that by our clock shows that the clocks differ: then ``lifetime`` counts.
    """
    end = _jwt_end(token)
    if end is None or end - _EARLY <= now:
        return now + lifetime
    return end - _EARLY


def _jwt_end(token: str) -> datetime | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json_reader.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
