"""What people do with items of the attention list, on its page and in the panel of an order.

Each answer is the item as it stands then: for the page's script alone, else a page of its own, so that
everything works without the script, too.
"""

from collections.abc import Callable
from datetime import datetime

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from attention import acts
from attention.access import ACT, items_for
from attention.errors import BadMoment, NotDone
from attention.models.items import AttentionItem
from attention.words import zone_of
from audit.trail import note_refusal
from console.attention.rows import row_context, rows_of
from console.pages.attention import sees_attention, show_list
from console.pages.frame import frame_of, fresh_needing, with_needing
from core.errors import HubError


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
        note_refusal(error.code)
        problem, status = error.detail, error.http_status
    if not request.headers.get("HX-Request"):
        if problem:
            return show_list(request, frame, problem=(item_id, problem), status=status)
        return HttpResponseRedirect(_back(request))
    rows = rows_of(AttentionItem.objects.filter(pk=item_id), user=frame.user, now=frame.now)
    context = row_context(frame.user, back=_back(request), is_in_panel="in_panel" in request.POST)
    context |= {"row": rows[0], "problem": (item_id, problem), "done": what}
    answer = render(request, "console/attention_item.html", context, status=status)
    return with_needing(answer, fresh_needing(frame))


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
