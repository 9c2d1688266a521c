"""The columns of the board, and where an order stands in them."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from orders.models.order import Order, Status

FINISHED_STAY = timedelta(minutes=15)
"""A finished order leaves the board after so long."""
AHEAD = timedelta(minutes=60)
"""An order promised later than this, and not begun, is a pre-order: it is folded away."""


class Column(models.TextChoices):
    NEW = "new", pgettext_lazy("column of the board", "New")
    KITCHEN = "kitchen", pgettext_lazy("column of the board", "Kitchen")
    READY = "ready", pgettext_lazy("column of the board", "Ready")
    ON_WAY = "on_way", pgettext_lazy("column of the board", "On the way")
    DELIVERED = "delivered", pgettext_lazy("column of the board", "Delivered")


HINTS = {
    Column.NEW: _("being passed to the POS, unconfirmed"),
    Column.KITCHEN: _("waiting for the kitchen or cooking"),
    Column.READY: _("cooked, waiting"),
    Column.ON_WAY: _("with the courier"),
    Column.DELIVERED: _("to be closed; finished ones stay for 15 minutes"),
}

_COLUMNS = {
    Status.UNCONFIRMED: Column.NEW,
    Status.WAIT_COOKING: Column.KITCHEN,
    Status.READY_FOR_COOKING: Column.KITCHEN,
    Status.COOKING_STARTED: Column.KITCHEN,
    Status.COOKING_COMPLETED: Column.READY,
    Status.WAITING: Column.READY,
    Status.ON_WAY: Column.ON_WAY,
    Status.DELIVERED: Column.DELIVERED,
    Status.CLOSED: Column.DELIVERED,
    Status.CANCELLED: Column.DELIVERED,
}


def column_of(order: Order) -> Column:
    """Return where an order stands; one that the POS refused, or of an unknown status, is among the new."""
    if order.is_deleted:
        return Column.DELIVERED
    return _COLUMNS[Status(order.status)] if order.status else Column.NEW


def leaves_at(order: Order) -> datetime | None:
    """Return when a finished order leaves the board; None for one that is under way, or was refused."""
    if order.is_open or order.is_refused:
        return None
    return (order.when_closed or order.when_cancelled or order.updated_at) + FINISHED_STAY


def unfolds_at(order: Order) -> datetime | None:
    """Return when a pre-order comes up among the others; None for any other order."""
    is_begun = order.status not in {None, Status.UNCONFIRMED, Status.WAIT_COOKING, Status.READY_FOR_COOKING}
    if order.promised_time is None or is_begun or order.is_refused or not order.is_open:
        return None
    return order.promised_time - AHEAD
