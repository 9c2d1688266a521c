"""Signing in with a password: few checks at once, and a lock after wrong ones (django-axes)."""

import threading
from datetime import timedelta

from axes.backends import AxesStandaloneBackend
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from unfold.forms import AuthenticationForm

from core.client_address import client_address as address_of
from core.database import db_clock

PASSWORD_CHECKS = threading.BoundedSemaphore(2)
"""Of one web process: hashing a password takes a core for a third of a second, and webhooks need it, too."""


def client_address(request: HttpRequest) -> str | None:
    """Give django-axes the address that our proxies saw."""
    return address_of(request.META)


class LockingBackend(AxesStandaloneBackend):  # type: ignore[misc]  # axes is untyped
    """Stand before Django's own: a locked name is refused before its password is hashed."""

    def authenticate(self, request: HttpRequest | None, **credentials: object) -> None:
        # Without a request somebody is at the machine itself.
        if request is not None:
            # Axes would take the clock of this machine; the attempts it counts are those of all machines.
            AxesProxyHandler.update_request(request)
            request.axes_attempt_time = db_clock.now()  # type: ignore[attr-defined]  # axes keeps it there
            super().authenticate(request, **credentials)


class SignInForm(AuthenticationForm):  # type: ignore[misc]  # Unfold is untyped
    def clean(self) -> dict[str, object]:
        if not PASSWORD_CHECKS.acquire(blocking=False):
            words = gettext("Several people are signing in at this moment. Try again in a few seconds.")
            raise ValidationError(words, code="busy")
        try:
            cleaned: dict[str, object] = super().clean()
        except ValidationError as error:
            if getattr(self.request, "axes_locked_out", False):
                raise ValidationError(_locked_words(), code="locked") from error
            raise
        finally:
            PASSWORD_CHECKS.release()
        return cleaned


def _locked_words() -> str:
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    minutes = int(cool_off.total_seconds()) // 60
    return ngettext(
        "Too many wrong passwords for this name from this address. Try again in %(minutes)d minute, or "
        "ask the administrator.",
        "Too many wrong passwords for this name from this address. Try again in %(minutes)d minutes, or "
        "ask the administrator.",
        minutes,
    ) % {"minutes": minutes}


def locked_out(_request: HttpRequest, response: HttpResponse, _credentials: object) -> HttpResponse:
    """Answer 429 with the page that the form has made; django-axes calls it."""
    response.status_code = 429
    response.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return response
