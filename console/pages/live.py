"""What pages that follow orders answer: changes since a moment, and the words of their script."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from zlib import crc32

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from console.board.restaurants import RestaurantState
from console.pages.shared_answers import settled_tick
from core.admin.live import START_AGAIN
from core.database import db_clock
from core.values.moments import checked_moment

NEXT_HEADER = "X-Board-Next"
"""From which moment to ask for changes next."""
STATE_HEADER = "X-Board-State"
"""A checksum of what stands around the cards; sent back, so that it comes again only when it changed."""

OLDEST_NEWS = timedelta(hours=1)
"""Of a page that is older all would be news: it is loaded again."""

FORMS_OF_NUMBERS = {"one": 1, "few": 2, "many": 5, "other": 2}
"""A number for each plural form of the languages, by the browser's name of the form."""


def answers_changes(
    view: Callable[[HttpRequest, datetime, datetime], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Pass the moments that a script asks from, and that it may be answered to.

    401 when nobody is signed in, 403 without permission, 205 for a page that slept for too long.
    """

    @require_GET
    @never_cache
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return HttpResponse(status=401)
        if not request.user.has_perm("orders.view_order"):
            return HttpResponse(status=403)
        since = _moment(request.GET.get("since", ""))
        if since is None:
            return HttpResponseBadRequest(_("Name the moment that the last answer named."))
        if db_clock.now() - since > OLDEST_NEWS:
            return HttpResponse(status=START_AGAIN)
        return view(request, since, max(since, settled_tick()))

    return answer


def changes_answer(html: str, *, until: datetime, state: str) -> HttpResponse:
    """Answer what changed, 204 for nothing; the headers say where to go on."""
    response = HttpResponse(html) if html else HttpResponse(status=204)
    response[NEXT_HEADER] = moment_text(until)
    response[STATE_HEADER] = state
    return response


def gone_html(gone: Sequence[int]) -> SafeString:
    return format_html('<template data-gone="{}"></template>', " ".join(map(str, gone)))


def restaurants_html(states: Sequence[RestaurantState]) -> SafeString:
    return SafeString(render_to_string("console/restaurants.html", {"states": states}))


def checksum(states: Sequence[RestaurantState], *others: object) -> str:
    shown = [(state.organization.pk, state.light, state.link, state.warnings) for state in states]
    return str(crc32(repr((shown, *others)).encode()))


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
