"""Changing the status. The transitions are the vendor's (docs/iiko.md#status-changes)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from core.mirror.precedence import is_told
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.base import Action, Display, Fields, Offer, Target
from orders.actions.cancel import CancelOrder, CancelParams
from orders.actions.params import Params
from orders.actions.rules import ALWAYS, Check, Subject, goes_by_courier, pos_from, run
from orders.commands.refusals import ANY, BY_COURIER, CHANGES, OF_FOOD, OF_STATUS, refusal
from orders.models.command import CommandKind, OrderCommandQuerySet
from orders.models.order import OrderType, Status

PAID_ON_THE_WAY = "WhenOrderOnTheWay"

FIRST_PLAUSIBLE = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(hours=1)
"""So far ahead may the clock of a POS or a caller be."""

HANDED_OVER = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED})
"""Statuses that take the time at which the guest had it."""

_WITH_COURIER = frozenset({DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED})
_LATER: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.WAIT_COOKING: frozenset(DeliveryStatus)
    - {DeliveryStatus.UNCONFIRMED, DeliveryStatus.CANCELLED},
    DeliveryStatus.WAITING: HANDED_OVER | {DeliveryStatus.ON_WAY},
    DeliveryStatus.ON_WAY: HANDED_OVER,
    DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.CLOSED}),
}
"""Where an order has come further than requested, the command is fulfilled as well."""

_SAME_TIME = timedelta(minutes=1)
"""A guess: no source says to what a POS rounds the time of delivery it was given."""


# --- rules -------------------------------------------------------------------------------------------


def is_confirmed(subject: Subject) -> None:
    if subject.status == DeliveryStatus.UNCONFIRMED:
        raise refusal("not_confirmed")


def uses_confirmation(subject: Subject) -> None:
    # An unconfirmed order shows that the restaurant confirms, whatever its settings said when last read.
    is_off = subject.organization.is_confirmation_enabled is False
    if is_off and subject.status != DeliveryStatus.UNCONFIRMED:
        raise refusal("confirmation_off")


def is_paid_on_closing(subject: Subject) -> None:
    if subject.organization.payment_settings == PAID_ON_THE_WAY:
        raise refusal("paid_on_the_way")


def is_on_its_way(subject: Subject) -> None:
    is_elsewhere = subject.status is not None and subject.status not in _WITH_COURIER
    if subject.order.order_type == OrderType.DELIVERY and is_elsewhere:
        raise refusal("not_on_the_way")


def is_covered(subject: Subject) -> None:
    """Require that what was put down covers the cost: closing takes the money."""
    order = subject.order
    if order.amount_minor is None or not is_told(order.field_precedence, "payments"):
        return  # SOI tells no payments
    if sum(payment.get("sum_minor") or 0 for payment in order.payments) < order.amount_minor:
        raise refusal("not_paid")


def courier_closes_from(subject: Subject) -> None:
    if subject.order.order_type != OrderType.PICKUP:
        pos_from(8, 0, 6)(subject)


def stands_before_the_kitchen(subject: Subject) -> None:
    if subject.status is not None and subject.status != DeliveryStatus.WAIT_COOKING:
        raise refusal("being_cooked")


def waits_for_confirmation(subject: Subject) -> None:
    if subject.status is not None and subject.status != DeliveryStatus.UNCONFIRMED:
        raise refusal("already_confirmed")


def is_the_kitchens(_subject: Subject) -> None:
    raise refusal("set_by_kitchen")


STATUSES: dict[DeliveryStatus, tuple[Check, ...]] = {
    DeliveryStatus.UNCONFIRMED: (pos_from(7, 6, 1), uses_confirmation, stands_before_the_kitchen),
    DeliveryStatus.WAIT_COOKING: (pos_from(7, 6, 1), uses_confirmation, waits_for_confirmation),
    DeliveryStatus.READY_FOR_COOKING: (is_the_kitchens,),
    DeliveryStatus.COOKING_STARTED: (is_the_kitchens,),
    DeliveryStatus.COOKING_COMPLETED: (is_the_kitchens,),
    DeliveryStatus.WAITING: (is_confirmed, is_paid_on_closing),
    DeliveryStatus.ON_WAY: (is_confirmed, goes_by_courier),
    DeliveryStatus.DELIVERED: (is_confirmed, goes_by_courier, is_on_its_way),
    DeliveryStatus.CLOSED: (is_confirmed, pos_from(7, 4, 6), courier_closes_from, is_on_its_way, is_covered),
    DeliveryStatus.CANCELLED: CancelOrder.rules,
}
"""Which checks a requested status passes, after ``ALWAYS``."""


# --- the action --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusParams(Params):
    """``delivered_at``, when the guest had it, goes with Delivered and Closed alone."""

    status: DeliveryStatus
    delivered_at: datetime | None = None


class UpdateStatus(Action[StatusParams, StatusParams]):
    """Set another status; Cancelled is a cancellation."""

    kind = CommandKind.UPDATE_STATUS
    title = gettext_lazy("Change the status")
    permission = "orders.change_order_status"
    params = StatusParams
    refusals = ANY | CHANGES | BY_COURIER | OF_STATUS | OF_FOOD
    shown_by = ("status", "when_delivered")

    def offers(self, subject: Subject) -> list[Offer]:
        return [
            self.offer(partial(self.check_status, subject, status), status.value)
            for status in DeliveryStatus
            if status is not DeliveryStatus.CANCELLED
        ]

    def check_status(self, subject: Subject, wanted: DeliveryStatus) -> None:
        """Raise why a status cannot be asked for.

        Raises:
            NotAllowed: with a stable code, the reason and what to do instead.
        """
        run(ALWAYS, subject)
        if subject.status == wanted:
            raise refusal("already_so.status")
        run(STATUSES[wanted], subject)

    def check_asked(self, asked: StatusParams, now: datetime) -> None:
        if asked.delivered_at is None:
            return
        if asked.status not in HANDED_OVER:
            raise refusal("delivered_at_unfit")
        if not FIRST_PLAUSIBLE <= asked.delivered_at <= now + CLOCKS_APART:
            raise refusal("delivered_at_implausible")

    def meant(self, asked: StatusParams) -> tuple[Action[Any, Any], Any]:
        if asked.status is DeliveryStatus.CANCELLED:
            return CancelOrder(), CancelParams()
        return self, asked

    def resolve(self, subject: Subject, asked: StatusParams) -> StatusParams:
        self.check_status(subject, asked.status)
        return asked

    def send(self, target: Target, params: StatusParams) -> str:
        client, ids, zone = target.client, target.ids, target.zone
        match params.status:
            case DeliveryStatus.UNCONFIRMED:
                accepted = client.cancel_confirmation(**ids)
            case DeliveryStatus.WAIT_COOKING:
                accepted = client.confirm(**ids)
            case DeliveryStatus.CLOSED:
                accepted = client.close(**ids, zone=zone, delivered_at=params.delivered_at)
            case status:
                accepted = client.update_delivery_status(
                    **ids, status=status, zone=zone, delivered_at=params.delivered_at
                )
        return accepted.correlation_id

    def is_fulfilled(self, params: StatusParams, fields: Fields) -> bool:
        return bool(fields.get("status") == params.status) and _is_at_its_time(params, fields)

    def is_surpassed(
        self, params: StatusParams, fields: Fields, snapshot: Fields, earlier: OrderCommandQuerySet
    ) -> bool:
        if not _is_at_its_time(params, fields):
            return False
        later, before = _LATER.get(params.status, frozenset()), snapshot.get("status")
        # From Delivered back to OnWay: an order that is Delivered still proves nothing.
        if before is None or before in later or fields.get("status") not in later:
            return False
        return not earlier.filter(params__status__in=later).exists()

    def describe(self, params: StatusParams, display: Display) -> str:
        status = str(Status(params.status).label)
        if params.delivered_at is None:
            return status
        facts = {"status": status, "moment": display.clock(params.delivered_at)}
        return gettext("%(status)s, with the guest at %(moment)s") % facts


def _is_at_its_time(params: StatusParams, fields: Fields) -> bool:
    """Whether the order was delivered when the command says, if it says when."""
    if params.delivered_at is None:
        return True
    shown: datetime | None = fields.get("when_delivered")
    return shown is not None and abs(shown - params.delivered_at) < _SAME_TIME
