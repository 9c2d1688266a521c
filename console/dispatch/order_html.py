"""An order on the dispatch page as HTML: the board's card with a tick, its stage, and what was asked.

``data-group`` names its place among those that need a courier, ``data-courier`` who has it.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from django.utils.translation import gettext as _

from console.board.card_html import CardWriter, moments_html
from console.board.cards import Card
from console.board.columns import Column
from console.dispatch.outcomes import Outcome, Result, outcome_of
from console.dispatch.selector import courier_key
from core.display import span_text
from core.values.name_keys import fold
from orders.admin.display import status_text
from organizations.models.organization import Organization


class OrderWriter(CardWriter):
    """Write orders for one answer; only who may assign gets ticks and orders that can be dragged."""

    def __init__(
        self, every: Sequence[Organization], *, now: datetime, is_many: bool, may_assign: bool
    ) -> None:
        """``every`` restaurant that may appear; ``is_many``: several are chosen, so groups name them."""
        super().__init__({one.iiko_id: one for one in every}, now=now)
        self._places = {one.iiko_id: place for place, one in enumerate(every)}
        self._is_many = is_many
        self._may_assign = may_assign

    def group_of(self, card: Card) -> tuple[str, str]:
        """Return the key by which the groups stand in order, and the title: restaurant and zone."""
        restaurant = self._restaurants[card.order.organization_id]
        zone = card.order.delivery_zone or ""
        key = f"{self._places[restaurant.iiko_id]:04}|{fold(zone) if zone else chr(0xFFFF)}"
        title = zone or _("No zone")
        return key, f"{restaurant.name} · {title}" if self._is_many else title

    def _card(self, card: Card) -> str:
        order = card.order
        outcome = outcome_of(order, card.commands[-1] if card.commands else None, self._now)
        drag = ' draggable="true"' if self._may_assign else ""
        return (
            f'<article class="card order{self._classes(card)}" id="order-{order.pk}" data-id="{order.pk}"'
            f' data-restaurant="{escape(order.organization_id)}"{self._place(card)}{_asked(outcome)}'
            f"{moments_html(card)}{drag}>"
            f'<p class="card-top">{self._tick(card)}<a class="card-number" draggable="false" '
            f'data-panel="{order.pk}" href="{self._url}{order.pk}">{escape(str(order))}</a>'
            f"{self._due(card)}</p>"
            f'<p class="card-what"><span>{self._where(card)}</span>{self._flags()}</p>'
            f'<p class="card-who"><span>{self._stage(card)}</span>{self._collect(card)}</p>'
            f"{self._outcome(outcome)}</article>"
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
        if not card.needs_courier and len(self._restaurants) > 1:
            parts.append(self._restaurants[order.organization_id].name)
        return escape(" · ".join(part for part in parts if part))

    def _stage(self, card: Card) -> str:
        order = card.order
        if card.column is Column.READY and order.when_cooking_completed:
            words = "ready" if order.courier_id or order.courier_name else "ready_alone"
            return self._for(words, order.when_cooking_completed)
        if card.column is Column.ON_WAY and order.when_sent:
            return self._for("on_way", order.when_sent)
        if order.status is None:
            return escape(order.raw_status or _("being passed to the POS"))
        return escape(status_text(order.status))

    def _for(self, words: str, since: datetime) -> str:
        text = escape(stage_texts()[words] % {"span": span_text(self._now - since)})
        tag = "strong" if words == "ready_alone" else "span"
        moment = int(since.timestamp())
        return f'<{tag} class="stage-{words}" data-since="{moment}" data-words="{words}">{text}</{tag}>'

    def _outcome(self, outcome: Outcome | None) -> str:
        if outcome is None:
            return ""
        name = f"<strong>{escape(outcome.courier_name)}:</strong>"
        until = f' data-until="{int(outcome.until.timestamp())}"' if outcome.until else ""
        return (
            f'<p class="outcome is-{outcome.result.value}"{until}>{name} {self._outcome_words(outcome)}</p>'
        )

    def _outcome_words(self, outcome: Outcome) -> str:
        if outcome.result is Result.DONE:
            return escape(_("✓ confirmed by iiko"))
        if outcome.result is Result.REFUSED:
            refused = _("✕ refused.")
            return escape(f"{refused} {outcome.reason}")
        return self._for("asked", outcome.since) if not outcome.reason else escape(outcome.reason)


def stage_texts() -> dict[str, str]:
    """Return what is written of a length of time, by the names in ``data-words``."""
    return {
        "ready": _("ready for %(span)s"),
        "ready_alone": _("ready for %(span)s, no courier"),
        "on_way": _("on the way for %(span)s"),
        "asked": _("waits for iiko: %(span)s"),
    }


def _asked(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    asked = outcome.courier_id if outcome.result is Result.ASKED else ""
    asked_html = f' data-asked="{escape(asked)}"' if asked else ""
    return f'{asked_html} data-outcome="{outcome.result.value}"'
