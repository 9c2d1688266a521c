"""Who may bring us webhooks: the tokens of all organizations, found by a keyed digest.

The digest's key is random and the process's own, so that the time of a look-up tells nothing of a token.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from webhooks.models.inbox import WebhookConfig

FRESH_S = 5.0
"""A token that was switched off may still be taken for so long by a process that had read it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The organizations a caller may speak for; ``everyone`` for the installation's own secret."""

    organization_ids: frozenset[str]
    everyone: bool
    introduced: tuple[int, ...] = ()
    """Rows whose new token this is, while the former one is still accepted."""
    token: str = field(default="", repr=False, compare=False)
    """Only where something was introduced."""

    def covers(self, organization_id: str) -> bool:
        return self.everyone or organization_id in self.organization_ids


@dataclass(frozen=True, slots=True)
class _Known:
    token: bytes
    organization_id: str | None
    introduces: int | None = None


class TokensUnreadable(Exception):
    """Some tokens were encrypted with a key we do not have; the one presented may be among them."""


class WebhookTokens:
    """The accepted tokens, read from the database and kept for a few seconds.

    A token that is not found is looked for in the database before it is refused, so that a new one
    works at once. Tokens are decrypted only where a row has changed since: a wrong one costs a query.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, list[_Known]] = {}
        self._unreadable = ""
        self._read_at = float("-inf")
        self._version = ""

    def remembered_scope(self, presented: Iterable[str]) -> Scope | None:
        """Return whom the bearer of one of the tokens speaks for, as read a few seconds ago at most."""
        return self._first_known(presented) if self._age_s() < FRESH_S else None

    def scope_of(self, *presented: str, unless_read_for_s: float = 0.0) -> Scope | None:
        """Return whom the bearer of one of the tokens speaks for, by the database; None if nobody knows it.

        ``unless_read_for_s``: what was read so short a time ago is taken for what the database says.

        Raises:
            TokensUnreadable: it is none of those that could be read, and some could not.
        """
        if scope := self.remembered_scope(presented):
            return scope
        if self._age_s() >= unless_read_for_s:
            self.reread()
        scope = self._first_known(presented)
        if scope is None and presented and self._unreadable:
            raise TokensUnreadable(self._unreadable)
        return scope

    def _age_s(self) -> float:
        return time.monotonic() - self._read_at

    def _first_known(self, presented: Iterable[str]) -> Scope | None:
        # A server hands headers over as Latin-1; this gives the bytes that were sent.
        tokens = (one.encode("latin-1", "backslashreplace") for one in presented)
        return next((scope for token in tokens if (scope := self._compare(token))), None)

    def reread(self) -> None:
        asked_at = time.monotonic()
        version = _version()
        if version != self._version:
            configs, unreadable = _readable_configs()
            known = defaultdict(list)
            for config in configs:
                for one in _accepted(config):
                    if one.token:
                        known[self._digest(one.token)].append(one)
            with self._lock:
                self._known = dict(known)
                self._unreadable = unreadable
                self._version = version
        self._read_at = asked_at

    def forget(self) -> None:
        self._read_at = float("-inf")
        self._version = ""

    def _digest(self, token: bytes) -> bytes:
        return hmac.digest(self._key, token, "sha256")

    def _compare(self, token: bytes) -> Scope | None:
        candidates = self._known.get(self._digest(token), ())
        matched = [one for one in candidates if hmac.compare_digest(one.token, token)]
        secret = settings.WEBHOOK_SECRET_KEY.encode()
        everyone = bool(secret) and hmac.compare_digest(secret, token)
        if not token or not (matched or everyone):
            return None
        introduced = tuple(one.introduces for one in matched if one.introduces is not None)
        return Scope(
            frozenset(one.organization_id or "" for one in matched),
            everyone,
            introduced,
            token.decode() if introduced else "",
        )


# xmin changes with every write of a row, whoever writes it.
_VERSION = """
SELECT coalesce(md5(string_agg(
    concat_ws(':', config.id, config.xmin, config.is_active, organization.is_active), ',' ORDER BY config.id
)), '')
FROM webhook_configs AS config
JOIN organizations AS organization ON organization.iiko_id = config.organization_id
"""


def _version() -> str:
    """Name the present state of everything that says whose token is taken."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION)
        return f"version {cursor.fetchone()[0]}"


def _accepted(config: WebhookConfig) -> tuple[_Known, _Known]:
    introduces = config.pk if config.previous_auth_token else None
    return (
        _Known(config.auth_token.encode(), config.organization_id, introduces),
        _Known(config.previous_auth_token.encode(), config.organization_id),
    )


def _readable_configs() -> tuple[list[WebhookConfig], str]:
    """Read the active rows, and say why some cannot be read: those must not shut out the others."""
    active = WebhookConfig.objects.active()
    try:
        return list(active), ""
    except ImproperlyConfigured as error:
        problem = str(error)
    readable = []
    for pk in active.order_by("pk").values_list("pk", flat=True):
        with contextlib.suppress(ImproperlyConfigured):
            readable += list(active.filter(pk=pk))
    return readable, problem


webhook_tokens = WebhookTokens()


def presented_tokens(authorization: str, auth_token: str) -> list[str]:
    """List the tokens of a request: ``Authorization`` with or without ``Bearer``, or ``authToken``.

    iiko sends the plain value; integrations around it add ``Bearer`` (docs/iiko.md#webhook-token).
    """
    tokens = []
    for header in (authorization.strip(), auth_token.strip()):
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer" and rest.strip():
            tokens.append(rest.strip())
        if header:
            tokens.append(header)
    return tokens
