"""Pages for requests that no view answers: 400, the check of forms (403), 503 without the database."""

import sys
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware import csrf
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views import defaults

from core.api.errors import DatabaseAway, is_database_away
from iikohub.configuration.addresses import DEFAULT_PORTS
from organizations.fields import UnreadableSecret

logger = structlog.stdlib.get_logger(__name__)

API_PREFIX = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that the address is not the hub's own, or else that the request is malformed."""
    is_unknown_host = isinstance(exception, DisallowedHost)
    if is_unknown_host:
        host = request.META.get("HTTP_HOST", "")
        logger.warning("pages.unknown_host", host=host[:200], setting="ALLOWED_HOSTS")
    if request.path_info.startswith(API_PREFIX):
        code = "unknown_host" if is_unknown_host else "bad_request"
        error = {"code": code, "detail": _words_of_400(is_unknown_host=is_unknown_host), "attr": None}
        return JsonResponse({"type": "client_error", "errors": [error]}, status=400)
    context = {"words": _words_of_400(is_unknown_host=is_unknown_host), "is_unknown_host": is_unknown_host}
    return render(request, "400.html", context, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that the database is away, or that the keys are another hub's; 500 for every other reason."""
    error = sys.exc_info()[1]
    if isinstance(error, UnreadableSecret):
        return HttpResponse(render_to_string("500_keys.html", {"error": str(error)}), status=500)
    if is_database_away(error):
        # Without the request: what its context holds may be read from the database.
        response = HttpResponse(render_to_string("503.html"), status=503)
        response.headers["Retry-After"] = str(DatabaseAway.wait)
        return response
    return defaults.server_error(request)


def _words_of_400(*, is_unknown_host: bool) -> str:
    if not is_unknown_host:
        return gettext("The request cannot be read. Nothing was changed.")
    return gettext(
        "The hub does not know the host name of this address as its own. If it is one, the administrator "
        "adds the name to ALLOWED_HOSTS (in .env or the environment) and restarts the web server."
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say which check failed: an address that is not the hub's, a hidden one, or a stale form."""
    heading, words, setting = _cause(request, reason)
    context = {"heading": heading, "words": words, "setting": setting}
    return render(request, "403_csrf.html", context, status=403)


def _cause(request: HttpRequest, reason: str) -> tuple[str, str, str]:
    """Heading, sentence, and the line of the settings that may help."""
    came_from = _claimed_origin(request, reason)
    if came_from is None:
        return _stale_form(request)
    if not came_from:
        return (
            gettext("The browser hides where the form came from"),
            gettext(
                "It sent the form without the address of its page (Origin: null, or no Referer), so the hub "
                "cannot tell that the page is its own. Nothing was changed. Open the hub in a tab of its "
                "own, not inside another page or from a file, and let the browser and its extensions send "
                "the Referer to this site."
            ),
            "",
        )
    if came_from.startswith("http://") and (settings.SECURE_HTTPS or request.is_secure()):
        return gettext("This page was opened over http"), _over_https(request), ""
    return (
        gettext("The hub does not know this address as its own"),
        gettext(
            "The form came from a page at %(origin)s. Nothing was changed. If that is the address by which "
            "you open the hub, the administrator adds it to the settings (in .env or the environment) and "
            "restarts the web server:"
        )
        % {"origin": came_from},
        f"CSRF_TRUSTED_ORIGINS={came_from}",
    )


def _claimed_origin(request: HttpRequest, reason: str) -> str | None:
    """Return where the form says it comes from, "" if that is hidden; None: that is not what failed."""
    if reason.startswith(csrf.REASON_BAD_ORIGIN.split("%s")[0]):
        origin = request.META.get("HTTP_ORIGIN", "")
        return "" if origin == "null" else origin
    if reason.startswith("Referer checking failed"):
        try:
            parts = urlsplit(request.META.get("HTTP_REFERER", ""))
        except ValueError:
            return ""
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme in DEFAULT_PORTS and parts.netloc else ""
    return None


def _stale_form(request: HttpRequest) -> tuple[str, str, str]:
    if settings.CSRF_COOKIE_SECURE and not request.is_secure():
        return gettext("This page was opened over http"), _over_https(request), ""
    return (
        gettext("The form has expired"),
        gettext(
            "It was open for too long, or the browser keeps no cookies. Nothing was changed: go back, reload "
            "the page and send it again."
        ),
        "",
    )


def _over_https(request: HttpRequest) -> str:
    address = settings.WEBHOOK_BASE_URL if settings.SECURE_HTTPS else f"https://{request.get_host()}"
    words = gettext(
        "The hub is set up for https: its cookies travel that way alone. Nothing was changed. Open it at "
        "%(address)s. If you did, the proxy in front does not say so: it has to set X-Forwarded-Proto."
    )
    return words % {"address": address}
