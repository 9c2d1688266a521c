"""What is checked and sent for the pages people open, and not for machines."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware

_COMMON = (
    "default-src 'self'; img-src 'self' data:; font-src 'self' data:; style-src 'self'; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
)
# The admin's Alpine evaluates the expressions of its templates.
_ADMIN = f"{_COMMON}; script-src 'self' 'unsafe-eval'"
_OTHER = f"{_COMMON}; script-src 'self'"

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "camera",
        "display-capture",
        "geolocation",
        "microphone",
        "midi",
        "payment",
        "serial",
        "usb",
    )
)
"""What no page of the hub asks a browser for, nor may anything that got into one."""

MACHINE_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/api/v1/webhooks/iiko"})
"""Called by machines that cannot choose the name: by address, by a name inside a cluster."""


class PagesMiddleware(CommonMiddleware):
    """Check the host name, except where the answer names no host and hands out no links."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if request.path_info.removesuffix("/") in MACHINE_PATHS:
            return None
        return super().process_request(request)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_admin = request.path_info.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", _ADMIN if is_admin else _OTHER)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response

    return middleware


class TextGZipMiddleware(GZipMiddleware):
    """Compress what people open and save; programs get from the API what they got.

    A page that shows a secret beside what a stranger chose could be read by its length (BREACH). Django adds
    up to 100 random bytes to each answer and masks the form's token differently in each; other sites cannot
    ask for a page with the session's cookie (SameSite).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_text = response.headers.get("Content-Type", "").startswith("text/")
        path = request.path_info
        if not is_text or path.startswith("/api/") or path.removesuffix("/") in MACHINE_PATHS:
            return response
        return super().process_response(request, response)
