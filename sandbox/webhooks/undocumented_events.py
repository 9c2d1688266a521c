"""Events that the vendor names but does not document: a kitchen's order, the menu, the hours of business.

The vendor's document lists their types and gives no schema (OpenAPI, ``WebHookEventType``, read 2026-11), so
what they hold here is of our own making: something to receive and to keep, not to learn the format from.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

from sandbox.catalogue.menu import MakeId
from sandbox.catalogue.world import Organization, TerminalGroup
from sandbox.http.vendor_json import Json
from sandbox.webhooks.events import UndocumentedEvent, UndocumentedType


def make_undocumented_event(
    kind: UndocumentedType, organization: Organization, at: datetime, make_id: MakeId, random: Random
) -> UndocumentedEvent:
    """Make an event of a kind; what is in it is invented."""
    group = random.choice(organization.terminal_groups)
    info = _INFOS[kind](organization, group, make_id, random)
    return UndocumentedEvent(at, organization, make_id("operation"), kind, info)


def _kitchen_order(organization: Organization, group: TerminalGroup, make_id: MakeId, random: Random) -> Json:
    product = random.choice(organization.menu.dishes)
    item = {
        "product": {"id": str(product.id), "name": product.name},
        "amount": 1.0,
        "status": "CookingStarted",
    }
    return {
        "id": str(make_id("kitchen order")),
        "terminalGroupId": str(group.id),
        "number": random.randint(1, 999),
        "items": [item],
    }


def _menu(organization: Organization, group: TerminalGroup, make_id: MakeId, random: Random) -> Json:
    return {"id": str(make_id("menu")), "revision": random.randint(10**6, 10**7), "isFull": False}


def _hours(organization: Organization, group: TerminalGroup, make_id: MakeId, random: Random) -> Json:
    day = {"from": "10:00", "to": random.choice(("22:00", "23:00"))}
    return {"id": str(group.id), "terminalGroupIds": [str(group.id)], "businessHours": [day] * 7}


_INFOS: dict[UndocumentedType, Callable[[Organization, TerminalGroup, MakeId, Random], Json]] = {
    UndocumentedType.KITCHEN_ORDER: _kitchen_order,
    UndocumentedType.MENU: _menu,
    UndocumentedType.BUSINESS_HOURS: _hours,
}
