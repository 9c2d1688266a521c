"""Access tokens of the HTTP API: good for an hour, as the vendor's are.

A token is a JWT, so that a client may read its expiry; what counts is the list kept here.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

LIFETIME = timedelta(hours=1)
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Grant:
    login: str
    expiry: datetime


class Tokens:
    """The tokens given out, the oldest first. The oldest go when there are too many."""

    def __init__(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), lifetime: timedelta = LIFETIME
    ) -> None:
        self._now = now
        self._lifetime = lifetime
        self._key = secrets.token_bytes(32)
        self._grants: dict[str, _Grant] = {}
        self._lock = Lock()

    def issue(self, login: str = "") -> str:
        expiry = self._now() + self._lifetime
        token = self._write(login, expiry)
        with self._lock:
            while len(self._grants) >= _KEPT:
                del self._grants[next(iter(self._grants))]
            self._grants[token] = _Grant(login, expiry)
        return token

    def is_good(self, token: str) -> bool:
        return self.owner(token) is not None

    def owner(self, token: str) -> str | None:
        """Name the login that the token was given to; None when it is not good, or no longer."""
        with self._lock:
            grant = self._grants.get(token)
        return grant.login if grant is not None and self._now() < grant.expiry else None

    def revoke(self, login: str | None = None) -> int:
        """Revoke the tokens of a login, or all, and count them."""
        with self._lock:
            gone = [token for token, grant in self._grants.items() if login in {None, grant.login}]
            for token in gone:
                del self._grants[token]
        return len(gone)

    def _write(self, login: str, expiry: datetime) -> str:
        claims = {"sub": login, "jti": secrets.token_hex(8), "exp": int(expiry.timestamp())}
        unsigned = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{unsigned}.{_base64(hmac.digest(self._key, unsigned.encode(), 'sha256'))}"


def _encoded(part: dict[str, object]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
