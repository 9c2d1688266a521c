"""Commands that the mirror settles: iiko's own news shows that what was wished is done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orders.command_models import CommandState, OrderCommand
from orders.models import Order
from orders.services.commands import finish
from orders.services.proof import shows

_LOOKED_AT = ("status", "courier_id", "payments")


def settle(orders: Iterable[Order], *, now: datetime) -> None:
    """End the commands under way whose wish these orders show; the orders are locked and written."""
    by_id = {order.pk: order for order in orders}
    if not by_id:
        return
    commands = OrderCommand.objects.under_way().filter(order_id__in=by_id)
    for command in commands.select_for_update().order_by("id"):
        if shows(command.kind, command.wish, _fields(by_id[command.order_id])):
            finish(command, CommandState.CONFIRMED, now=now, proof="event")


def _fields(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _LOOKED_AT}
