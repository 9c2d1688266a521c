"""Errors of a call to iiko, split by what the caller does next.

No error carries a token, a credential or a body: ``description`` is the vendor's own sentence, without
secrets and shortened (``iiko_client.http.redaction.clean``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


class IikoError(Exception):
    """A call that did not succeed; ``code`` is the vendor's short name of the reason, where it gave one."""

    def __init__(
        self,
        description: str = "",
        *,
        operation: str,
        http_status: int | None = None,
        correlation_id: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.operation = operation
        self.http_status = http_status
        self.correlation_id = correlation_id
        self.code = code

    def recast(self, kind: type[IikoError], description: str = "", **changes: str | None) -> IikoError:
        """Return an error of another kind with the facts of this one, but for ``changes``."""
        facts = {name: getattr(self, name) for name in ("operation", "http_status", "correlation_id", "code")}
        return kind(description or self.description, **facts | changes)

    def __str__(self) -> str:
        known = [self.operation]
        known += [f"HTTP {self.http_status}"] if self.http_status else []
        known += [self.code] if self.code else []
        return f"{', '.join(known)}: {self.description or type(self).__name__}"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.__dict__.copy())


def _restore(kind: type[IikoError], facts: dict[str, Any]) -> IikoError:
    """Restore an error from its facts: pickling alone cannot repeat keyword arguments."""
    error = kind.__new__(kind)
    error.args = (facts["description"],)
    error.__dict__.update(facts)
    return error


class IikoNoAnswer(IikoError):
    """Timeout, reset, 408, 5xx: the outcome is unknown (docs/iiko.md#outcome-unknown).

    Retry a read; of anything else find out first whether it was done.
    """


class IikoNotSent(IikoNoAnswer):
    """No connection was made, or there was no token: nothing was sent, so a retry is safe."""


class IikoBusy(IikoError):
    """Refused before any work; the same call may be made again after ``retry_after_s`` seconds."""

    def __init__(self, description: str = "", *, retry_after_s: float, **facts: Any) -> None:
        super().__init__(description, **facts)
        self.retry_after_s = retry_after_s


class IikoBlocked(IikoBusy):
    """Not sent: our circuit is open ``until`` a moment, before iiko blocks the key. Tell an operator."""

    def __init__(self, description: str = "", *, until: datetime, **facts: Any) -> None:
        super().__init__(description, **facts)
        self.until = until


class IikoAuthFailed(IikoError):
    """The credential is refused; no retry helps, an operator must act. ``code`` tells why.

    ``login_refused`` (bad or blocked credential), ``token_refused`` (a fresh token was refused too),
    ``right_missing`` (this operation is not allowed for the login), ``licence_expired``.
    """


class IikoRejected(IikoError):
    """iiko understood and refused: final for this request."""


class IikoRequestInvalid(IikoRejected, ValueError):
    """Refused by this client before sending: it breaks a limit of the vendor's schema."""


class IikoRevisionTooOld(IikoRejected):
    """``by_revision`` reaches back 3 hours at most (docs/iiko.md#by-revision): reload by date."""


class IikoTooMuchData(IikoRejected):
    """The answer would be too big: ask for a shorter window."""


class IikoUnreadable(IikoError):
    """A 2xx that does not fit the schema. It may have been done: keep it, tell a developer."""
