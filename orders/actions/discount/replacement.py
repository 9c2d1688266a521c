"""Two orders for one meal: the original, and the replacement made with a discount.

What iiko reports of either after the command ended may still change what has to be done: a POS that was
offline takes a new order that nobody waits for any more (docs/iiko.md#lost-creation).
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet

from orders.actions.discount.state import state_of
from orders.commands.transitions import HUB, enter, finish
from orders.mirror.timeline import REISSUED
from orders.models.command import OPEN_STATES, CommandKind, CommandState, OrderCommand, Phase
from orders.models.order import TERMINAL, CreationStatus, Order, Status, TimelineEntry
from orders.signals import command_due, order_reissued

_TAKEN = (CreationStatus.SUCCESS, CreationStatus.OK)


def notice_replacements(orders: Collection[Order]) -> None:
    """Call a worker for the commands to which these changed orders matter; within the transaction."""
    new_ids = {order.iiko_order_id for order in orders if order.iiko_order_id}
    matters = Q(new_order_id__in=new_ids) & ~Q(new_order_id="")
    matters |= Q(order_id__in=[order.pk for order in orders], state=CommandState.NEEDS_ATTENTION)
    for command_id in OrderCommand.objects.filter(matters).order_by("id").values_list("pk", flat=True):
        command_due.send(OrderCommand, command_id=command_id, at=None)


def new_order_of(command: OrderCommand, order: Order) -> Order | None:
    """Return the mirror's row of the order made in place of ``order``, once iiko has reported it."""
    if not command.new_order_id:
        return None
    return Order.objects.filter(
        organization_id=order.organization_id, iiko_order_id=command.new_order_id
    ).first()


def made_by(order: Order) -> Q:
    """Match the commands by which an order, whose iiko id is known, was made in place of another."""
    # The condition lets the partial index answer; ids of our making are unique in all restaurants.
    return Q(new_order_id=order.iiko_order_id) & ~Q(new_order_id="")


def revise(old: Order, command: OrderCommand, now: datetime) -> bool:
    """Judge an ended command again by what the mirror shows; True: it goes on. Both rows are locked."""
    new = new_order_of(command, old)
    if new is None:
        return False
    _link(old, new, command, now)
    is_taken = new.creation_status in _TAKEN or new.raw_status is not None
    if command.state == CommandState.NEEDS_ATTENTION:
        _revise_needs_attention(old, new, command, now, stands=is_taken and not _is_gone(new))
    if command.state == CommandState.CONFIRMED and not state_of(command).is_handed_over:
        # What belongs to the old order is given to the new one, once.
        command.state_data["is_handed_over"] = True
        command.save(update_fields=["state_data"])
        order_reissued.send(Order, old_id=old.pk, new_id=new.pk)
    if not is_taken or new.status in TERMINAL or new.is_deleted or not _is_still_ours(command):
        return False
    if command.error_code == "given_up_midway":
        # A person took it over, and must know that there are two orders now.
        finish(command, CommandState.NEEDS_ATTENTION, now=now, code="two_orders")
        return False
    command.state_data |= {"why": "undone_late", "why_error": command.error}
    enter(command, Phase.CANCEL_NEW, now=now)
    return True


def _is_still_ours(command: OrderCommand) -> bool:
    """Whether a new order that lives is the hub's to take back.

    An order that iiko showed cancelled lives no more, even where the mirror does not show it yet.
    """
    if command.state == CommandState.NEEDS_ATTENTION:
        return command.error_code == "new_not_proved"
    is_over = command.state == CommandState.CONFIRMED or command.error_code == "seen_to"
    return not is_over and not state_of(command).is_new_gone


def _revise_needs_attention(
    old: Order, new: Order, command: OrderCommand, now: datetime, *, stands: bool
) -> None:
    """End *needs attention* where one of the two orders is gone by now."""
    if stands and _is_gone(old):
        finish(command, CommandState.CONFIRMED, now=now, confirmed_by="event")
    elif _is_gone(new) and not _is_gone(old):
        state = state_of(command)
        command.state_data["is_new_gone"] = True
        code = state.why or "reissue_cancelled"
        finish(command, CommandState.REJECTED, now=now, code=code, error=state.why_error)


def _is_gone(order: Order) -> bool:
    return order.status == Status.CANCELLED or order.is_deleted is True


def _link(old: Order, new: Order, command: OrderCommand, now: datetime) -> None:
    """Name each order in the timeline of the other, once."""
    if state_of(command).is_linked:
        return
    command.state_data["is_linked"] = True
    command.save(update_fields=["state_data"])
    about = {"command_id": command.pk}
    rows = [
        TimelineEntry(order=old, to_value=about | {"made_as": _named(new)}),
        TimelineEntry(order=new, to_value=about | {"made_for": _named(old)}),
    ]
    for row in rows:
        row.organization_id = row.order.organization_id
        row.what, row.recorded_at, row.actor = REISSUED, now, HUB
    TimelineEntry.objects.bulk_create(rows)


def _named(order: Order) -> dict[str, object]:
    return {
        "order_id": order.pk,
        "iiko_order_id": order.iiko_order_id,
        "readable_number": order.readable_number,
    }


def discounts_about(order: Order) -> QuerySet[OrderCommand]:
    """Return the discounts requested for this order, and those by which it was made."""
    requested = Q(order=order, kind=CommandKind.APPLY_DISCOUNT)
    return OrderCommand.objects.filter(requested | made_by(order) if order.iiko_order_id else requested)


def is_reissued(order_id: int) -> bool:
    """Whether another order stands in the place of this one."""
    return reissues().filter(order_id=order_id, state=CommandState.CONFIRMED).exists()


def replacement_of(order: Order) -> Order | None:
    """Return the order of the same restaurant that stands in the place of this cancelled one, if it is here.

    By what iiko reports, else by the reissue that the hub made itself. A guest may be served on by several
    such steps; this is the next of them.
    """
    if order.status != Status.CANCELLED:
        return None
    named = (order.moved or {}).get("to_order_id")
    if named is None:
        made = reissues().filter(order_id=order.pk, state=CommandState.CONFIRMED).order_by("-id")
        named = made.values_list("new_order_id", flat=True).first()
    if named is None:
        return None
    same = Order.objects.filter(organization_id=order.organization_id, iiko_order_id=named)
    return same.only("readable_number", "external_order_id", "iiko_order_id", "status").first()


def original_of(order: Order) -> Order | None:
    """Return the order in whose place this one was made by a reissue that the hub carried out."""
    if not order.iiko_order_id:
        return None
    made = reissues().filter(made_by(order), state=CommandState.CONFIRMED).order_by("-id")
    command = made.select_related("order").first()
    return command.order if command else None


def reissues() -> QuerySet[OrderCommand]:
    """Discounts for which another order stands, or may come to stand, in the place of theirs."""
    made = OrderCommand.objects.filter(~Q(new_order_id=""))
    return made.filter(state__in=(*OPEN_STATES, CommandState.NEEDS_ATTENTION, CommandState.CONFIRMED))
