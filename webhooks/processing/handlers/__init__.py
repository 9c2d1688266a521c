"""The table of event types: who applies them, and which are kept only and why.

To handle a new type write one module with a ``Handler`` and add one line to ``HANDLERS``
(docs/adding-an-event-type.md).
"""

from collections.abc import Iterable

from iiko_client.models.events import EVENT_TYPES, OLDER_EVENT_TYPES, SOI, SOI_TYPES
from webhooks.models.inbox import Reason
from webhooks.processing.handlers.base import Claimed, Handler
from webhooks.processing.handlers.deliveries import apply_deliveries
from webhooks.processing.handlers.hall import apply_reserves, apply_table_orders
from webhooks.processing.handlers.organizations import apply_shifts, apply_stop_lists

HANDLERS: dict[str, Handler] = {
    "DeliveryOrderUpdate": apply_deliveries,
    "DeliveryOrderError": apply_deliveries,
    "TableOrderUpdate": apply_table_orders,
    "TableOrderError": apply_table_orders,
    "ReserveUpdate": apply_reserves,
    "ReserveError": apply_reserves,
    # SOI
    "CREATE": apply_deliveries,
    "UPDATE": apply_deliveries,
    # Names from an older description; taken if the content is an order.
    "OrderChanged": apply_deliveries,
    "DeliveryOrderChanged": apply_deliveries,
    "StopListUpdate": apply_stop_lists,
    "PersonalShift": apply_shifts,
}

KEPT: dict[str, Reason] = {
    # The vendor publishes no schema for these three (docs/iiko.md#event-types).
    "KitchenOrderUpdate": Reason.KEPT_ONLY,
    "NomenclatureUpdate": Reason.KEPT_ONLY,
    "BusinessHoursAndMappingUpdate": Reason.KEPT_ONLY,
}

KNOWN_TYPES = frozenset((*EVENT_TYPES, *OLDER_EVENT_TYPES, *SOI_TYPES, *HANDLERS, *KEPT))
"""Of iiko's own naming; any other came from somewhere once."""


def handler_of(event_type: str, event_format: str) -> Handler | None:
    """Who applies such events; None where they are only kept. SOI's names mean something in SOI alone."""
    if event_type in SOI_TYPES and event_format != SOI:
        return None
    return HANDLERS.get(event_type)


def by_handler(events: Iterable[Claimed]) -> dict[Handler | None, list[Claimed]]:
    """Part events by who applies them, each part in their order; None for those that are only kept."""
    parts: dict[Handler | None, list[Claimed]] = {}
    for event in events:
        parts.setdefault(handler_of(event.event_type, event.format), []).append(event)
    return parts
