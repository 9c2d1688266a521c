"""How long a session lasts: so long after the last act, and no longer than so many days.

An open page asks for news by itself for ever. Its scripts mark such questions by ``X-Watching``, or by a
cookie for some seconds where they load a page again, and these prolong nothing: a board that nobody touches
is signed out in time.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core.database import db_clock
from iikohub.models.sign_in import SignOut

WATCHING_HEADER, WATCHING_COOKIE = "X-Watching", "watching"
PASSED = "second_factor"
"""Which second factor the session has passed: the key of its row."""

UNKEPT = "recovery_codes_shown"
"""Recovery codes that the session was shown and nobody said to have kept: of which second factor, when, and
the digest of the code that they were made for."""
_UNKEPT_FOR = timedelta(minutes=10)

_SIGNED_IN_AT = "signed_in_at"
_ACTED_AT = "acted_at"
_WRITTEN_EVERY_S = 60


@receiver(user_logged_in)
def begin_session(request: HttpRequest, **_: object) -> None:
    """Count from now on; a password alone has passed no second step."""
    for name in (PASSED, UNKEPT):
        request.session.pop(name, None)
    request.session[_SIGNED_IN_AT] = db_clock.now().timestamp()
    _prolong(request.session, db_clock.now())


def keep_session(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        session = request.session
        is_used = session.accessed and response.status_code < 500
        if is_used and not _is_watching(request) and SESSION_KEY in session:
            now = db_clock.now()
            if now.timestamp() - session.get(_ACTED_AT, 0) >= _WRITTEN_EVERY_S:
                _prolong(session, now)
        return response

    return middleware


def _is_watching(request: HttpRequest) -> bool:
    return WATCHING_HEADER in request.headers or WATCHING_COOKIE in request.COOKIES


def _prolong(session: SessionBase, now: datetime) -> None:
    """Let it last from now on; Django forgets it at the time that is set, whatever is saved meanwhile."""
    began = datetime.fromtimestamp(session.setdefault(_SIGNED_IN_AT, now.timestamp()), tz=UTC)
    session[_ACTED_AT] = now.timestamp()
    span = min(
        timedelta(hours=settings.SESSION_HOURS), began + timedelta(days=settings.SESSION_MAX_DAYS) - now
    )
    session.set_expiry(timezone.now() + span)  # noqa: TID251  # Django compares it with this machine's clock


def began_after(session: SessionBase, moment: datetime) -> bool:
    signed_in_at: float = session.get(_SIGNED_IN_AT, 0)
    return signed_in_at > moment.timestamp()


def note_codes_shown(session: SessionBase, factor_pk: int, code: str, *, now: datetime) -> None:
    session[UNKEPT] = [factor_pk, now.timestamp(), _digest(code)]


def are_codes_unkept(session: SessionBase, *, now: datetime) -> bool:
    """Tell whether recovery codes were shown minutes ago and not said to be kept."""
    factor_pk, shown_at, _code = session.get(UNKEPT, (None, 0.0, ""))
    is_recent = 0 <= now.timestamp() - shown_at < _UNKEPT_FOR.total_seconds()
    return factor_pk is not None and factor_pk == session.get(PASSED) and is_recent


def were_codes_shown_for(session: SessionBase, code: str) -> bool:
    """Tell whether codes were made for this very code: the page that shows them is loaded again."""
    shown: str = session.get(UNKEPT, (None, 0.0, ""))[2]
    return shown == _digest(code)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def sign_out_everywhere(user: User) -> None:
    """End all sessions of a person that there are now."""
    SignOut.objects.update_or_create(user=user, defaults={"at": db_clock.now()})
