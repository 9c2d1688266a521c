"""Headers of the pages people open."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_COMMON = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
)
# The admin's Alpine evaluates the expressions of its templates.
_ADMIN = f"{_COMMON}; script-src 'self' 'unsafe-inline' 'unsafe-eval'"
_OTHER = f"{_COMMON}; script-src 'self'"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_admin = request.path_info.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", _ADMIN if is_admin else _OTHER)
        return response

    return middleware
