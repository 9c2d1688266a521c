"""The table of event types: who applies them, and which are kept only and why.

To handle a new type write one module with a ``Handler`` and add one line to ``HANDLERS``.
"""

from __future__ import annotations

from webhooks.handlers.base import Handler
from webhooks.handlers.deliveries import apply_deliveries
from webhooks.handlers.shifts import apply_shifts
from webhooks.handlers.stop_lists import apply_stop_lists
from webhooks.models import Reason

HANDLERS: dict[str, Handler] = {
    "DeliveryOrderUpdate": apply_deliveries,
    "DeliveryOrderError": apply_deliveries,
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
    "ReserveUpdate": Reason.NOT_HANDLED_YET,
    "ReserveError": Reason.NOT_HANDLED_YET,
    "TableOrderUpdate": Reason.NOT_HANDLED_YET,
    "TableOrderError": Reason.NOT_HANDLED_YET,
    # The vendor publishes no schema for these three (OpenAPI, read 2026-11).
    "KitchenOrderUpdate": Reason.KEPT_ONLY,
    "NomenclatureUpdate": Reason.KEPT_ONLY,
    "BusinessHoursAndMappingUpdate": Reason.KEPT_ONLY,
}
