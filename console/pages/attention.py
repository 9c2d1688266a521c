"""The attention list: what needs a person now, whose it is, and what people do with it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from zlib import crc32

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from attention import acts
from attention.access import ACT, VIEW, items_for
from attention.errors import BadMoment, NotDone
from attention.models.items import AttentionItem, Severity
from attention.models.watch_run import WatchState, watch_state
from attention.rules.registry import RULES
from attention.words import zone_of
from console.attention.filters import Filters, Show
from console.attention.needing import items_within
from console.attention.rows import row_context, rows_of
from console.pages.frame import Frame, frame_context, frame_of, needs, with_needing
from console.pages.live import answers_changes_to, changes_answer, moment_text, shared_texts
from console.pages.shared_answers import shared, tick_number
from core.display import ago_text
from core.errors import HubError
from core.mirror.change_feed import settled_before

MOST_ROWS = 200

sees_attention = needs(VIEW)


@require_GET
@never_cache
@sees_attention
def attention(request: HttpRequest) -> HttpResponse:
    """Show the list, narrowed by the filters of the address."""
    return _page(request, frame_of(request))


def _page(
    request: HttpRequest, frame: Frame, *, problem: tuple[int, str] | None = None, status: int = 200
) -> HttpResponse:
    next_from = settled_before()
    filters = _filters_of(request, frame)
    context = (
        frame_context(frame)
        | _list_context(frame, filters, problem)
        | {
            "next": moment_text(next_from),
            "state": _state_of(frame, filters),
            "severities": [(str(value), label) for value, label in reversed(Severity.choices)],
            "rules": sorted(((rule.name, str(rule.title)) for rule in RULES), key=lambda one: one[1]),
            "texts": shared_texts() | _texts(),
        }
    )
    return render(request, "console/attention.html", context, status=status)


def _changes(request: HttpRequest, _since: datetime, until: datetime) -> HttpResponse:
    """Answer the whole list if anything in it changed, and once a minute, for the times in its sentences."""
    frame = frame_of(request)
    filters = _filters_of(request, frame)
    state = _state_of(frame, filters)
    html = ""
    if request.GET.get("state") != state:
        context = _list_context(frame, filters)
        html = render_to_string("console/attention_list.html", context, request)
    return with_needing(changes_answer(html, until=until, state=state), frame)


changes = answers_changes_to(VIEW, _changes)


class NoteForm(forms.Form):
    note = forms.CharField(max_length=acts.LONGEST_NOTE, required=False)


@never_cache
@sees_attention
@require_POST
def act(request: HttpRequest, item_id: int, what: str) -> HttpResponse:
    """Do something with an item; answers it as it stands then, 409 with the reason why it was not done."""
    if what not in _ACTS:
        raise Http404
    frame = frame_of(request)
    item = get_object_or_404(items_for(frame.user).select_related("organization"), pk=item_id)
    if not frame.user.has_perm(ACT):
        raise PermissionDenied
    problem, status = "", 200
    try:
        _ACTS[what](request, item, acts.Actor(frame.user.get_username(), frame.user), frame.now)
    except HubError as error:
        problem, status = error.detail, error.http_status
    if not request.headers.get("HX-Request"):
        if problem:
            return _page(request, frame, problem=(item_id, problem), status=status)
        return HttpResponseRedirect(_back(request))
    rows = rows_of(AttentionItem.objects.filter(pk=item_id), user=frame.user, now=frame.now)
    context = row_context(frame.user, back=_back(request), is_in_panel="in_panel" in request.POST)
    context |= {"row": rows[0], "problem": (item_id, problem), "done": what}
    return with_needing(render(request, "console/attention_item.html", context, status=status), frame)


def _back(request: HttpRequest) -> str:
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if is_ours else reverse("console:attention")


# --- acts --------------------------------------------------------------------------------------------

_Doing = Callable[[HttpRequest, AttentionItem, acts.Actor, datetime], AttentionItem]


def _take(_request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    return acts.take(item.pk, by=by, now=now)


def _release(_request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    return acts.release(item.pk, by=by, now=now)


def _reopen(_request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    return acts.reopen(item.pk, by=by, now=now)


def _resolve(request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    form = NoteForm(request.POST)
    if not form.is_valid():
        raise NotDone("bad_note", " ".join(map(str, form.errors["note"])))
    return acts.resolve(item.pk, note=form.cleaned_data["note"], by=by, now=now)


def _take_off(_request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    return acts.take_off(item.pk, by=by, now=now)


def _snooze(request: HttpRequest, item: AttentionItem, by: acts.Actor, now: datetime) -> AttentionItem:
    choice = request.POST.get("for", "")
    if choice not in acts.Snooze.values:
        raise BadMoment(_("Choose for how long."))
    until = acts.snooze_end(acts.Snooze(choice), zone=zone_of(item), now=now)
    return acts.snooze(item.pk, until=until, by=by, now=now)


_ACTS: dict[str, _Doing] = {
    "take": _take,
    "release": _release,
    "snooze": _snooze,
    "resolve": _resolve,
    "reopen": _reopen,
    "take-off": _take_off,
}


# --- what is shown -----------------------------------------------------------------------------------


def _filters_of(request: HttpRequest, frame: Frame) -> Filters:
    return Filters.of(request.GET, {one.iiko_id for one in frame.chosen})


def _list_context(
    frame: Frame, filters: Filters, problem: tuple[int, str] | None = None
) -> dict[str, object]:
    items, watch = items_within(frame.user, frame.chosen), _watch(frame)
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
        "warnings": list(_warnings(watch, frame.now)),
        "looked": ago_text(watch.last_at, frame.now) if watch.last_at is not None else "",
    }


def _state_of(frame: Frame, filters: Filters) -> str:
    """Return a checksum of what the list shows: which items, as of which change, the watch, the minute."""
    shown = filters.shown(items_within(frame.user, frame.chosen), frame.user, frame.now)
    rows: Sequence[tuple[int, datetime]] = list(shown.values_list("pk", "updated_at")[: MOST_ROWS + 1])
    watch, minute = _watch(frame), int(frame.now.timestamp() / 60)
    # Where nothing is listed, it says when that was found.
    looked_at = None if rows else watch.last_at
    shown_of_watch = (watch.is_standing_still, watch.failed_rules, looked_at)
    return str(crc32(repr((rows, shown_of_watch, minute)).encode()))


def _watch(frame: Frame) -> WatchState:
    return shared(("watch", tick_number()), lambda: watch_state(frame.now))


def _warnings(watch: WatchState, now: datetime) -> Iterator[str]:
    """Say why the list cannot be believed."""
    if watch.last_at is None:
        yield _("Nobody has looked yet for what needs attention: no worker runs.")
    elif watch.is_standing_still:
        words = _("Nobody looks for what needs attention: the last time was %(ago)s. No worker runs.")
        yield words % {"ago": ago_text(watch.last_at, now)}
    if watch.failed_rules:
        titles = [str(rule.title) for rule in RULES if rule.name in watch.failed_rules]
        words = _("These could not be looked at, and show what they found earlier: %(rules)s.")
        yield words % {"rules": ", ".join(titles)}


def _texts() -> dict[str, object]:
    refused = _("You are signed out, or may not do this any more. Sign in again and reload the page.")
    return {"title": _("Attention"), "refused": refused}
