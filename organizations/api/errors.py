"""One place where refusals become responses."""

from __future__ import annotations

from django.db import Error, InterfaceError, OperationalError
from django.utils.translation import gettext_lazy
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import APIException

from organizations.errors import HubError


class DatabaseAway(APIException):
    status_code = 503
    default_code = "database_unavailable"
    default_detail = gettext_lazy(
        "The hub cannot use its database just now. Repeat the request, one that acts with the same "
        "Idempotency-Key: then nothing is done twice."
    )
    wait = 5
    """Seconds, for ``Retry-After``."""


# Connection errors, too many connections, the server is shut down or starting (PostgreSQL, appendix A).
_AWAY = ("08", "53", "57P")


def is_connection_lost(error: Error) -> bool:
    """Whether the database is away, rather than refusing a statement; psycopg then names no state at all."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_AWAY)


class HubExceptionHandler(ExceptionHandler):
    """Turns ``HubError`` into its status and code; everything else is the library's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, HubError):
            refusal = APIException(detail=exc.detail, code=exc.code)
            refusal.status_code = exc.http_status
            return refusal
        if isinstance(exc, OperationalError | InterfaceError) and is_connection_lost(exc):
            return DatabaseAway()
        known: Exception = super().convert_known_exceptions(exc)
        return known
