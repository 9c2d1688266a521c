"""Commands that the mirror settles: iiko's own news shows that what was asked for is done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from orders.actions.discount.replacement import notice_replacements
from orders.commands.fulfilment import fields_of, is_told_of
from orders.commands.transitions import finish
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order


def settle(orders: Iterable[Order], *, now: datetime) -> None:
    """End the commands under way whose command these orders show; the orders are locked and written."""
    by_id = {order.pk: order for order in orders}
    if not by_id:
        return
    commands = OrderCommand.objects.under_way().filter(order_id__in=by_id)
    for command in commands.select_for_update().order_by("id"):
        if is_told_of(command, fields_of(by_id[command.order_id])):
            finish(command, CommandState.CONFIRMED, now=now, confirmed_by="event")
    notice_replacements(by_id.values())
