"""An order on the dispatch page as HTML: the board's card with a tick, its stage, and what was asked.

``data-group`` names its place among those that need a courier, ``data-courier`` who has it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape

from django.utils.translation import get_language, gettext as _

from console.board.card_html import CardWriter, Place, moments_html, places_of
from console.board.cards import Card
from console.board.columns import Column
from console.board.written import Draft, Hole, Moment
from console.dispatch.outcomes import Outcome, Result, outcome_of
from console.dispatch.selector import courier_key
from core.values.name_keys import fold
from orders.admin.display import status_text
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization


def order_writer(
    every: Iterable[Organization], *, is_many: bool, may_assign: bool, shows_people: bool
) -> "OrderWriter":
    """Return who writes orders for such people: one for all answers, so that each card is written once.

    ``every`` restaurant that may appear; ``is_many``: several are chosen, so groups name them.
    """
    return _order_writer(places_of(every), is_many, may_assign, shows_people, get_language())


@lru_cache(64)
def _order_writer(
    places: Sequence[Place], is_many: bool, may_assign: bool, shows_people: bool, _language: str
) -> "OrderWriter":
    return OrderWriter(places, is_many=is_many, may_assign=may_assign, shows_people=shows_people)


class OrderWriter(CardWriter):
    """Write orders; only who may assign gets ticks and orders that can be dragged."""

    def __init__(
        self, places: Sequence[Place], *, is_many: bool, may_assign: bool, shows_people: bool
    ) -> None:
        super().__init__(places, shows_people=shows_people)
        self._ranks = {one.iiko_id: rank for rank, one in enumerate(places)}
        self._is_many = is_many
        self._may_assign = may_assign

    def group_of(self, card: Card) -> tuple[str, str]:
        """Return the key by which the groups stand in order, and the title: restaurant and zone."""
        restaurant = self._places[card.order.organization_id]
        zone = card.order.delivery_zone or ""
        key = f"{self._ranks[restaurant.iiko_id]:04}|{fold(zone) if zone else chr(0xFFFF)}"
        title = zone or _("No zone")
        return key, f"{restaurant.name} · {title}" if self._is_many else title

    def _card(self, card: Card, draft: Draft) -> str:
        order = card.order
        command = card.commands[-1] if card.commands else None
        drag = ' draggable="true"' if self._may_assign else ""
        return (
            f'<article class="card order{self._classes(card, draft)}" id="order-{order.pk}" '
            f'data-id="{order.pk}" data-restaurant="{escape(order.organization_id)}"{self._place(card)}'
            f"{draft.hole(_asked(order, command)) if command else ''}{moments_html(card)}{drag}>"
            f'<p class="card-top">{self._tick(card)}<a class="card-number" draggable="false" '
            f'data-panel="{order.pk}" href="{self._url}{order.pk}">{escape(str(order))}</a>'
            f"{self._due(card, draft)}</p>"
            f'<p class="card-what"><span>{self._where(card)}</span>{self._flags()}</p>'
            f'<p class="card-who"><span>{self._stage(card, draft)}</span>{self._collect(card)}</p>'
            f"{draft.hole(_told(order, command)) if command else ''}</article>"
        )

    def _place(self, card: Card) -> str:
        if card.needs_courier:
            key, title = self.group_of(card)
            return f' data-group="{escape(key)}" data-title="{escape(title)}"'
        name = card.order.courier_name or card.order.courier_id or ""
        return f' data-courier="{escape(courier_key(card.order))}" data-name="{escape(name)}"'

    def _tick(self, card: Card) -> str:
        if not self._may_assign:
            return ""
        title = escape(_("Tick %(order)s") % {"order": card.order})
        return f'<label class="tick"><input type="checkbox" name="tick" aria-label="{title}"></label>'

    def _flags(self) -> str:
        late, risk = escape(_("late")), escape(_("may be late"))
        return f'<span class="flag is-bad">{late}</span><span class="flag is-warn">{risk}</span>'

    def _where(self, card: Card) -> str:
        order, address = card.order, card.order.address or {}
        street = " ".join(str(address[part]) for part in ("street", "house") if address.get(part))
        parts = [street or str(address.get("line1") or order.delivery_zone or "")]
        if not card.needs_courier and order.delivery_zone and street:
            parts.insert(0, order.delivery_zone)
        if not card.needs_courier and len(self._places) > 1:
            parts.append(self._places[order.organization_id].name)
        return escape(" · ".join(part for part in parts if part))

    def _stage(self, card: Card, draft: Draft) -> str:
        order = card.order
        if card.column is Column.READY and order.when_cooking_completed:
            words = "ready" if order.courier_id or order.courier_name else "ready_alone"
            return draft.hole(_for(words, order.when_cooking_completed))
        if card.column is Column.ON_WAY and order.when_sent:
            return draft.hole(_for("on_way", order.when_sent))
        if order.status is None:
            return escape(order.raw_status or _("being passed to the POS"))
        return escape(status_text(order.status))


def stage_texts() -> dict[str, str]:
    """Return what is written of a length of time, by the names in ``data-words``."""
    return {
        "ready": _("ready for %(span)s"),
        "ready_alone": _("ready for %(span)s, no courier"),
        "on_way": _("on the way for %(span)s"),
        "asked": _("waits for iiko: %(span)s"),
    }


def _for(words: str, since: datetime) -> Hole:
    tag = "strong" if words == "ready_alone" else "span"
    begin = f'<{tag} class="stage-{words}" data-since="{int(since.timestamp())}" data-words="{words}">'
    text = stage_texts()[words]
    return lambda moment: f"{begin}{escape(text % {'span': moment.since(since)})}</{tag}>"


def _asked(order: Order, command: OrderCommand) -> Hole:
    def fill(moment: Moment) -> str:
        outcome = outcome_of(order, command, moment.now)
        if outcome is None:
            return ""
        asked = outcome.courier_id if outcome.result is Result.ASKED else ""
        asked_html = f' data-asked="{escape(asked)}"' if asked else ""
        return f'{asked_html} data-outcome="{outcome.result.value}"'

    return fill


def _told(order: Order, command: OrderCommand) -> Hole:
    def fill(moment: Moment) -> str:
        outcome = outcome_of(order, command, moment.now)
        if outcome is None:
            return ""
        name = f"<strong>{escape(outcome.courier_name)}:</strong>"
        until = f' data-until="{int(outcome.until.timestamp())}"' if outcome.until else ""
        words = _outcome_words(outcome, moment)
        return f'<p class="outcome is-{outcome.result.value}"{until}>{name} {words}</p>'

    return fill


def _outcome_words(outcome: Outcome, moment: Moment) -> str:
    if outcome.result is Result.DONE:
        return escape(_("✓ confirmed by iiko"))
    if outcome.result is Result.REFUSED:
        refused = _("✕ refused.")
        return escape(f"{refused} {outcome.reason}")
    return escape(outcome.reason) if outcome.reason else _for("asked", outcome.since)(moment)
