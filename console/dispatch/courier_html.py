"""A courier of the dispatch page as HTML. Written here and not in a template, because there may be hundreds.

Every text is escaped where it enters (``escape``).
"""

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.dispatch.blocks import Block


class CourierWriter:
    """Write couriers for one answer: the words that all of them share are looked up once."""

    def __init__(self, *, may_assign: bool, names_restaurants: bool) -> None:
        self._may_assign = may_assign
        self._names_restaurants = names_restaurants
        self._give = _("Give the ticked orders to this courier")
        self._elsewhere = _("not in this restaurant")
        self._not_listed = _("not in iiko's list of couriers")
        self._off_shift = _("not on shift")

    def write(self, blocks: Iterable[Block]) -> SafeString:
        return SafeString("".join(map(self._courier, blocks)))

    def _courier(self, block: Block) -> str:
        state = (" is-off" if block.is_off_shift else "") + ("" if block.courier else " is-unlisted")
        off = " data-off" if block.is_off_shift else ""
        return (
            f'<section class="courier{state}" data-key="{escape(block.key)}" '
            f'data-name="{escape(block.name)}" data-restaurants="{escape(block.restaurant_ids)}"{off}>'
            f"<header><h3>{self._name(block)}</h3> "
            f'<span class="elsewhere">{self._elsewhere}</span> '
            f'<span class="load" data-load>{escape(block.load)}</span>'
            f'<p class="muted">{self._about(block)}</p></header>'
            f'<div class="cards" data-cards>{block.html}</div></section>'
        )

    def _name(self, block: Block) -> str:
        name = escape(block.name)
        if block.courier is None or not self._may_assign:
            return f'<span class="courier-name" data-courier-name>{name}</span>'
        return f'<button type="button" class="courier-name" data-give title="{self._give}">{name}</button>'

    def _about(self, block: Block) -> str:
        if block.courier is None:
            return self._not_listed
        parts = [self._off_shift if block.is_off_shift else escape(block.since)]
        if self._names_restaurants:
            parts.append(escape(", ".join(one.name for one in block.restaurants)))
        return " · ".join(filter(None, parts))
