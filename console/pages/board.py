"""The board and what changed on it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zlib import crc32

from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console.board.card_html import CardWriter
from console.board.cards import Card
from console.board.columns import HINTS, Column
from console.board.restaurants import RestaurantState, restaurant_states
from console.board.selector import MOST_CARDS, board_cards, cards_by_id, changed_cards
from console.models import SeenOrder
from console.pages.frame import Frame, frame_context, frame_of, sees_orders
from core.database import db_clock
from core.errors import HubError
from core.mirror.change_feed import settled_before
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.status import StatusParams, UpdateStatus
from orders.admin.action_views import requester_of
from orders.admin.command_display import refusal_text
from orders.admin.forms import FORMS
from orders.commands.idempotency import once
from orders.commands.submission import request as request_action
from orders.models.command import CommandKind
from orders.models.order import Order, Status
from orders.permissions import may_request

NEXT_HEADER = "X-Board-Next"
"""From which moment to ask for changes next."""
STATE_HEADER = "X-Board-State"
"""A checksum of what stands above the cards; sent back, so that it comes again only when it changed."""


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
        "open": sum(card.leaves_at is None for card in cards),
        "next": _moment_text(next_from),
        "states": states,
        "state": _checksum(states),
        "has_more": len(cards) > MOST_CARDS,
        "most_cards": MOST_CARDS,
        "texts": _texts(),
        "acts": " ".join(form.slug for form in FORMS.values() if form.action.kind in frame.kinds),
    }
    return render(request, "console/board.html", context)


@require_GET
@never_cache
def changes(request: HttpRequest) -> HttpResponse:
    """Answer the cards that changed since a moment; 204 for none, 401 when nobody is signed in."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    if not request.user.has_perm("orders.view_order"):
        return HttpResponse(status=403)
    since = _moment(request.GET.get("since", ""))
    if since is None:
        return HttpResponseBadRequest(_("Name the moment that the last answer named."))
    frame = frame_of(request)
    cards, gone, until = changed_cards(frame.chosen, since=since, now=frame.now)
    states = restaurant_states(frame.chosen, frame.now)
    is_news = bool(cards or gone) or request.GET.get("state") != _checksum(states)
    response = HttpResponse(_fragments(cards, gone, states, frame)) if is_news else HttpResponse(status=204)
    response[NEXT_HEADER] = _moment_text(until)
    response[STATE_HEADER] = _checksum(states)
    return response


@require_POST
@sees_orders
def seen(request: HttpRequest, number: int) -> HttpResponse:
    """Mark a new order as seen by somebody; a second mark changes nothing."""
    orders = Order.objects.filter(pk=number).values_list("pk", flat=True)
    marks = [
        SeenOrder(order_id=pk, seen_by=request.user.get_username(), seen_at=db_clock.now()) for pk in orders
    ]
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
        return HttpResponse(refusal_text(error), status=409, content_type="text/plain; charset=utf-8")
    cards = cards_by_id(frame.chosen, [order.pk], frame.now)
    return HttpResponse(_writer(frame).write(cards))


def _texts() -> dict[str, object]:
    """Return what the script says as time passes; ``orders`` by the plural forms of the language."""
    numbers = {"one": 1, "few": 2, "many": 5, "other": 2}
    return {
        "s": _("%(count)d s"),
        "min": _("%(count)d min"),
        "h": _("%(count)d h"),
        "d": _("%(count)d d"),
        "in": _("in %(span)s"),
        "no_courier": _("no courier for %(span)s"),
        "orders": {
            form: ngettext("%(open)s order", "%(open)s orders", number) for form, number in numbers.items()
        },
        "no_answer": _("No answer from the hub. Nothing is known yet: press again, it is asked once."),
        "stale": _("No answer from the hub. What you see is from %(time)s."),
        "signed_out": _("You are signed out. What you see is old."),
        "sign_in": _("Sign in again"),
        "forbidden": _("You may no longer see orders. Ask an administrator."),
    }


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
                "cards": writer.write(shown),
                "folded": writer.write(folded),
                "folded_count": len(folded),
            }
        )
    return columns


def _writer(frame: Frame) -> CardWriter:
    return CardWriter({one.iiko_id: one for one in frame.chosen}, now=frame.now, kinds=frame.kinds)


def _fragments(
    cards: list[Card], gone: Sequence[int], states: Sequence[RestaurantState], frame: Frame
) -> SafeString:
    above = render_to_string("console/restaurants.html", {"states": states})
    left = format_html('<template data-gone="{}"></template>', " ".join(map(str, gone)))
    return _writer(frame).write(cards) + left + above


def _checksum(states: Sequence[RestaurantState]) -> str:
    shown = [(state.organization.pk, state.light, state.warnings) for state in states]
    return str(crc32(repr(shown).encode()))


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
