"""A courier on the page: who it is, since when on shift, and what they carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from django.utils.translation import gettext as _, ngettext

from console.board.cards import Card
from console.board.written import due_text
from console.dispatch.order_html import OrderWriter
from console.dispatch.selector import Scope, courier_key
from core.display import clock_text, on_clock
from core.values.name_keys import fold
from organizations.models.organization import Organization
from organizations.shifts.duty import CourierOnDuty


@dataclass(slots=True)
class Block:
    """One courier; without ``courier`` it is one who carries an order and whom iiko does not list."""

    key: str
    name: str
    courier: CourierOnDuty | None = None
    restaurants: tuple[Organization, ...] = ()
    since: str = ""
    cards: list[Card] = field(default_factory=list)
    html: str = ""
    load: str = ""
    digit: str = ""
    """The key that chooses them from a list."""

    @property
    def is_off_shift(self) -> bool:
        return self.courier is not None and self.courier.is_off_shift

    @property
    def is_folded(self) -> bool:
        return self.is_off_shift and not self.cards

    @property
    def rank(self) -> tuple[bool, int, str]:
        return self.is_off_shift, len(self.cards), fold(self.name)

    @property
    def restaurant_ids(self) -> str:
        return " ".join(one.iiko_id for one in self.restaurants)


def blocks_of(scope: Scope, cards: Iterable[Card], *, writer: OrderWriter, now: datetime) -> list[Block]:
    """Give each courier what they carry: the free first, those off shift last."""
    restaurants = {one.iiko_id: one for one in scope.every}
    blocks: dict[str, Block] = {}
    for one in scope.couriers:
        own = tuple(restaurants[ident] for ident in one.organization_ids)
        blocks[one.iiko_id] = Block(one.iiko_id, one.name, one, own, _since(one, own[0].zone(), now))
    for card in cards:
        if not card.needs_courier:
            key = courier_key(card.order)
            blocks.setdefault(key, Block(key, card.order.courier_name or key)).cards.append(card)
    for block in blocks.values():
        block.html, block.load = writer.write(block.cards, now), _load_text(block.cards, now)
    return sorted(blocks.values(), key=lambda block: block.rank)


def _since(courier: CourierOnDuty, zone: tzinfo, now: datetime) -> str:
    if courier.on_shift_since is None:
        return ""
    since = on_clock(courier.on_shift_since, zone)
    is_today = since.date() == on_clock(now, zone).date()
    when = f"{since:%H:%M}" if is_today else clock_text(since, zone, now=now)
    return _("on shift since %(when)s") % {"when": when}


def _load_text(cards: Sequence[Card], now: datetime) -> str:
    if not cards:
        return _("free")
    words = ngettext("%(count)d order", "%(count)d orders", len(cards)) % {"count": len(cards)}
    promised = [card.promised_at for card in cards if card.promised_at is not None]
    if not promised:
        return words
    next_due = _("next due %(due)s") % {"due": due_text(min(promised), now)}
    return f"{words} · {next_due}"
