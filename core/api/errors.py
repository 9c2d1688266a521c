"""One place where refusals become responses."""

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext, gettext_lazy, gettext_noop
from drf_standardized_errors.handler import ExceptionHandler
from procrastinate.exceptions import ConnectorException
from rest_framework.exceptions import APIException, ErrorDetail, NotAuthenticated

from core.errors import HubError

OF_THE_FRAMEWORK = (
    gettext_noop("Not a valid string."),
    gettext_noop("Must be a valid boolean."),
    gettext_noop("Must be a valid UUID."),
    gettext_noop("Invalid data. Expected a dictionary, but got {datatype}."),
    gettext_noop('Expected a list of items but got type "{input_type}".'),
    gettext_noop("Ensure this field has at least {min_length} elements."),
    gettext_noop("Ensure this field has no more than {max_length} elements."),
    gettext_noop("Datetime has wrong format. Use one of these formats instead: {format}."),
    gettext_noop("Datetime value out of range."),
    gettext_noop("Not found."),
    gettext_noop("Request was throttled."),
    gettext_noop("Expected available in {wait} second."),
    gettext_noop("Expected available in {wait} seconds."),
)
"""Texts of the REST framework that its Russian lacks or says badly: the hub's catalogue goes first."""


class DatabaseAway(APIException):
    status_code = 503
    default_code = "database_unavailable"
    default_detail = gettext_lazy(
        "The hub cannot use its database just now. Repeat the request, one that acts with the same "
        "Idempotency-Key: then nothing is done twice."
    )
    wait = 5
    """Seconds, for ``Retry-After``."""


# Connection errors, no room or too many connections, a server that stops or starts; a lock or an answer
# that did not come in time, as while a stopped worker holds it (PostgreSQL, appendix A).
_AWAY = ("08", "53", "57P", "55P03", "57014")


def is_database_away(error: BaseException | None) -> bool:
    """Tell whether the database is away, rather than refusing a statement; psycopg then names no state.

    Queueing a task meets the same error under procrastinate's name for it.
    """
    if not isinstance(error, OperationalError | InterfaceError | ConnectorException):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_AWAY)


class HubExceptionHandler(ExceptionHandler):
    """Turns ``HubError`` into its status and code; everything else is the library's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, HubError):
            refusal = APIException(detail=exc.detail, code=exc.code)
            refusal.status_code = exc.http_status
            return refusal
        if is_database_away(exc):
            return DatabaseAway()
        if isinstance(exc, NotAuthenticated):
            # In place: the view wrote the WWW-Authenticate header on it.
            exc.detail = ErrorDetail(
                gettext("An API key is needed: send the header “Authorization: Api-Key KEY”."),
                code=exc.default_code,
            )
        known: Exception = super().convert_known_exceptions(exc)
        return known
