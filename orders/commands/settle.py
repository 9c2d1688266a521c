"""Confirm commands from the mirror: what iiko reports shows that they are done."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from orders.actions.discount.replacement import notice_replacements
from orders.commands.fulfilment import fields_of, is_confirmed_by
from orders.commands.transitions import finish
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order


def settle(orders: Iterable[Order], *, events: Mapping[int, int], now: datetime) -> None:
    """Confirm the commands under way that these orders fulfil; the orders are locked and written.

    ``events`` names for each order the event that changed it last.
    """
    by_id = {order.pk: order for order in orders}
    if not by_id:
        return
    commands = OrderCommand.objects.under_way().filter(order_id__in=by_id)
    for command in commands.select_for_update().order_by("id"):
        if is_confirmed_by(command, fields_of(by_id[command.order_id])):
            event_id = events.get(command.order_id)
            finish(command, CommandState.CONFIRMED, now=now, confirmed_by="event", event_id=event_id)
    notice_replacements(by_id.values())
