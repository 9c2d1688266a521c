"""The one main button of a card: the natural next step of its order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy, pgettext_lazy

from console.board.cards import Card
from orders.models.command import CommandKind
from orders.models.order import OrderType, Status

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class NextStep:
    """A status to ask for; without one the order needs a courier first."""

    title: StrOrPromise
    status: Status | None


ASSIGN_COURIER = NextStep(gettext_lazy("Assign a courier"), None)
CLOSE = NextStep(pgettext_lazy("order", "Close"), Status.CLOSED)

_OF_ALL = {
    Status.UNCONFIRMED: NextStep(pgettext_lazy("order", "Confirm"), Status.WAIT_COOKING),
    Status.DELIVERED: CLOSE,
}
_SEND_OFF = NextStep(gettext_lazy("Send off"), Status.ON_WAY)
_OF_DELIVERIES = {
    Status.COOKING_COMPLETED: _SEND_OFF,
    Status.WAITING: _SEND_OFF,
    Status.ON_WAY: NextStep(pgettext_lazy("button", "Delivered"), Status.DELIVERED),
}
_OF_PICKUPS = {Status.COOKING_COMPLETED: CLOSE, Status.WAITING: CLOSE}


def next_step(card: Card) -> NextStep | None:
    """Return what usually comes next; None while the kitchen works or a command is under way."""
    order = card.order
    if not order.is_open or order.status is None or _is_being_changed(card):
        return None
    own = _OF_DELIVERIES if order.order_type == OrderType.DELIVERY else _OF_PICKUPS
    step = _OF_ALL.get(Status(order.status)) or own.get(Status(order.status))
    if step is _SEND_OFF and card.needs_courier:
        return ASSIGN_COURIER
    return step


def _is_being_changed(card: Card) -> bool:
    changing = {CommandKind.UPDATE_STATUS, CommandKind.CANCEL, CommandKind.APPLY_DISCOUNT}
    return any(not command.is_final and command.kind in changing for command in card.commands)
