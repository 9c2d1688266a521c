"""What the till lets be done to a delivery: each rule gives the order as it becomes, or refuses.

The statuses follow the vendor's article on order creation (REFERENCE 2.1). What it leaves open is
decided leniently here: any open order may be cancelled, commented, paid or given a courier.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from sandbox.catalogue.money import ZERO
from sandbox.catalogue.world import NamedRow, PaidWhen
from sandbox.orders.order import (
    Cancellation,
    CreationStatus,
    DeliveryStatus,
    Order,
    Payment,
    Problem,
    ServiceType,
)
from sandbox.orders.transitions import TransitionContext, as_cancelled, close, deliver, send_out, wait

Rule = Callable[[Order, TransitionContext], Order]

CHANGED_AT_POS = "Can not update order, order status was changed at the restaurant checkout"
_LONGEST_COMMENT = 255
_BEFORE_COOKING = {DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING}


class Refused(Exception):
    """The till says no; ``reason`` is a code of the vendor's list."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def check_version(pos_version: str, needed: tuple[int, ...]) -> None:
    """Refuse what the till's program is too old for."""
    if not is_version_from(pos_version, needed):
        wanted = ".".join(map(str, needed))
        raise Refused(
            f"iikoFront version {pos_version} is too old, {wanted} is needed", "IikoFrontTooOldVersion"
        )


def is_version_from(pos_version: str, needed: tuple[int, ...]) -> bool:
    return tuple(int(part) for part in pos_version.split(".")) >= needed


def check_open(order: Order) -> None:
    if order.creation is not CreationStatus.SUCCESS:
        raise Refused("Order is not found at the restaurant checkout", "OrderNotFound")
    if order.is_over:
        raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")


# --- statuses ---


def set_status(status: DeliveryStatus, delivered_at: datetime | None) -> Rule:
    """Switch between Waiting, OnWay and Delivered."""
    rules: dict[DeliveryStatus, Rule] = {
        DeliveryStatus.WAITING: _to_waiting,
        DeliveryStatus.ON_WAY: _to_on_way,
        DeliveryStatus.DELIVERED: _to_delivered,
    }

    def rule(order: Order, context: TransitionContext) -> Order:
        if order.status is DeliveryStatus.UNCONFIRMED:
            raise Refused("Order is not confirmed", "IllegalDeliveryStatus")
        changed = rules[status](order, context)
        if delivered_at and status is DeliveryStatus.DELIVERED:
            changed = replace(changed, stamps=replace(changed.stamps, delivered=delivered_at))
        return changed

    return rule


def _to_waiting(order: Order, context: TransitionContext) -> Order:
    if order.organization.paid_when is PaidWhen.ON_THE_WAY:
        # PrepareDeliveryForSending works only where payment is on closing (help centre).
        raise Refused(
            "Method PrepareDeliveryForSending is available only with payment on closing",
            "WrongDeliveryStatus",
        )
    waiting = wait(order, context)
    return replace(waiting, stamps=replace(waiting.stamps, sent=None, delivered=None))


def _to_on_way(order: Order, context: TransitionContext) -> Order:
    _check_courier_service(order)
    if order.organization.paid_when is PaidWhen.ON_THE_WAY:
        order = _with_money_taken(order)
    sent = send_out(order, context)
    # The till does not choose a courier for a client.
    kept = replace(sent, courier=order.courier, is_courier_chosen_by_hand=order.is_courier_chosen_by_hand)
    return replace(kept, stamps=replace(kept.stamps, delivered=None))


def _to_delivered(order: Order, context: TransitionContext) -> Order:
    _check_courier_service(order)
    if order.status not in {DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED}:
        raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
    return deliver(order, context)


def _check_courier_service(order: Order) -> None:
    if order.service is not ServiceType.COURIER:
        raise Refused("Order is taken away by the guest", "WrongDeliveryStatus")


def _with_money_taken(order: Order) -> Order:
    """Process all payments; they must cover what the order costs."""
    if sum((payment.sum for payment in order.payments), ZERO) < order.sum:
        raise Refused(f"Payment of order #{order.number} failed. Reason: PaymentSumNotEnough")
    return replace(order, payments=tuple(replace(each, is_settled=True) for each in order.payments))


def close_order(delivered_at: datetime | None) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        if order.status is DeliveryStatus.UNCONFIRMED:
            raise Refused("Order is not confirmed", "IllegalDeliveryStatus")
        if order.service is ServiceType.COURIER:
            check_version(order.organization.pos_version, (8, 0, 6))
            if order.status not in {DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED}:
                raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
        closed = close(_with_money_taken(order), context)
        if delivered_at:
            closed = replace(closed, stamps=replace(closed.stamps, delivered=delivered_at))
        return closed

    return rule


