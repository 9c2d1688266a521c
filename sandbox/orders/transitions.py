"""The single changes an order goes through: each takes the order as it is and gives it as it becomes.

A step that does not fit gives back the very same order, and nothing is announced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from uuid import uuid5

from sandbox.catalogue import names
from sandbox.catalogue.world import Employee
from sandbox.orders.order import (
    Cancellation,
    CreationError,
    CreationStatus,
    DeliveryStatus,
    ItemStatus,
    Line,
    Order,
    Payment,
    Problem,
    ServiceType,
)


@dataclass(frozen=True, slots=True)
class TransitionContext:
    """What a step may look at: the instant, the dice of this order, the couriers at work."""

    at: datetime
    random: Random
    couriers: tuple[Employee, ...]


Transition = Callable[[Order, TransitionContext], Order]


def accept(order: Order, context: TransitionContext) -> Order:
    """Let the till take the order, be it after it was given up for lost."""
    stamps = replace(order.stamps, created=context.at, received_from_front=context.at)
    return replace(order, creation=CreationStatus.SUCCESS, error=None, stamps=stamps)


def fail(error: CreationError) -> Transition:
    """Make the step in which the till does not take the order."""

    def fail_with_error(order: Order, context: TransitionContext) -> Order:
        return replace(order, creation=CreationStatus.ERROR, error=error)

    return fail_with_error


def confirm(order: Order, context: TransitionContext) -> Order:
    if order.status is not DeliveryStatus.UNCONFIRMED:
        return order
    stamps = replace(order.stamps, confirmed=context.at)
    return replace(order, status=DeliveryStatus.WAIT_COOKING, stamps=stamps)


def print_dishes(order: Order, context: TransitionContext) -> Order:
    """Send the dishes to the kitchen's printer; the order itself still waits."""
    stamps = replace(order.stamps, printed=context.at)
    return replace(order, lines=_lines_at(order, ItemStatus.PRINTED), stamps=stamps)


def start_cooking(order: Order, context: TransitionContext) -> Order:
    stamps = replace(order.stamps, printed=order.stamps.printed or context.at)
    lines = _lines_at(order, ItemStatus.COOKING)
    return replace(order, status=DeliveryStatus.COOKING_STARTED, lines=lines, stamps=stamps)


def finish_first_dish(order: Order, context: TransitionContext) -> Order:
    """Cook the first of several dishes; an order of one dish has no such step."""
    first, *others = order.lines
    if not any(line.charges for line in others):
        return order
    return replace(order, lines=(replace(first, status=ItemStatus.COOKED), *others))


def finish_cooking(order: Order, context: TransitionContext) -> Order:
    stamps = replace(order.stamps, cooked=context.at)
    lines = _lines_at(order, ItemStatus.COOKED)
    return replace(order, status=DeliveryStatus.COOKING_COMPLETED, lines=lines, stamps=stamps)


def wait(order: Order, context: TransitionContext) -> Order:
    """Pack the order: it waits for the courier or for the guest."""
    stamps = replace(order.stamps, cooked=order.stamps.cooked or context.at, packed=context.at)
    lines = _lines_at(order, ItemStatus.COOKED)
    return replace(order, status=DeliveryStatus.WAITING, lines=lines, stamps=stamps)


def assign_courier(order: Order, context: TransitionContext) -> Order:
    """Give the order to one of the couriers at work, another one than it has."""
    if order.courier_service:
        return order
    others = [courier for courier in context.couriers if courier != order.courier]
    if not others:
        return order
    by_hand = context.random.random() < 0.5
    return replace(order, courier=context.random.choice(others), is_courier_chosen_by_hand=by_hand)


def call_service(order: Order, context: TransitionContext) -> Order:
    """Call a courier service of others, which gives a link to follow the order by."""
    if order.courier_service or order.courier:
        return order
    service = order.organization.dictionaries.courier_services[0]
    link = f"https://track.example/{order.id.hex[:12]}"
    return replace(order, courier_service=service, tracking_link=link, estimated=order.complete_before)


