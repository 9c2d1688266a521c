"""Who may call the API: logins with their rights and restaurants, and the access tokens they were given.

A login that was not configured may do everything in every restaurant, so that a hub needs no set-up.
Names that begin with ``refused`` are rejected, those with ``readonly`` may only read. A token is good for
an hour, as the vendor's are. It is a JWT, so that a client may read its expiry; what counts is the list
kept here.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from sandbox.catalogue.world import Organization

LIFETIME = timedelta(hours=1)
READING = (
    *("organizations", "terminal_groups", "cancel_causes", "removal_types", "discounts", "payment_types"),
    *("employees/couriers", "employees/shift/is_open", "employees/info"),
    *("deliveries/order_types", "deliveries/by_", "deliveries/drafts/by_id", "commands/status"),
    *("stop_lists", "nomenclature", "webhooks/settings"),
    *("loyalty/iiko/program", "loyalty/iiko/customer/info", "loyalty/iiko/customer/transactions"),
)
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Login:
    """``organizations``: None is all. ``rights``: beginnings of operations, None is all of them."""

    name: str
    is_blocked: bool = False
    organizations: frozenset[UUID] | None = None
    rights: tuple[str, ...] | None = None
    source_key: str | None = None

    def may(self, operation: str) -> bool:
        return self.rights is None or operation.startswith(self.rights)

    def sees(self, organization: Organization) -> bool:
        return self.organizations is None or organization.id in self.organizations


class Logins:
    """The configured logins and the defaults of all others. Thread-safe."""

    def __init__(self) -> None:
        self._named: dict[str, Login] = {}
        self._lock = Lock()

    def get(self, name: str) -> Login:
        rights = READING if name.startswith("readonly") else None
        unnamed = Login(name, is_blocked=name.startswith("refused"), rights=rights)
        with self._lock:
            return self._named.get(name, unnamed)

    def put(self, login: Login) -> None:
        with self._lock:
            self._named[login.name] = login


class Tokens:
    """The tokens given out with their login and expiry. The oldest go when there are too many."""

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), lifetime: timedelta = LIFETIME
    ) -> None:
        self._now = now
        self._lifetime = lifetime
        self._key = secrets.token_bytes(32)
        self._grants: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    def issue(self, login: str = "") -> str:
        expiry = self._now() + self._lifetime
        claims = {"sub": login, "jti": secrets.token_hex(8), "exp": int(expiry.timestamp())}
        parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        unsigned = ".".join(map(_base64, parts))
        token = f"{unsigned}.{_base64(hmac.digest(self._key, unsigned.encode(), 'sha256'))}"
        with self._lock:
            while len(self._grants) >= _KEPT:
                del self._grants[next(iter(self._grants))]
            self._grants[token] = (login, expiry)
        return token

    def owner(self, token: str) -> str | None:
        """Name the login that the token was given to; None when it is not good, or no longer."""
        with self._lock:
            login, expiry = self._grants.get(token, (None, self._now()))
        return login if self._now() < expiry else None

    def revoke(self, login: str | None = None) -> int:
        """Revoke the tokens of a login, or all, and count them."""
        with self._lock:
            gone = [token for token, (owner, _) in self._grants.items() if login in {None, owner}]
            for token in gone:
                del self._grants[token]
        return len(gone)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
