"""Who watches an open page: it asks every two seconds, and mostly nothing that decides it has changed.

Signing in, rights and restaurants are eight questions to the database. So what they led to is kept with the
versions of all rows that they read, and one question tells whether these are still the same: who signs out,
loses a right or a restaurant is answered so at the next poll.
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
from core.database import db_clock

_MOST = 1_000
"""Sessions kept in one process; those that did not ask for longest go first."""

_VERSIONS = "string_agg(xmin::text || ctid::text, ' ' ORDER BY ctid)"  # core.database.row_versions
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
class _Kept:
    watcher: Watcher
    versions: Versions


_lock = threading.Lock()
_kept: OrderedDict[str, _Kept] = OrderedDict()


def watcher_of(request: HttpRequest) -> Watcher | None:
    """Return who asks and what they look at, as it is now; None: nobody is signed in."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    with _lock:
        kept = _kept.get(session)
    if kept is None or _versions(session, kept.watcher.frame.user.pk) != kept.versions:
        return _read(request, session)
    frame = replace(kept.watcher.frame, now=db_clock.now())
    return Watcher(frame, kept.watcher.sees_orders)


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
