"""The attention list: what needs a person now, and whose it is."""

from collections.abc import Sequence
from datetime import datetime
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from attention.access import VIEW, rules_for
from attention.models.items import Severity
from attention.rules.registry import RULES
from attention.words import warnings_of
from console.attention.filters import Filters, Show
from console.attention.needing import items_within
from console.attention.rows import row_context, rows_of
from console.pages.frame import Frame, frame_context, frame_of, needing_of, needs, watch_of, with_needing
from console.pages.live import STATE_HEADER, shared_texts
from core.display import ago_text

MOST_ROWS = 100

sees_attention = needs(VIEW)


@require_GET
@never_cache
@sees_attention
def attention(request: HttpRequest) -> HttpResponse:
    """Show the list, narrowed by the filters of the address."""
    return show_list(request, frame_of(request))


def show_list(
    request: HttpRequest, frame: Frame, *, problem: tuple[int, str] | None = None, status: int = 200
) -> HttpResponse:
    """Answer the page; ``problem`` is the number of an item, and why nothing was done with it."""
    filters = _filters_of(request, frame)
    state = _state_of(frame, filters)  # before the list, so that no change falls between the two
    seen = rules_for(frame.user)
    context = (
        frame_context(frame)
        | _list_context(frame, filters, problem)
        | {
            "state": state,
            "severities": [(str(value), label) for value, label in reversed(Severity.choices)],
            "rules": [(rule.name, rule.title) for rule in RULES if rule.name in seen],
            "texts": shared_texts() | _texts(),
        }
    )
    return render(request, "console/attention.html", context, status=status)


@require_GET
@never_cache
def changes(request: HttpRequest) -> HttpResponse:
    """Answer the whole list if anything in it changed, and once a minute, for the times in its sentences.

    204 for no change, 401 when nobody is signed in, 403 without permission.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    if not request.user.has_perm(VIEW):
        return HttpResponse(status=403)
    frame = frame_of(request)
    filters = _filters_of(request, frame)
    state = _state_of(frame, filters)
    response = HttpResponse(status=204)
    if request.GET.get("state") != state:
        response = render(request, "console/attention_list.html", _list_context(frame, filters))
    response[STATE_HEADER] = state
    return with_needing(response, needing_of(frame))


def _filters_of(request: HttpRequest, frame: Frame) -> Filters:
    return Filters.of(request.GET, {one.iiko_id for one in frame.chosen})


def _list_context(
    frame: Frame, filters: Filters, problem: tuple[int, str] | None = None
) -> dict[str, object]:
    items, watch = items_within(frame.user, frame.chosen), watch_of(frame)
    found = filters.shown(items, frame.user, frame.now)
    rows = rows_of(found[: MOST_ROWS + 1], user=frame.user, now=frame.now)
    counts = filters.counts(items, frame.user, frame.now)
    shows = [(one.label, filters.query(one), counts[one], one == filters.show) for one in Show]
    return row_context(frame.user, back=reverse("console:attention") + filters.query()) | {
        "filters": filters,
        "rows": rows[:MOST_ROWS],
        "has_more": len(rows) > MOST_ROWS,
        "most_rows": MOST_ROWS,
        "shows": shows,
        "problem": problem,
        "warnings": list(warnings_of(watch, frame.now)),
        "looked": ago_text(watch.last_at, frame.now) if watch.last_at is not None else "",
    }


def _state_of(frame: Frame, filters: Filters) -> str:
    """Return a checksum of what is listed, as of which change, and of all that is said around it."""
    shown = filters.shown(items_within(frame.user, frame.chosen), frame.user, frame.now)
    rows: Sequence[tuple[int, datetime]] = list(shown.values_list("pk", "updated_at")[: MOST_ROWS + 1])
    watch, minute = watch_of(frame), int(frame.now.timestamp() / 60)
    # Where nothing is listed, it says when that was found.
    looked_at = None if rows else watch.last_at
    shown_of_watch = (watch.is_standing_still, watch.failed_rules, looked_at)
    return str(crc32(repr((rows, needing_of(frame), shown_of_watch, minute)).encode()))


def _texts() -> dict[str, object]:
    refused = _("You are signed out, or may not do this any more. Sign in again and reload the page.")
    forbidden = _("You may no longer see what needs attention. Ask an administrator.")
    return {"title": _("Attention"), "refused": refused, "forbidden": forbidden}