def cancel_order(
    *,
    cause_id: UUID | None,
    comment: str | None,
    removal_type_id: UUID | None,
    moved_to: UUID | None = None,
) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        dictionaries = order.organization.dictionaries
        removals = (dictionaries.removal_without_writeoff, dictionaries.removal_with_writeoff)
        removal = _named_by(removal_type_id, removals, "Removal type")
        if removal is None and order.stamps.printed:
            raise Refused("Removal type is needed to delete printed items")
        unnamed = NamedRow(uuid5(order.organization.id, "cancel-cause/none"), "Причина не указана")
        knows_comment = is_version_from(order.organization.pos_version, (8, 7, 6))
        cancellation = Cancellation(
            at=context.at,
            cause=_named_by(cause_id, dictionaries.cancel_causes, "Cancel cause") or unnamed,
            # An older till has no place for it; that it does not refuse is a guess.
            comment=comment if knows_comment else None,
            removal=removal or dictionaries.removal_without_writeoff,
        )
        return replace(as_cancelled(order, cancellation), moved_to=moved_to)

    return rule


def _named_by(row_id: UUID | None, rows: Collection[NamedRow], what: str) -> NamedRow | None:
    if row_id is None:
        return None
    for row in rows:
        if row.id == row_id:
            return row
    raise Refused(f"{what} {row_id} is not found")


def confirm_order(order: Order, context: TransitionContext) -> Order:
    if order.status is not DeliveryStatus.UNCONFIRMED:
        raise Refused("Only an unconfirmed order can be confirmed", "IllegalDeliveryStatus")
    return replace(
        order, status=DeliveryStatus.WAIT_COOKING, stamps=replace(order.stamps, confirmed=context.at)
    )


def cancel_confirmation(order: Order, context: TransitionContext) -> Order:
    """Take the confirmation back, while nothing was printed in the kitchen."""
    if order.status is not DeliveryStatus.WAIT_COOKING or order.stamps.printed:
        raise Refused("Confirmation can not be cancelled: the order is being cooked", "IllegalDeliveryStatus")
    return replace(order, status=DeliveryStatus.UNCONFIRMED, stamps=replace(order.stamps, confirmed=None))


# --- what may be said about an order ---


def assign_courier(courier_id: UUID) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        return _driven_by(courier_id, order)

    return rule


def change_driver(courier_id: UUID | None, estimated_time: datetime | None) -> Rule:
    """Put a courier on the order, or take the present one off.

    The vendor does not say what null means for either: that it clears both is a guess, and the harsher
    one for a client that leaves the estimate out.
    """

    def rule(order: Order, context: TransitionContext) -> Order:
        changed = _driven_by(courier_id, order)
        return replace(changed, estimated=estimated_time)

    return rule


def _driven_by(courier_id: UUID | None, order: Order) -> Order:
    if order.service is not ServiceType.COURIER:
        raise Refused("Order is taken away by the guest", "CanNotAssignCourierToOrder")
    if courier_id is None:
        return replace(order, courier=None, is_courier_chosen_by_hand=False)
    for courier in order.organization.couriers:
        if courier.id == courier_id:
            return replace(order, courier=courier, is_courier_chosen_by_hand=True)
    raise Refused(f"Courier {courier_id} does not exist", "CourierIdDoesNotExist")


def change_comment(comment: str) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        if len(comment) > _LONGEST_COMMENT:
            raise Refused(f"Comment is longer than {_LONGEST_COMMENT} characters", "Common")
        return replace(order, comment=comment or None)

    return rule


def change_complete_before(instant: datetime) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        if order.stamps.created and instant < order.stamps.created:
            raise Refused("Complete-before time is earlier than the order", "TooSmallDeliveryDate")
        if order.status not in _BEFORE_COOKING | {DeliveryStatus.COOKING_STARTED}:
            raise Refused("Order is cooked already", "IllegalDeliveryStatus")
        return replace(order, complete_before=instant, is_asap=False)

    return rule


def set_problem(*, has_problem: bool, description: str | None) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        shown = description or (order.problem.description if order.problem else "")
        return replace(order, problem=Problem(is_open=has_problem, description=shown))

    return rule


# --- payments ---


def change_payments(payments: tuple[Payment, ...]) -> Rule:
    """Put other payments in the place of all; none of these may be processed."""

    def rule(order: Order, context: TransitionContext) -> Order:
        if any(payment.is_settled for payment in order.payments):
            raise Refused("Can not change payments: some are processed already", "EntityAlreadyInUse")
        return replace(order, payments=payments)

    return rule


def add_payments(payments: tuple[Payment, ...]) -> Rule:
    def rule(order: Order, context: TransitionContext) -> Order:
        return replace(order, payments=(*order.payments, *payments))

    return rule
