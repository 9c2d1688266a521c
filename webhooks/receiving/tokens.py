"""Who may bring us webhooks: the tokens of all organizations, found by a keyed digest.

The digest's key is random and the process's own, so that the time of a look-up tells nothing of a token.
"""

import contextlib
import hmac
import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from webhooks.models.inbox import WebhookConfig

FRESH_S = 5.0
"""A token that was switched off may still be taken for so long by a process that had read it."""


# Names the present state of all that says whose token is taken: xmin changes with every write of a row.
_VERSION = """
SELECT coalesce(md5(string_agg(
    concat_ws(':', config.id, config.xmin, config.is_active, organization.is_active), ',' ORDER BY config.id
)), '')
FROM webhook_configs AS config
JOIN organizations AS organization ON organization.iiko_id = config.organization_id
"""


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
        with connection.cursor() as cursor:
            cursor.execute(_VERSION)
            version = f"version {cursor.fetchone()[0]}"
        if version != self._version:
            configs, unreadable = _readable_configs()
            known = defaultdict(list)
            for config in configs:
                introduces = config.pk if config.previous_auth_token else None
                for token, row in ((config.auth_token, introduces), (config.previous_auth_token, None)):
                    if token:
                        one = _Known(token.encode(), config.organization_id, row)
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


WINDOW_S = 60.0
MOST_NETWORKS = 10_000
"""Remembered at once; the one that was quiet longest gives way. A few megabytes."""
MOST_LINES = 60
"""In the log, in a minute, for all networks together."""


@dataclass(slots=True)
class _Window:
    """A minute that begins with the first wrong token in it."""

    began_at: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """``retry_after_s`` is 0 within the limit; the first of a minute and the first beyond it are logged."""

    count: int
    retry_after_s: int
    is_logged: bool


class WrongTokens:
    """Counts of this process, by network (``client_network``), in bounded memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self.forget()

    def __len__(self) -> int:
        return len(self._windows)

    def forget(self) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lines = _Window(float("-inf"))

    def is_limited(self, network: str) -> bool:
        """Tell whether one more wrong token of the network is beyond the limit."""
        limit = settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE
        with self._lock:
            window = self._windows.get(network)
            return bool(limit) and window is not None and self._is_open(window) and window.count >= limit

    def count(self, network: str) -> Refusal:
        """Count a wrong token and return how to refuse it."""
        limit = settings.WEBHOOK_WRONG_TOKENS_PER_MINUTE
        with self._lock:
            window = self._window_of(network)
            window.count += 1
            is_beyond = bool(limit) and window.count > limit
            is_news = window.count == 1 or (is_beyond and window.count == limit + 1)
            left_s = window.began_at + WINDOW_S - self._clock()
            return Refusal(
                window.count, max(1, ceil(left_s)) if is_beyond else 0, is_news and self._has_line_left()
            )

    def _is_open(self, window: _Window) -> bool:
        return self._clock() - window.began_at < WINDOW_S

    def _window_of(self, network: str) -> _Window:
        window = self._windows.get(network)
        if window is None or not self._is_open(window):
            window = self._windows[network] = _Window(self._clock())
        self._windows.move_to_end(network)
        if len(self._windows) > MOST_NETWORKS:
            self._windows.popitem(last=False)
        return window

    def _has_line_left(self) -> bool:
        if not self._is_open(self._lines):
            self._lines = _Window(self._clock())
        self._lines.count += 1
        return self._lines.count <= MOST_LINES


wrong_tokens = WrongTokens()
