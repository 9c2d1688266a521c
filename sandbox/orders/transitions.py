"""The single changes an order goes through: each takes the order as it is and gives it as it becomes.

A transition that does not fit gives back the very same order, and nothing is announced.
"""

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
    Order,
    Payment,
    Problem,
    ServiceType,
)


@dataclass(frozen=True, slots=True)
class TransitionContext:
    """What a transition may depend on: the instant, the order's own generator, the couriers at work."""

    at: datetime
    random: Random
    couriers: tuple[Employee, ...]


Transition = Callable[[Order, TransitionContext], Order]


def accept(order: Order, context: TransitionContext) -> Order:
    """Let the POS accept the order, also after its creation timed out."""
    accepted = replace(order, creation=CreationStatus.SUCCESS, error=None)
    return accepted.stamped(created=context.at, received_from_front=context.at)


def fail(error: CreationError) -> Transition:
    """Make the transition in which the POS refuses the order."""

    def fail_with_error(order: Order, context: TransitionContext) -> Order:
        return replace(order, creation=CreationStatus.ERROR, error=error)

    return fail_with_error


def confirm(order: Order, context: TransitionContext) -> Order:
    if order.status is not DeliveryStatus.UNCONFIRMED:
        return order
    return replace(order.stamped(confirmed=context.at), status=DeliveryStatus.WAIT_COOKING)


def print_dishes(order: Order, context: TransitionContext) -> Order:
    """Send the dishes to the kitchen's printer; the order itself still waits."""
    return order.with_items(ItemStatus.PRINTED).stamped(printed=context.at)


def start_cooking(order: Order, context: TransitionContext) -> Order:
    cooking = order.with_items(ItemStatus.COOKING).stamped(printed=order.stamps.printed or context.at)
    return replace(cooking, status=DeliveryStatus.COOKING_STARTED)


def finish_first_dish(order: Order, context: TransitionContext) -> Order:
    """Cook the first of several dishes; does nothing with an order of one dish."""
    first, *others = order.lines
    if not any(line.charges for line in others):
        return order
    return replace(order, lines=(replace(first, status=ItemStatus.COOKED), *others))


def finish_cooking(order: Order, context: TransitionContext) -> Order:
    cooked = order.with_items(ItemStatus.COOKED).stamped(cooked=context.at)
    return replace(cooked, status=DeliveryStatus.COOKING_COMPLETED)


def wait(order: Order, context: TransitionContext) -> Order:
    """Pack the order: it waits for the courier or for the guest."""
    cooked = order.with_items(ItemStatus.COOKED)
    packed = cooked.stamped(cooked=order.stamps.cooked or context.at, packed=context.at)
    return replace(packed, status=DeliveryStatus.WAITING)


def assign_courier(order: Order, context: TransitionContext) -> Order:
    """Give the order to one of the couriers at work, another one than it has."""
    others = [courier for courier in context.couriers if courier != order.courier]
    if order.courier_service or not others:
        return order
    by_hand = context.random.random() < 0.5
    return replace(order, courier=context.random.choice(others), is_courier_chosen_by_hand=by_hand)


def call_service(order: Order, context: TransitionContext) -> Order:
    """Call an external courier service, which gives a link to follow the order by."""
    if order.courier_service or order.courier:
        return order
    service = order.organization.dictionaries.courier_services[0]
    link = f"https://track.example/{order.id.hex[:12]}"
    return replace(order, courier_service=service, tracking_link=link, estimated=order.complete_before)


def send_out(order: Order, context: TransitionContext) -> Order:
    taken = order if order.courier else assign_courier(order, context)
    sent = taken.with_items(ItemStatus.COOKED).stamped(
        cooked=order.stamps.cooked or context.at,
        bill_printed=order.stamps.bill_printed or context.at,
        sent=context.at,
    )
    return replace(sent, status=DeliveryStatus.ON_WAY)


def come_back(order: Order, context: TransitionContext) -> Order:
    """Bring the courier back with the order: something was forgotten."""
    if order.status is not DeliveryStatus.ON_WAY:
        return order
    return replace(order.stamped(sent=None), status=DeliveryStatus.WAITING)


def take_back(order: Order, context: TransitionContext) -> Order:
    """Take the order back from the road as the POS does: delete this one, see ``replacement_of``."""
    if order.status is not DeliveryStatus.ON_WAY:
        return order
    return replace(order, is_deleted=True)


def replacement_of(order: Order) -> Order:
    """Make the order that replaces one taken back: of the same number, under other ids."""
    return replace(
        order.stamped(sent=None),
        id=uuid5(order.id, "taken back"),
        pos_id=uuid5(order.pos_id, "taken back"),
        operation_id=uuid5(order.operation_id, "taken back"),
        revision=0,
        is_deleted=False,
        status=DeliveryStatus.WAITING,
        courier=None,
        is_courier_chosen_by_hand=False,
    )


def deliver(order: Order, context: TransitionContext) -> Order:
    served = order.with_items(ItemStatus.SERVED).stamped(delivered=context.at)
    return replace(served, status=DeliveryStatus.DELIVERED)


def close(order: Order, context: TransitionContext) -> Order:
    """Close the order: everything is served and paid for."""
    is_delivery = order.service is ServiceType.COURIER
    served = order.with_items(ItemStatus.SERVED).stamped(
        bill_printed=order.stamps.bill_printed or context.at,
        delivered=order.stamps.delivered or (context.at if is_delivery else None),
        closed=context.at,
    )
    cash = Payment(order.organization.dictionaries.cash, order.sum)
    payments = tuple(replace(payment, is_settled=True) for payment in order.payments or (cash,))
    return replace(served, status=DeliveryStatus.CLOSED, payments=payments)


def cancel(order: Order, context: TransitionContext) -> Order:
    """Cancel the order for a cause that the restaurant chooses."""
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
    """Cancel the order: its dishes are deleted, its payments and discounts removed."""
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
    # The person who reports it has the order open for editing until it is solved.
    return replace(order, problem=problem, locked=context.at)


def solve_problem(order: Order, context: TransitionContext) -> Order:
    if order.problem is None or not order.problem.is_open:
        return order
    return replace(order, problem=replace(order.problem, is_open=False), locked=None)
