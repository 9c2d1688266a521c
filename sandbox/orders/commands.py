"""Commands on deliveries: accepted at once, carried out by the POS a little later.

Each command is its request; ``apply`` gives the order as it becomes, or refuses. The statuses follow the
vendor's article on order creation (REFERENCE 2.1). What it leaves open is decided leniently here: any open
order may be cancelled, commented, paid or given a courier.
"""

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from random import Random
from typing import Annotated, ClassVar
from uuid import UUID, uuid5

from sandbox.catalogue.money import ZERO
from sandbox.catalogue.world import NamedRow, PaidWhen, find
from sandbox.http.call import OPERATIONS, Call, OfOrder, OfRestaurant, Operation, operation
from sandbox.http.request import ApiError, Choice, Length, instant
from sandbox.http.vendor_json import Json, answer
from sandbox.orders.order import Cancellation, DeliveryStatus, Order, Problem, ServiceType
from sandbox.orders.order_request import AnyPayment, ExternalValue, Text255, check_payments
from sandbox.orders.pos import CHANGED_AT_POS, Refused, check_open, check_version, get_row, is_version_from
from sandbox.orders.transitions import TransitionContext, as_cancelled, close, deliver, send_out, wait

_BEFORE_COOKED = {DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING, DeliveryStatus.COOKING_STARTED}
_ON_THE_ROAD = {DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED}


class Command(OfOrder):
    """A change of an order; a POS of a version before ``since`` does not know it."""

    since: ClassVar[tuple[int, ...]]

    def __init_subclass__(cls, *, path: str, since: tuple[int, ...] = ()) -> None:
        super().__init_subclass__()
        cls.since = since
        OPERATIONS[f"deliveries/{path}"] = Operation(cls, _submit)

    def apply(self, order: Order, context: TransitionContext) -> Order:
        """Give the order as it becomes.

        Raises:
            Refused: the POS does not do it.
        """
        raise NotImplementedError


def _submit(call: Call, request: Command) -> Json:
    """Accept a command; the order is read again when the POS carries it out."""
    known, engine = call.order(request), call.simulator.engine
    organization = known.organization

    def act(correlation_id: UUID, at: datetime) -> None:
        check_version(organization.pos_version, request.since)
        order = engine.order(organization, known.id)
        if order is None:
            raise Refused("Order is not found at the restaurant checkout", "OrderNotFound")
        check_open(order)
        context = TransitionContext(at, Random(str(correlation_id)), engine.couriers_on_shift(organization))
        changed = request.apply(order, context)
        if changed == order:
            return
        engine.change(changed, at, correlation_id)
        # The target order names this one. That no webhook is sent of it is a guess.
        target = engine.order(organization, changed.moved_to) if changed.moved_to else None
        if target is not None:
            engine.update_silently(replace(target, moved_from=changed.id), at)

    return {
        "correlationId": call.simulator.commands.submit(organization, call.now, act, known.terminal_group)
    }


# --- statuses ---


class SetStatus(Command, path="update_order_delivery_status"):
    """Switch between Waiting, OnWay and Delivered."""

    delivery_status: Annotated[str, Choice(("Waiting", "OnWay", "Delivered"))]
    delivery_date: datetime | None = None

    def apply(self, order: Order, context: TransitionContext) -> Order:
        if order.status is DeliveryStatus.UNCONFIRMED:
            raise Refused("Order is not confirmed", "IllegalDeliveryStatus")
        if self.delivery_status == "Waiting":
            if order.organization.paid_when is PaidWhen.ON_THE_WAY:
                # PrepareDeliveryForSending works only where payment is on closing (help centre).
                raise Refused(
                    "Method PrepareDeliveryForSending is available only with payment on closing",
                    "WrongDeliveryStatus",
                )
            return wait(order, context).stamped(sent=None, delivered=None)
        if order.service is not ServiceType.COURIER:
            raise Refused("Order is taken away by the guest", "WrongDeliveryStatus")
        if self.delivery_status == "OnWay":
            return _to_on_way(order, context)
        if order.status not in _ON_THE_ROAD:
            raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
        return _delivered_at(self.delivery_date, deliver(order, context))