def send_out(order: Order, context: TransitionContext) -> Order:
    taken = order if order.courier else assign_courier(order, context)
    stamps = replace(
        order.stamps,
        cooked=order.stamps.cooked or context.at,
        bill_printed=order.stamps.bill_printed or context.at,
        sent=context.at,
    )
    lines = _lines_at(order, ItemStatus.COOKED)
    return replace(taken, status=DeliveryStatus.ON_WAY, lines=lines, stamps=stamps)


def come_back(order: Order, context: TransitionContext) -> Order:
    """Bring the courier back with the order: something was forgotten."""
    if order.status is not DeliveryStatus.ON_WAY:
        return order
    return replace(order, status=DeliveryStatus.WAITING, stamps=replace(order.stamps, sent=None))


def take_back(order: Order, context: TransitionContext) -> Order:
    """Take the order back from the road as the till does: this one is deleted, see ``made_again``."""
    if order.status is not DeliveryStatus.ON_WAY:
        return order
    return replace(order, is_deleted=True)


def replacement_of(order: Order) -> Order:
    """The order that the till makes in place of one it took back: of the same number, under other ids."""
    return replace(
        order,
        id=uuid5(order.id, "taken back"),
        pos_id=uuid5(order.pos_id, "taken back"),
        operation_id=uuid5(order.operation_id, "taken back"),
        revision=0,
        is_deleted=False,
        status=DeliveryStatus.WAITING,
        courier=None,
        is_courier_chosen_by_hand=False,
        stamps=replace(order.stamps, sent=None),
    )


def deliver(order: Order, context: TransitionContext) -> Order:
    stamps = replace(order.stamps, delivered=context.at)
    lines = _lines_at(order, ItemStatus.SERVED)
    return replace(order, status=DeliveryStatus.DELIVERED, lines=lines, stamps=stamps)


def close(order: Order, context: TransitionContext) -> Order:
    """Close the order: everything is served and paid for."""
    delivered = order.stamps.delivered
    if order.service is ServiceType.COURIER:
        delivered = delivered or context.at
    stamps = replace(
        order.stamps,
        bill_printed=order.stamps.bill_printed or context.at,
        delivered=delivered,
        closed=context.at,
    )
    lines = _lines_at(order, ItemStatus.SERVED)
    return replace(
        order, status=DeliveryStatus.CLOSED, lines=lines, payments=_configured(order), stamps=stamps
    )


def cancel(order: Order, context: TransitionContext) -> Order:
    """Cancel the order: its dishes are deleted, what was paid is given back."""
    dictionaries = order.organization.dictionaries
    was_printed = order.stamps.printed is not None
    cancellation = Cancellation(
        at=context.at,
        cause=context.random.choice(dictionaries.cancel_causes),
        comment=context.random.choice(names.CANCEL_COMMENTS),
        removal=dictionaries.removal_with_writeoff if was_printed else dictionaries.removal_without_writeoff,
    )
    return as_cancelled(order, cancellation)


def as_cancelled(order: Order, cancellation: Cancellation) -> Order:
    """The order without its meal: nothing is paid, and no discount given."""
    return replace(
        order,
        status=DeliveryStatus.CANCELLED,
        cancellation=cancellation,
        payments=(),
        discount=None,
        more_discounts=(),
    )


def report_problem(order: Order, context: TransitionContext) -> Order:
    problem = Problem(is_open=True, description=context.random.choice(names.PROBLEMS))
    # Whoever writes it down has the order open for editing until it is solved.
    return replace(order, problem=problem, locked=context.at)


def solve_problem(order: Order, context: TransitionContext) -> Order:
    if order.problem is None or not order.problem.is_open:
        return order
    return replace(order, problem=replace(order.problem, is_open=False), locked=None)


_COURSE_OF_DISH = list(ItemStatus)


def _lines_at(order: Order, status: ItemStatus) -> tuple[Line, ...]:
    """Bring every dish to ``status``, but none back."""
    reached = _COURSE_OF_DISH.index(status)
    return tuple(
        replace(line, status=status) if _COURSE_OF_DISH.index(line.status) < reached else line
        for line in order.lines
    )


def _configured(order: Order) -> tuple[Payment, ...]:
    cash = Payment(order.organization.dictionaries.cash, order.sum)
    return tuple(replace(payment, is_settled=True) for payment in order.payments or (cash,))
