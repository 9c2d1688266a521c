"""One place where refusals become responses."""

from __future__ import annotations

from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import APIException

from organizations.errors import HubError


class HubExceptionHandler(ExceptionHandler):
    """Turns ``HubError`` into its status and code; everything else is the library's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, HubError):
            refusal = APIException(detail=exc.detail, code=exc.code)
            refusal.status_code = exc.http_status
            return refusal
        known: Exception = super().convert_known_exceptions(exc)
        return known