def _to_on_way(order: Order, context: TransitionContext) -> Order:
    if order.organization.paid_when is PaidWhen.ON_THE_WAY:
        order = _with_payments_settled(order)
    sent = send_out(order, context).stamped(delivered=None)
    # The POS does not choose a courier for a client.
    return replace(sent, courier=order.courier, is_courier_chosen_by_hand=order.is_courier_chosen_by_hand)


def _delivered_at(local: datetime | None, order: Order) -> Order:
    return order.stamped(delivered=instant(local, order.organization.zone)) if local else order


def _with_payments_settled(order: Order) -> Order:
    """Process all payments; they must cover what the order costs."""
    if sum((payment.sum for payment in order.payments), ZERO) < order.sum:
        raise Refused(f"Payment of order #{order.number} failed. Reason: PaymentSumNotEnough")
    return replace(order, payments=tuple(replace(each, is_settled=True) for each in order.payments))


class Close(Command, path="close", since=(7, 4, 6)):
    delivery_date: datetime | None = None

    def apply(self, order: Order, context: TransitionContext) -> Order:
        if order.status is DeliveryStatus.UNCONFIRMED:
            raise Refused("Order is not confirmed", "IllegalDeliveryStatus")
        if order.service is ServiceType.COURIER:
            check_version(order.organization.pos_version, (8, 0, 6))
            if order.status not in _ON_THE_ROAD:
                raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
        return _delivered_at(self.delivery_date, close(_with_payments_settled(order), context))


class Cancel(Command, path="cancel", since=(7, 5, 4)):
    cancel_cause_id: UUID | None = None
    cancel_comment: str | None = None
    removal_type_id: UUID | None = None
    removal_comment: Text255 | None = None
    moved_order_id: UUID | None = None
    user_id_for_writeoff: UUID | None = None

    def apply(self, order: Order, context: TransitionContext) -> Order:
        dictionaries = order.organization.dictionaries
        removals = (dictionaries.removal_without_writeoff, dictionaries.removal_with_writeoff)
        removal_id, cause_id = self.removal_type_id, self.cancel_cause_id
        removal = get_row(removal_id, removals, "Removal type ") if removal_id else None
        if removal is None and order.stamps.printed:
            raise Refused("Removal type is needed to delete printed items")
        cause = NamedRow(uuid5(order.organization.id, "cancel-cause/none"), "Причина не указана")
        if cause_id:
            cause = get_row(cause_id, dictionaries.cancel_causes, "Cancel cause ")
        knows_comment = is_version_from(order.organization.pos_version, (8, 7, 6))
        cancellation = Cancellation(
            at=context.at,
            cause=cause,
            # An older POS has no place for it; that it does not refuse is a guess.
            comment=self.cancel_comment if knows_comment else None,
            removal=removal or dictionaries.removal_without_writeoff,
        )
        return replace(as_cancelled(order, cancellation), moved_to=self.moved_order_id)


class Confirm(Command, path="confirm", since=(7, 6, 1)):
    def apply(self, order: Order, context: TransitionContext) -> Order:
        if order.status is not DeliveryStatus.UNCONFIRMED:
            raise Refused("Only an unconfirmed order can be confirmed", "IllegalDeliveryStatus")
        return replace(order.stamped(confirmed=context.at), status=DeliveryStatus.WAIT_COOKING)


class CancelConfirmation(Command, path="cancel_confirmation", since=(7, 6, 1)):
    """Take the confirmation back, while nothing was printed in the kitchen."""

    def apply(self, order: Order, context: TransitionContext) -> Order:
        if order.status is not DeliveryStatus.WAIT_COOKING or order.stamps.printed:
            reason = "Confirmation can not be cancelled: the order is being cooked"
            raise Refused(reason, "IllegalDeliveryStatus")
        return replace(order.stamped(confirmed=None), status=DeliveryStatus.UNCONFIRMED)


# --- other changes ---


class AssignCourier(Command, path="update_order_courier", since=(7, 1, 5)):
    employee_id: UUID

    def apply(self, order: Order, context: TransitionContext) -> Order:
        return _driven_by(self.employee_id, order)


