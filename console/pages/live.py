"""What pages that follow orders answer: changes since a moment, and the words of their script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Self
from zlib import crc32

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.middleware.gzip import re_accepts_gzip
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import compress_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from console.board.restaurants import RestaurantState, restaurant_states
from console.pages.frame import Frame
from console.pages.shared_answers import settled_tick, shared, shared_start, tick_number
from console.pages.watchers import watcher_of
from core.admin.live import START_AGAIN
from core.values.moments import checked_moment

NEXT_HEADER = "X-Board-Next"
"""From which moment to ask for changes next."""
STATE_HEADER = "X-Board-State"
"""Of whose page it is and what stands around the cards (``page_state``); sent back with each question."""

OLDEST_NEWS = timedelta(hours=1)
"""Of a page that is older all would be news: it is loaded again."""

_SHORT = 200
"""Shorter texts become no shorter (``GZipMiddleware``)."""

FORMS_OF_NUMBERS = {"one": 1, "few": 2, "many": 5, "other": 2}
"""A number for each plural form of the languages, by the browser's name of the form."""


def answers_changes(
    view: Callable[[HttpRequest, Frame, datetime, datetime], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Pass who asks, and the moments that a script asks from and that it may be answered to.

    401 when nobody is signed in, 403 without permission, 205 for a page that slept for too long, or that
    shows what its reader may no longer see or has chosen to see no longer.
    """

    @require_GET
    @never_cache
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        watcher = watcher_of(request)
        if watcher is None:
            return HttpResponse(status=401)
        if not watcher.sees_orders:
            return HttpResponse(status=403)
        since = _moment(request.GET.get("since", ""))
        if since is None:
            return HttpResponseBadRequest(_("Name the moment that the last answer named."))
        scope, _dash, _state = request.GET.get("state", "").partition("-")
        if watcher.frame.now - since > OLDEST_NEWS or scope not in {"", watcher.frame.scope}:
            return HttpResponse(status=START_AGAIN)
        until = max(since, settled_tick())
        return view(request, watcher.frame, shared_start(since, until), until)

    return answer


@dataclass(frozen=True, slots=True)
class News:
    """What changed, as HTML, ready for all who ask; empty for nothing."""

    html: str
    zipped: bytes | None

    @classmethod
    def of(cls, html: str) -> Self:
        """Compress what is worth it once for all; with a length that differs, as the middleware has it."""
        is_worth_it = len(html) > _SHORT
        return cls(html, compress_string(html.encode(), max_random_bytes=100) if is_worth_it else None)


def changes_answer(
    request: HttpRequest, news: News, *, around: str = "", until: datetime, state: str
) -> HttpResponse:
    """Answer what changed, 204 for nothing; the headers say where to go on."""
    is_zipped = re_accepts_gzip.search(request.headers.get("Accept-Encoding", ""))
    if around or not news.html:
        response = HttpResponse(news.html + around) if around else HttpResponse(status=204)
    elif news.zipped is not None and is_zipped:
        response = HttpResponse(news.zipped, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    else:
        response = HttpResponse(news.html)
    response[NEXT_HEADER] = moment_text(until)
    response[STATE_HEADER] = state
    return response


def gone_html(gone: Sequence[int]) -> SafeString:
    return format_html('<template data-gone="{}"></template>', " ".join(map(str, gone)))


def states_of(frame: Frame) -> Sequence[RestaurantState]:
    """Return how far the restaurants can be believed: a matter of seconds, read once for four ticks."""
    key = ("states", frame.key, tick_number(4))
    return shared(key, lambda: restaurant_states(frame.chosen, frame.now))


def restaurants_html(states: Sequence[RestaurantState]) -> SafeString:
    return SafeString(render_to_string("console/restaurants.html", {"states": states}))


def page_state(frame: Frame, states: Sequence[RestaurantState], *others: object) -> str:
    """Return two checksums: of whose page it is, and of what stands around the cards."""
    shown = [(state.organization.pk, state.light, state.link, state.warnings) for state in states]
    return f"{frame.scope}-{crc32(repr((shown, *others)).encode())}"


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return checked_moment(moment) if moment.tzinfo is not None else None
    except ValueError:
        return None


def shared_texts() -> dict[str, object]:
    """Return what the shared script says as time passes."""
    return {
        "s": _("%(count)d s"),
        "min": _("%(count)d min"),
        "h": _("%(count)d h"),
        "d": _("%(count)d d"),
        "in": _("in %(span)s"),
        "no_courier": _("no courier for %(span)s"),
        "no_answer": _("No answer from the hub. Nothing is known yet: press again, it is asked once."),
        "stale": _("No answer from the hub. What you see is from %(time)s."),
        "signed_out": _("You are signed out. What you see is old."),
        "sign_in": _("Sign in again"),
        "forbidden": _("You may no longer see orders. Ask an administrator."),
        "may_not": _("You may not assign couriers. Ask an administrator."),
        "not_found": _("One of these orders is no longer here, or the courier is not. Load the page again."),
    }
