"""A card as HTML. Written here and not in a template, because a board has a thousand of them.

Every text is escaped where it enters (``escape``). The script of the page moves and colours a card as time
passes, by the moments in its ``data-`` attributes (seconds since 1970).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext as _

from console.board.cards import Card, card_without_people, keep
from console.board.next_step import next_step
from console.board.written import Draft, Hole, Moment, Written
from core.display import EMPTY, ago_text, money, offset_text, on_clock
from iiko_client.vendor_time import zone
from orders.admin.display import customer_text, error_text, external_courier_text, status_text, type_text
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization


class Place(NamedTuple):
    """What cards show of a restaurant."""

    iiko_id: str
    name: str
    currency: str
    timezone: str


def places_of(restaurants: Iterable[Organization]) -> tuple[Place, ...]:
    return tuple(Place(one.iiko_id, one.name, one.currency, one.timezone) for one in restaurants)


def card_writer(
    restaurants: Iterable[Organization], kinds: Iterable[str], *, shows_people: bool
) -> "CardWriter":
    """Return who writes the cards of these restaurants for people who may ask for these commands.

    It is one for all answers, so that each card is written once.
    """
    return _card_writer(places_of(restaurants), frozenset(kinds), shows_people, get_language())


@lru_cache(64)
def _card_writer(
    places: Sequence[Place], kinds: Collection[str], shows_people: bool, _language: str
) -> "CardWriter":
    return CardWriter(places, kinds, shows_people=shows_people)


class CardWriter:
    """Write cards, each once: what a card looks like depends on the card, the writer, and the moment alone.

    A writer serves one language. Many threads share it.
    """

    def __init__(self, places: Sequence[Place], kinds: Collection[str] = (), *, shows_people: bool) -> None:
        self._kinds = kinds
        self._shows_people = shows_people
        self._places = {one.iiko_id: one for one in places}
        self._zones = {one.iiko_id: zone(one.timezone) for one in places}
        self._is_many_zones = len({one.timezone for one in places}) > 1
        self._url = reverse("console:order", args=[0]).removesuffix("0")
        # A thousand cards share few sums.
        self._money = lru_cache(1_000)(money)
        self._collect_words = escape(_("collect %(sum)s"))

    def write(self, cards: Iterable[Card], now: datetime) -> SafeString:
        moment = Moment(now)
        return SafeString("".join([self._written(card).at(moment) for card in cards]))

    def _written(self, card: Card) -> Written:
        written = card.written.get(self)
        if written is None:
            draft, shown = Draft(), card if self._shows_people else card_without_people(card)
            written = draft.finish(self._card(shown, draft))
            keep(card.written, self, written)
        return written

    def _card(self, card: Card, draft: Draft) -> str:
        order = card.order
        return (
            f'<article class="card{self._classes(card, draft)}" id="order-{order.pk}" data-id="{order.pk}" '
            f'data-column="{card.column.value}"{moments_html(card)}{_new(card, draft)}>'
            f'<p class="card-top"><a class="card-number" href="{self._url}{order.pk}">'
            f"{escape(str(order))}</a>{self._due(card, draft)}</p>"
            f'<p class="card-what">{self._what(card)}</p>'
            f'<p class="card-who"><span>{self._courier(card, draft)}</span>{self._collect(card)}</p>'
            f"{self._marks(card, draft)}{self._button(card)}</article>"
        )

    def _classes(self, card: Card, draft: Draft) -> str:
        if card.leaves_at is not None:
            return " is-over"
        return draft.hole(_lateness(card.promised_at, card.at_risk_from))

    def _due(self, card: Card, draft: Draft) -> str:
        if card.leaves_at is not None:
            return f'<span class="card-due">{escape(_outcome(card.order))}</span>'
        if card.promised_at is None:
            words = _("no time promised")
            return f'<span class="card-due">{escape(words)}</span>'
        zone_ = self._zones[card.order.organization_id]
        local = f"{on_clock(card.promised_at, zone_):%H:%M}"
        clock = f'<span class="card-clock">{local}</span>'
        if self._is_many_zones:
            offset = offset_text(card.promised_at, zone_)
            clock = (
                f'<span class="card-clock" title="{local} {offset}">{local}'
                f'<span class="card-offset"> {offset}</span></span>'
            )
        due_s = card.promised_at.timestamp()
        due = draft.hole(lambda moment: moment.left(due_s))
        return f'<span class="card-due" data-tick>{due}</span>{clock}'

    def _what(self, card: Card) -> str:
        order = card.order
        parts = [_place(order)]
        if order.customer:
            parts.append(customer_text(order.customer))
        if len(self._places) > 1:
            parts.append(self._places[order.organization_id].name)
        return escape(" · ".join(part for part in parts if part not in ("", EMPTY)))

    def _courier(self, card: Card, draft: Draft) -> str:
        order = card.order
        if order.has_external_courier:
            return escape(external_courier_text(order))
        if order.courier_name or order.courier_id:
            return escape(order.courier_name or _("courier"))
        if not card.needs_courier:
            return ""
        return _no_courier() if card.cooked_at is None else draft.hole(_waits_for_courier(card.cooked_at))

    def _collect(self, card: Card) -> str:
        if not card.to_collect_minor:
            return ""
        currency = self._places[card.order.organization_id].currency
        before, _sum, after = self._collect_words.partition("%(sum)s")
        amount = escape(self._money(card.to_collect_minor, currency))
        return f'<span class="card-sum"><span class="card-collect">{before}</span>{amount}{after}</span>'

    def _marks(self, card: Card, draft: Draft) -> str:
        marks = "".join(_marks_of(card, draft))
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


def _lateness(promised_at: datetime | None, at_risk_from: datetime | None) -> Hole:
    def fill(moment: Moment) -> str:
        if promised_at is not None and promised_at < moment.now:
            return " is-late"
        return " is-at-risk" if at_risk_from is not None and at_risk_from <= moment.now else ""

    return fill


def _new(card: Card, draft: Draft) -> str:
    until = card.rings_until
    if until is None:
        return ""
    return draft.hole(lambda moment: " data-new" if moment.now <= until else "")


def _no_courier() -> str:
    words = _("no courier")
    return f'<span class="muted">{escape(words)}</span>'


def _waits_for_courier(cooked_at: datetime) -> Hole:
    def fill(moment: Moment) -> str:
        if cooked_at > moment.now:
            return _no_courier()
        words = _("no courier for %(span)s") % {"span": moment.since(cooked_at)}
        return (
            f'<strong class="no-courier" data-since="{int(cooked_at.timestamp())}">{escape(words)}</strong>'
        )

    return fill


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
    if order.is_deleted:
        return _("deleted in iiko")
    # What it was last says nothing of what became of it.
    return _("Unknown to iiko") if order.unknown_to_iiko_at is not None else status_text(str(order.status))


def _place(order: Order) -> str:
    address = order.address or {}
    return str(order.delivery_zone or address.get("street") or address.get("line1") or type_text(order))


def _marks_of(card: Card, draft: Draft) -> Iterator[str]:
    order = card.order
    if order.is_refused:
        yield _mark("bad", error_text(order.error_info), _("not taken by the POS"))
    elif order.status is None and order.raw_status:
        yield _mark("bad", order.raw_status, _("unknown status"))
    elif order.status is None:
        yield _mark("info", "", _("being passed to the POS"))
    if order.problem is not None:
        yield _mark("warn", order.problem, _("problem"))
    if card.duplicate:
        same = _("The same phone, sum and restaurant as %(order)s.") % {"order": card.duplicate}
        yield _mark("warn", same, _("twice?"))
    for command in card.commands:
        yield _ended_mark(command) if command.is_final else draft.hole(_waiting_mark(command))
    if order.comment:
        yield _mark("note", order.comment, _("comment"))


def _mark(kind: str, title: str, words: str) -> str:
    return f'<li class="mark is-{kind}" title="{escape(title)}">{escape(words)}</li>'


def _ended_mark(command: OrderCommand) -> str:
    kind = "warn" if command.state == CommandState.EXPIRED else "bad"
    words = {"what": command.get_kind_display(), "state": command.get_state_display()}
    return _mark(kind, command.error, _("%(what)s: %(state)s") % words)


def _waiting_mark(command: OrderCommand) -> Hole:
    what, since = command.get_kind_display(), command.created_at

    def fill(moment: Moment) -> str:
        words = _("%(what)s: waits for %(span)s") % {"what": what, "span": moment.since(since)}
        return _mark("info", ago_text(since, moment.now), words)

    return fill
