"""The stop lists of terminal groups: which products run out, and how much is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random
from uuid import UUID

from sandbox.catalogue.menu import Product
from sandbox.catalogue.world import Organization, TerminalGroup

_MOST = 4


@dataclass(frozen=True, slots=True)
class Stop:
    """A product that is running out. ``balance`` is what is left, 0 is nothing."""

    product: Product
    balance: Decimal
    since: datetime


class StopLists:
    """The list of every terminal group; empty at the opening."""

    def __init__(self) -> None:
        self._stops: dict[UUID, dict[UUID, Stop]] = {}

    def of(self, group: TerminalGroup) -> tuple[Stop, ...]:
        return tuple(self._stops.get(group.id, {}).values())

    def has_run_out(self, group: TerminalGroup, product_id: UUID) -> bool:
        stop = self._stops.get(group.id, {}).get(product_id)
        return stop is not None and not stop.balance

    def change(self, organization: Organization, group: TerminalGroup, at: datetime, random: Random) -> bool:
        """Add a product or remove one; now and then replace the whole list and return True."""
        stops = self._stops.setdefault(group.id, {})
        is_full = random.random() < 0.1
        if is_full:
            stops.clear()
        if stops and (len(stops) >= _MOST or random.random() < 0.4):
            del stops[random.choice(list(stops))]
            return is_full
        product = random.choice(organization.menu.dishes)
        stops[product.id] = Stop(product, Decimal(random.choice((0, 0, 0, 3, 5))), at)
        return is_full
