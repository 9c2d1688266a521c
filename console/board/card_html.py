"""A card as HTML. Written here and not in a template, because a board has a thousand of them.

Every text is escaped where it enters (``escape``). The script of the page moves and colours a card as time
passes, by the moments in its ``data-`` attributes (seconds since 1970).
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import cache
from html import escape

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.board.cards import Card
from console.board.next_step import next_step
from core.display import EMPTY, ago_text, money, offset_text, on_clock, span_text
from orders.admin.display import customer_text, error_text, external_courier_text, status_text, type_text
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization


class CardWriter:
    """Write cards for one answer: at one moment, of these restaurants (by iiko's id)."""

    def __init__(
        self, restaurants: dict[str, Organization], *, now: datetime, kinds: Collection[str] = ()
    ) -> None:
        """``kinds`` are the commands that the person may ask for."""
        self._kinds = kinds
        self._restaurants = restaurants
        self._now = now
        self._zones = {ident: one.zone() for ident, one in restaurants.items()}
        self._is_many_zones = len({one.timezone for one in restaurants.values()}) > 1
        self._url = reverse("console:order", args=[0]).removesuffix("0")
        # A thousand cards share few texts: each is looked up and written once for one answer.
        self._money = cache(money)
        self._left = cache(_left_text)
        self._collect_words = _("collect %(sum)s")
        self._no_courier = f'<span class="muted">{escape(_("no courier"))}</span>'

    def write(self, cards: list[Card]) -> SafeString:
        return SafeString("".join(map(self._card, cards)))

    def _card(self, card: Card) -> str:
        order = card.order
        return (
            f'<article class="card{self._classes(card)}" id="order-{order.pk}" data-id="{order.pk}" '
            f'data-column="{card.column.value}"{moments_html(card)}{" data-new" if card.is_new else ""}>'
            f'<p class="card-top"><a class="card-number" href="{self._url}{order.pk}">'
            f"{escape(str(order))}</a>{self._due(card)}</p>"
            f'<p class="card-what">{self._what(card)}</p>'
            f'<p class="card-who"><span>{self._courier(card)}</span>{self._collect(card)}</p>'
            f"{self._marks(card)}{self._button(card)}</article>"
        )

    def _classes(self, card: Card) -> str:
        if card.leaves_at is not None:
            return " is-over"
        return " is-late" if card.is_late(self._now) else " is-at-risk" if card.is_at_risk(self._now) else ""

    def _due(self, card: Card) -> str:
        if card.leaves_at is not None:
            return f'<span class="card-due">{escape(_outcome(card.order))}</span>'
        if card.promised_at is None:
            words = _("no time promised")
            return f'<span class="card-due">{escape(words)}</span>'
        zone = self._zones[card.order.organization_id]
        local = f"{on_clock(card.promised_at, zone):%H:%M}"
        if self._is_many_zones:
            local = f"{local} {offset_text(card.promised_at, zone)}"
        due = escape(self._left(_shown_part(card.promised_at - self._now)))
        return f'<span class="card-due" data-tick>{due}</span><span class="card-clock">{local}</span>'

    def _what(self, card: Card) -> str:
        order = card.order
        parts = [_place(order)]
        if order.customer:
            parts.append(customer_text(order.customer))
        if len(self._restaurants) > 1:
            parts.append(self._restaurants[order.organization_id].name)
        return escape(" · ".join(part for part in parts if part not in ("", EMPTY)))

    def _courier(self, card: Card) -> str:
        order = card.order
        if order.has_external_courier:
            return escape(external_courier_text(order))
        if order.courier_name or order.courier_id:
            return escape(order.courier_name or _("courier"))
        if not card.needs_courier:
            return ""
        if card.cooked_at is None or card.cooked_at > self._now:
            return self._no_courier
        words = _("no courier for %(span)s") % {"span": span_text(self._now - card.cooked_at)}
        since = int(card.cooked_at.timestamp())
        return f'<strong class="no-courier" data-since="{since}">{escape(words)}</strong>'

    def _collect(self, card: Card) -> str:
        if not card.to_collect_minor:
            return ""
        currency = self._restaurants[card.order.organization_id].currency
        words = self._collect_words % {"sum": self._money(card.to_collect_minor, currency)}
        return f'<span class="card-sum">{escape(words)}</span>'

    def _marks(self, card: Card) -> str:
        marks = "".join(
            f'<li class="mark is-{kind}" title="{escape(title)}">{escape(words)}</li>'
            for kind, title, words in _marks_of(card, self._now)
        )
        return f'<ul class="marks">{marks}</ul>' if marks else ""

    def _button(self, card: Card) -> str:
        step = next_step(card)
        if step is None:
            return ""
        title = escape(str(step.title))
        if step.status is not None and CommandKind.UPDATE_STATUS in self._kinds:
            status = step.status.value
            return f'<button class="card-next" type="button" data-next="{status}">{title}</button>'
        if step.status is None and CommandKind.ASSIGN_COURIER in self._kinds:
            url = f"{self._url}{card.order.pk}/actions/courier"
            return f'<a class="card-next" href="{url}">{title}</a>'
        return ""


def due_text(promised: datetime, now: datetime) -> str:
    """Write how long there is until a promise: ``in 12 min``, or ``−5 min`` once it has passed."""
    return _left_text(promised - now)


def _left_text(left: timedelta) -> str:
    if left < timedelta():
        return f"\N{MINUS SIGN}{span_text(-left)}"
    return _("in %(span)s") % {"span": span_text(left)}


def _shown_part(left: timedelta) -> timedelta:
    """Leave out what ``_left_text`` does not show, so that few lengths are written."""
    step = 1 if abs(left) < timedelta(minutes=1) else 60
    return timedelta(seconds=int(left.total_seconds() / step) * step)


def moments_html(card: Card) -> str:
    """Write the moments by which the script moves and colours a card."""
    moments = (
        ("due", card.promised_at),
        ("risk", card.at_risk_from),
        ("leaves", card.leaves_at),
        ("unfolds", card.unfolds_at),
    )
    return "".join(f' data-{name}="{int(at.timestamp())}"' for name, at in moments if at is not None)


def _outcome(order: Order) -> str:
    return _("deleted in iiko") if order.is_deleted else status_text(str(order.status))


def _place(order: Order) -> str:
    address = order.address or {}
    return str(order.delivery_zone or address.get("street") or address.get("line1") or type_text(order))


def _marks_of(card: Card, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Yield the kind of each mark, its tooltip and its words."""
    order = card.order
    if order.is_refused:
        yield "bad", error_text(order.error_info), _("not taken by the POS")
    elif order.status is None and order.raw_status:
        yield "bad", order.raw_status, _("unknown status")
    elif order.status is None:
        yield "info", "", _("being passed to the POS")
    if order.problem is not None:
        yield "warn", order.problem, _("problem")
    if card.duplicate is not None:
        same = _("The same phone, sum and restaurant as %(order)s.") % {"order": card.duplicate}
        yield "warn", same, _("twice?")
    for command in card.commands:
        yield _command_mark(command, now)
    if order.comment:
        yield "note", order.comment, _("comment")


def _command_mark(command: OrderCommand, now: datetime) -> tuple[str, str, str]:
    what = str(command.get_kind_display())
    if command.is_final:
        kind = "warn" if command.state == CommandState.EXPIRED else "bad"
        words = _("%(what)s: %(state)s")
        return kind, command.error, words % {"what": what, "state": command.get_state_display()}
    age = max(now - command.created_at, timedelta(0))
    words = _("%(what)s: waits for %(span)s") % {"what": what, "span": span_text(age)}
    return "info", ago_text(command.created_at, now), words
