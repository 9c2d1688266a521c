"""The board and what changed on it."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db.models import F, Max
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from audit.trail import note_refusal
from console.board.card_html import CardWriter, card_writer
from console.board.cards import Card
from console.board.columns import HINTS, Column
from console.board.restaurants import restaurant_states
from console.board.selector import MOST_CARDS, board_cards, cards_by_id, changed_cards
from console.models import SeenOrder
from console.pages.frame import Frame, frame_context, frame_of, needing_of, sees_orders, with_needing
from console.pages.live import (
    FORMS_OF_NUMBERS,
    News,
    answers_changes,
    changes_answer,
    gone_html,
    moment_text,
    page_state,
    restaurants_html,
    shared_texts,
    states_of,
)
from console.pages.shared_answers import shared
from core.access import visible_to
from core.database import db_clock
from core.errors import HubError
from core.mirror.change_feed import settled_before
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.status import StatusParams, UpdateStatus
from orders.admin.action_views import requester_of
from orders.admin.command_display import refusal_text
from orders.commands.idempotency import once
from orders.commands.submission import request as request_action
from orders.models.command import CommandKind
from orders.models.order import Order, Status
from orders.permissions import may_request


@require_GET
@never_cache
@sees_orders
def board(request: HttpRequest) -> HttpResponse:
    """Show the whole board of the chosen restaurants."""
    # Taken before the board is read, so that no change falls between the two.
    next_from = settled_before()
    frame = frame_of(request)
    cards = board_cards(frame.chosen, frame.now)
    states = restaurant_states(frame.chosen, frame.now)
    context = frame_context(frame) | {
        "columns": _columns(cards[:MOST_CARDS], frame),
        "next": moment_text(next_from),
        "states": states,
        "state": page_state(frame, states),
        "has_more": len(cards) > MOST_CARDS,
        "most_cards": MOST_CARDS,
        "texts": _texts(),
    }
    return render(request, "console/board.html", context)


@answers_changes
def changes(request: HttpRequest, frame: Frame, since: datetime, until: datetime) -> HttpResponse:
    """Answer the cards that changed since a moment; 204 for none."""
    news = shared(("board", frame.key, since, until), lambda: _news(frame, since, until))
    states = states_of(frame)
    state = page_state(frame, states)
    above = restaurants_html(states) if request.GET.get("state") != state else ""
    answer = changes_answer(request, news, around=above, until=until, state=state)
    return with_needing(answer, needing_of(frame))


def _news(frame: Frame, since: datetime, until: datetime) -> News:
    cards, gone = changed_cards(frame.chosen, since=since, until=until, now=frame.now)
    return News.of(_writer(frame).write(cards, frame.now) + gone_html(gone) if cards or gone else "")


@require_POST
@sees_orders
def seen(request: HttpRequest, number: int) -> HttpResponse:
    """Mark a new order as seen by somebody; a second mark changes nothing."""
    orders = visible_to(request.user, Order.objects.filter(pk=number)).values(
        "organization_id", order_id=F("pk")
    )
    by = request.user.get_username()
    marks = [SeenOrder(**order, seen_by=by, seen_at=db_clock.now()) for order in orders]
    SeenOrder.objects.bulk_create(marks, ignore_conflicts=True)
    return HttpResponse(status=204)


@require_POST
@sees_orders
def take_next_step(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the status of a card's button; answers the card, or 409 with the reason in words.

    The same press twice asks once, until that command has ended: the next press is a new request.
    """
    frame = frame_of(request)
    if not may_request(request.user, CommandKind.UPDATE_STATUS):
        raise PermissionDenied
    status = request.POST.get("status", "")
    order = get_object_or_404(Order, pk=number, organization__in=frame.every)
    if status not in Status.values:
        return HttpResponseBadRequest(_("There is no such status."))
    ended = order.commands.filter(finished_at__isnull=False).aggregate(last=Max("pk"))["last"]
    by, key = requester_of(request), f"next:{order.pk}:{status}:{ended}"
    asked = StatusParams(DeliveryStatus(status))
    try:
        once(
            lambda: request_action(UpdateStatus(), asked, order_id=order.pk, by=by, now=frame.now),
            owner=by.owner,
            key=key,
            fingerprint=key,
            now=frame.now,
        )
    except HubError as error:
        note_refusal(error.code)
        return HttpResponse(refusal_text(error), status=409, content_type="text/plain; charset=utf-8")
    cards = cards_by_id(frame.chosen, [order.pk], frame.now)
    return HttpResponse(_writer(frame).write(cards, frame.now))


def _texts() -> dict[str, object]:
    """Return what the script says as time passes; ``orders`` by the plural forms of the language."""
    orders = {
        form: ngettext("%(open)s order", "%(open)s orders", number)
        for form, number in FORMS_OF_NUMBERS.items()
    }
    return shared_texts() | {"orders": orders}


def _columns(cards: Sequence[Card], frame: Frame) -> list[dict[str, object]]:
    writer = _writer(frame)
    columns = []
    for column in Column:
        own = [card for card in cards if card.column == column]
        folded = [card for card in own if card.is_folded(frame.now)]
        shown = [card for card in own if not card.is_folded(frame.now)]
        columns.append(
            {
                "name": column.value,
                "title": column.label,
                "hint": HINTS[column],
                "count": len(shown),
                "cards": writer.write(shown, frame.now),
                "folded": writer.write(folded, frame.now),
                "folded_count": len(folded),
            }
        )
    return columns


def _writer(frame: Frame) -> CardWriter:
    return card_writer(frame.chosen, frame.kinds, shows_people=frame.shows_people)
