"""The dispatch page: orders that need a courier, and couriers with what they carry."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console.board.card_html import card_writer
from console.board.cards import Card
from console.board.restaurants import restaurant_states
from console.board.selector import MOST_CARDS, cards_by_id as board_cards_by_id
from console.dispatch.assignment import assign
from console.dispatch.blocks import Block, blocks_of
from console.dispatch.courier_html import CourierWriter
from console.dispatch.order_html import OrderWriter, order_writer, stage_texts
from console.dispatch.selector import (
    Scope,
    cards_by_id,
    changed_cards,
    dispatch_cards,
    scope_of,
)
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
from core.mirror.change_feed import settled_before
from orders.admin.action_views import AT_ONCE, requester_of
from orders.models.command import CommandKind
from orders.models.order import Order
from organizations.shifts.duty import CourierOnDuty, OnShift, couriers_of

ASKS_HEADER = "X-Dispatch-Asks"
"""Beside a 409: the same request goes through with ``sure``, once the person has agreed."""

KEYS = "123456789"


@require_GET
@never_cache
@sees_orders
def dispatch(request: HttpRequest) -> HttpResponse:
    """Show the orders and the couriers of the chosen restaurants."""
    # Taken before anything is read, so that no change falls between the two.
    next_from = settled_before()
    frame = frame_of(request)
    scope = scope_of(frame.every, frame.chosen)
    cards = dispatch_cards(scope, frame.now)
    states = restaurant_states(frame.chosen, frame.now)
    shown = cards[:MOST_CARDS]
    context = (
        frame_context(frame)
        | _orders_context(shown, frame)
        | _couriers_context(_blocks(scope, shown, frame), frame)
        | {
            "states": states,
            "state": page_state(frame, states, scope.couriers),
            "next": moment_text(next_from),
            "has_more": len(cards) > MOST_CARDS,
            "most_cards": MOST_CARDS,
            "may_assign": _may_assign(frame),
            "texts": _texts(),
        }
    )
    return render(request, "console/dispatch.html", context)


@answers_changes
def changes(request: HttpRequest, frame: Frame, since: datetime, until: datetime) -> HttpResponse:
    """Answer the orders that changed since a moment, and the couriers when any of these did."""
    scope = shared(("scope", frame.key, until), lambda: scope_of(frame.every, frame.chosen))
    news = shared(("dispatch", frame.key, since, until), lambda: _news(scope, frame, since, until))
    states = states_of(frame)
    state = page_state(frame, states, scope.couriers)
    around = ""
    if request.GET.get("state") != state:
        # The script moves the orders into the new blocks.
        context = _couriers_context(_blocks(scope, (), frame), frame)
        couriers = render_to_string("console/dispatch_couriers.html", context, request)
        around = restaurants_html(states) + couriers
    answer = changes_answer(request, news, around=around, until=until, state=state)
    return with_needing(answer, needing_of(frame))


def _news(scope: Scope, frame: Frame, since: datetime, until: datetime) -> News:
    cards, gone = changed_cards(scope, since=since, until=until, now=frame.now)
    return News.of(_writer(frame).write(cards, frame.now) + gone_html(gone) if cards or gone else "")


@require_GET
@never_cache
@sees_orders
def couriers(request: HttpRequest) -> HttpResponse:
    """Show the couriers to choose from for some orders: those whom iiko allows in all their restaurants."""
    frame = frame_of(request)
    orders = _orders(request.GET, frame)
    needed = {order.organization_id for order in orders}
    scope = scope_of(frame.every, frame.every)
    blocks = _blocks(scope, dispatch_cards(scope, frame.now), frame)
    allowed = [block for block in blocks if block.courier and needed <= set(block.courier.organization_ids)]
    # Those off shift have keys only where there is nobody else.
    listed = [block for block in allowed if not block.is_folded] or allowed
    for digit, block in zip(KEYS, listed, strict=False):
        block.digit = digit
    context = _couriers_context(allowed, frame) | {
        "orders": orders,
        "is_many": len(needed) > 1,
    }
    return render(request, "console/dispatch_choice.html", context)


@require_POST
@sees_orders
def assign_orders(request: HttpRequest) -> HttpResponse:
    """Give orders to a courier, or with an empty one take them off; answers the cards, and why not.

    409 asks before a courier who is off shift gets them; nothing is requested by then.
    """
    frame = frame_of(request)
    if not _may_assign(frame):
        raise PermissionDenied
    orders = _orders(request.POST, frame)
    if not orders or len(orders) > AT_ONCE:
        words = _("Choose from 1 to %(count)d orders.") % {"count": AT_ONCE}
        return HttpResponseBadRequest(words, content_type="text/plain; charset=utf-8")
    named = request.POST.get("courier")
    courier = None if named == "" else _courier(named or "", frame)
    if courier is not None and courier.is_off_shift and "sure" not in request.POST:
        words = _("%(courier)s is not on shift. Assign all the same?") % {"courier": courier.name}
        answer = HttpResponse(words, status=409, content_type="text/plain; charset=utf-8")
        answer[ASKS_HEADER] = "sure"
        return answer
    courier_id = courier.iiko_id if courier is not None else None
    reasons = assign(orders, courier_id=courier_id, by=requester_of(request), now=frame.now)
    refused = format_html_join("", '<template data-refused="{}">{}</template>', reasons.items())
    return HttpResponse(_fresh_cards(request, orders, frame) + refused)


def _may_assign(frame: Frame) -> bool:
    return CommandKind.ASSIGN_COURIER in frame.kinds


def _orders(named: QueryDict, frame: Frame) -> list[Order]:
    """Read the orders that a request names, of the person's restaurants alone.

    Raises:
        Http404: one of them is not there, or not this person's to see; nothing is done with the others.
    """
    numbers = {int(text) for text in named.getlist("order") if text.isdecimal() and len(text) < 19}
    found = Order.objects.filter(pk__in=numbers, organization__in=frame.every).order_by("promised_time", "id")
    orders = list(found)
    if len(orders) != len(set(named.getlist("order"))):
        raise Http404
    return orders


def _courier(iiko_id: str, frame: Frame) -> CourierOnDuty:
    for courier in couriers_of(one.iiko_id for one in frame.every):
        if courier.iiko_id == iiko_id:
            return courier
    raise Http404


def _fresh_cards(request: HttpRequest, orders: Sequence[Order], frame: Frame) -> SafeString:
    ids = [order.pk for order in orders]
    if "board" in request.POST:
        writer = card_writer(frame.chosen, frame.kinds, shows_people=frame.shows_people)
        return writer.write(board_cards_by_id(frame.chosen, ids, frame.now), frame.now)
    cards = cards_by_id(scope_of(frame.every, frame.chosen), ids, frame.now)
    return _writer(frame).write(cards, frame.now)


def _texts() -> dict[str, object]:
    """Return what the script says: the shared words and those of this page."""
    forms = FORMS_OF_NUMBERS.items()
    waiting = {
        form: ngettext("%(open)s order without a courier", "%(open)s orders without a courier", number)
        for form, number in forms
    }
    on_hand = {form: ngettext("%(count)d order", "%(count)d orders", number) for form, number in forms}
    return {
        **shared_texts(),
        **stage_texts(),
        "orders": waiting,
        "on_hand": on_hand,
        "free": _("free"),
        "next_due": _("next due %(due)s"),
        "asked_of": _("asked: %(count)d"),
        "tick_first": _("Tick orders first, then choose their courier."),
    }


def _writer(frame: Frame) -> OrderWriter:
    return order_writer(
        frame.every,
        is_many=len(frame.chosen) > 1,
        may_assign=_may_assign(frame),
        shows_people=frame.shows_people,
    )


def _orders_context(cards: Iterable[Card], frame: Frame) -> dict[str, object]:
    """Sort the orders that need a courier into groups; pre-orders are folded after them."""
    writer = _writer(frame)
    groups: dict[tuple[str, str], list[Card]] = {}
    later = []
    for card in cards:
        if card.needs_courier and card.is_folded(frame.now):
            later.append(card)
        elif card.needs_courier:
            groups.setdefault(writer.group_of(card), []).append(card)
    return {
        "groups": [
            {"key": key, "title": title, "cards": writer.write(own, frame.now), "count": len(own)}
            for (key, title), own in sorted(groups.items())
        ],
        "waiting": sum(map(len, groups.values())),
        "later": writer.write(later, frame.now),
        "later_count": len(later),
    }


def _blocks(scope: Scope, cards: Iterable[Card], frame: Frame) -> list[Block]:
    return blocks_of(scope, cards, writer=_writer(frame), now=frame.now)


def _couriers_context(blocks: Sequence[Block], frame: Frame) -> dict[str, object]:
    known = [block for block in blocks if block.courier]
    writer = CourierWriter(may_assign=_may_assign(frame), names_restaurants=len(frame.chosen) > 1)
    return {
        "blocks": [block for block in blocks if not block.is_folded],
        "couriers": writer.write(block for block in blocks if not block.is_folded),
        "couriers_off": writer.write(block for block in blocks if block.is_folded),
        "new_courier": writer.write([Block("", "")]),
        "off_shift": [block for block in blocks if block.is_folded],
        "on_shift_count": sum(not block.is_off_shift for block in known),
        "are_none_known": not known,
        "is_nobody_on_shift": bool(known) and all(block.is_off_shift for block in known),
        "are_shifts_unknown": any(
            block.courier.on_shift is OnShift.UNKNOWN for block in known if block.courier
        ),
        "are_many": len(frame.chosen) > 1,
        "may_assign": _may_assign(frame),
    }
