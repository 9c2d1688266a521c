"""Who watches an open page: it asks every two seconds, and mostly nothing that decides it has changed.

Signing in, rights and restaurants are eight questions to the database. So what they led to is kept with the
versions of all rows that they read, and one question tells whether these are still the same. Those who ask
within one tick (``BOARD_TICK_S``) share a question: whether anything changed for anybody. Mostly nothing did,
and then nobody asks for themselves. Who signs out, loses a right or a restaurant is answered so at the next
poll after that tick.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.http import HttpRequest

from console.pages.frame import Frame, frame_for
from console.pages.shared_answers import shared, tick_number
from core.database import db_clock

_MOST = 1_000
"""Sessions kept in one process; those that did not ask for longest go first."""

_VERSION = "xmin::text || ctid::text"  # core.database.row_versions
_VERSIONS = f"string_agg({_VERSION}, ' ' ORDER BY ctid)"
_IN_GROUPS = "group_id IN (SELECT group_id FROM auth_user_groups WHERE user_id = %(user)s)"
# Which rows of each table ``frame_for`` and Django's signing in read; a session that is over is none.
_decided_by = {
    "django_session": "session_key = %(session)s AND expire_date > clock_timestamp()",
    "auth_user": "id = %(user)s",
    "auth_user_user_permissions": "user_id = %(user)s",
    "auth_user_groups": "user_id = %(user)s",
    "auth_group_permissions": _IN_GROUPS,
    "restaurant_access": "user_id = %(user)s",
    "restaurant_access_organizations": "restaurantaccess_id = %(user)s",
    "console_restaurants": "preferences_id = %(user)s",
    "organizations": "true",
}


def also_decided_by(tables: Mapping[str, str]) -> None:
    """Add tables that signing in reads, each with the condition of its rows; once, from the app that knows.

    ``%(user)s`` is the id of the person, ``%(session)s`` the key of the session.
    """
    _decided_by.update(tables)


Versions = list[str | None]


@dataclass(frozen=True, slots=True)
class Watcher:
    frame: Frame
    sees_orders: bool


@dataclass(frozen=True, slots=True)
class _Look:
    """What decides about everybody, at the beginning of a tick: a checksum, and the versions of sessions."""

    checksum: str
    sessions: dict[str, str]

    def of(self, session: str) -> tuple[str, str] | None:
        """Return what is the same for as long as nothing changes for this session; None: it is not known."""
        version = self.sessions.get(session)
        return (self.checksum, version) if version is not None else None


@dataclass(slots=True)
class _Kept:
    watcher: Watcher
    versions: Versions
    unchanged_at: tuple[str, str] | None = None
    """What the last look showed before the versions were found to be these."""


_lock = threading.Lock()
_kept: OrderedDict[str, _Kept] = OrderedDict()


def watcher_of(request: HttpRequest) -> Watcher | None:
    """Return who asks and what they look at, as it is in this tick; None: nobody is signed in."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    with _lock:
        kept = _kept.get(session)
    if kept is None or not _is_as_kept(session, kept):
        return _read(request, session)
    frame = replace(kept.watcher.frame, now=db_clock.now())
    return Watcher(frame, kept.watcher.sees_orders)


def _is_as_kept(session: str, kept: _Kept) -> bool:
    # Before the versions: what changes between the two is met by the next look.
    seen = shared(("watchers", tick_number()), _look).of(session) if settings.BOARD_TICK_S else None
    if seen is not None and seen == kept.unchanged_at:
        return True
    if _versions(session, kept.watcher.frame.user.pk) != kept.versions:
        return False
    kept.unchanged_at = seen
    return True


def _look() -> _Look:
    with _lock:
        sessions = list(_kept)
    with connection.cursor() as cursor:
        cursor.execute(_what_decides(), {"sessions": sessions})
        checksum, versions = cursor.fetchone()
    return _Look(checksum, dict(versions))


def _what_decides() -> str:
    """Return the question for a checksum of the same tables, whole, and for the versions of sessions."""
    tables = ", ".join(
        f"(SELECT {_VERSIONS} FROM {table})"  # noqa: S608  # names of our tables
        for table in _decided_by
        if table != "django_session"
    )
    return (
        f"SELECT md5(ARRAY[{tables}]::text), ARRAY("  # noqa: S608  # the same
        f" SELECT ARRAY[session_key, {_VERSION}] FROM django_session"
        " WHERE session_key = ANY(%(sessions)s) AND expire_date > clock_timestamp())"
    )


def _read(request: HttpRequest, session: str) -> Watcher | None:
    if SESSION_KEY not in request.session:
        return None
    versions = _versions(session, int(request.session[SESSION_KEY]))
    if versions[0] is None:  # signed out since the request began
        return None
    # Nobody asked for it before, so that it is read after the versions, and no change falls between the two.
    user = request.user
    if not user.is_authenticated:
        return None
    watcher = Watcher(frame_for(user), user.has_perm("orders.view_order"))
    with _lock:
        _kept[session] = _Kept(watcher, versions)
        _kept.move_to_end(session)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return watcher


def _query() -> str:
    of_table = "(SELECT {} FROM {} WHERE {})"
    return f"SELECT ARRAY[{', '.join(of_table.format(_VERSIONS, *one) for one in _decided_by.items())}]"


def _versions(session: str, user_id: int) -> Versions:
    with connection.cursor() as cursor:
        cursor.execute(_query(), {"session": session, "user": user_id})
        versions: Versions = cursor.fetchone()[0]
    return versions