class ChangeDriver(Command, path="change_driver_info", since=(8, 6, 6)):
    """Put a courier on the order, or take the present one off.

    The vendor does not say what null means for either: that it clears both is a guess, and the harsher
    one for a client that leaves the estimate out.
    """

    driver_id: UUID | None = None
    estimated_time: datetime | None = None

    def apply(self, order: Order, context: TransitionContext) -> Order:
        estimated = instant(self.estimated_time, order.organization.zone) if self.estimated_time else None
        return replace(_driven_by(self.driver_id, order), estimated=estimated)


def _driven_by(courier_id: UUID | None, order: Order) -> Order:
    if order.service is not ServiceType.COURIER:
        raise Refused("Order is taken away by the guest", "CanNotAssignCourierToOrder")
    courier = find(order.organization.couriers, courier_id)
    if courier is None and courier_id:
        raise Refused(f"Courier {courier_id} does not exist", "CourierIdDoesNotExist")
    return replace(order, courier=courier, is_courier_chosen_by_hand=courier is not None)


class ChangeComment(Command, path="change_comment", since=(7, 6, 1)):
    comment: str

    def apply(self, order: Order, context: TransitionContext) -> Order:
        if len(self.comment) > 255:
            raise Refused("Comment is longer than 255 characters", "Common")
        return replace(order, comment=self.comment or None)


class ChangeCompleteBefore(Command, path="change_complete_before", since=(7, 5, 4)):
    new_complete_before: datetime

    def apply(self, order: Order, context: TransitionContext) -> Order:
        due = instant(self.new_complete_before, order.organization.zone)
        if order.stamps.created and due < order.stamps.created:
            raise Refused("Complete-before time is earlier than the order", "TooSmallDeliveryDate")
        if order.status not in _BEFORE_COOKED:
            raise Refused("Order is cooked already", "IllegalDeliveryStatus")
        return replace(order, complete_before=due, is_asap=False)


class SetProblem(Command, path="update_order_problem"):
    has_problem: bool
    problem: Annotated[str, Length(1000)] | None

    def apply(self, order: Order, context: TransitionContext) -> Order:
        description = self.problem or (order.problem.description if order.problem else "")
        return replace(order, problem=Problem(is_open=self.has_problem, description=description))


class ChangePayments(Command, path="change_payments", since=(7, 6, 3)):
    """Replace all payments; none of the present ones may be processed."""

    payments: list[AnyPayment]

    def apply(self, order: Order, context: TransitionContext) -> Order:
        payments = check_payments(self.payments, order.organization)
        if any(payment.is_settled for payment in order.payments):
            raise Refused("Can not change payments: some are processed already", "EntityAlreadyInUse")
        return replace(order, payments=payments)


class AddPayments(Command, path="add_payments", since=(8, 4, 6)):
    payments: list[AnyPayment]

    def apply(self, order: Order, context: TransitionContext) -> Order:
        payments = check_payments(self.payments, order.organization)
        return replace(order, payments=(*order.payments, *payments))


# --- what the cloud does by itself, at once ---


class ExternalDataRequest(OfOrder):
    external_data: list[ExternalValue]


@operation("deliveries/change_external_data")
def _change_external_data(call: Call, request: ExternalDataRequest) -> Json:
    order = call.order(request)
    merged = dict(order.external_data) | {part.key: part.value for part in request.external_data}
    call.simulator.engine.update_silently(replace(order, external_data=tuple(merged.items())), call.now)
    return answer()


class TrackingLinkRequest(OfOrder):
    tracking_link: Annotated[str, Length(512)] | None = None


@operation("deliveries/update_tracking_link")
def _update_tracking_link(call: Call, request: TrackingLinkRequest) -> None:
    changed = replace(call.order(request), tracking_link=request.tracking_link)
    call.simulator.engine.update_silently(changed, call.now)


class StatusRequest(OfRestaurant):
    correlation_id: UUID


@operation("commands/status")
def _command_status(call: Call, request: StatusRequest) -> Json:
    organization = call.organization(request)
    state = call.simulator.commands.state(request.correlation_id, organization, call.now)
    if state is None:
        # Also for one never given: the vendor may well tell these apart.
        raise ApiError(
            HTTPStatus.GONE, "Correlation id is no longer supported, do not request methods with it."
        )
    return state
