"""Changing delivery orders in iiko, and creating new ones.

Every change is a command: the answer is "queued" (docs/iiko.md#queued-not-done). Limits, minimal POS
versions and which states accept what: docs/iiko.md#actions-on-orders.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import AnswerReader, Body, OperationGroup
from iiko_client.endpoints.registry import Operation
from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.commands import Accepted, CreatedDelivery
from iiko_client.models.payments import Payment
from iiko_client.models.statuses import DeliveryStatus

LONGEST_REMOVAL_COMMENT = 255
# The schema sets no limit; the POS complained of longer ones (docs/iiko.md#lengths-of-texts).
LONGEST_COMMENT = 255

# The only three that update_order_delivery_status sets (docs/iiko.md#status-changes).
SETTABLE_STATUSES = frozenset({DeliveryStatus.WAITING, DeliveryStatus.ON_WAY, DeliveryStatus.DELIVERED})


class Deliveries(OperationGroup):
    """Commands to an order, by the cloud's id of it (``eventInfo.id``, not the POS's).

    ``zone`` is the clock of the order's terminal, on which iiko reads the times we send.
    """

    def update_delivery_status(
        self,
        *,
        organization_id: str,
        order_id: str,
        status: DeliveryStatus,
        zone: tzinfo,
        delivered_at: datetime | None = None,
    ) -> Accepted:
        """Set Waiting, OnWay or Delivered; ``delivered_at`` is when the guest got the order."""
        body = _of_order(registry.UPDATE_STATUS, organization_id, order_id)
        if status not in SETTABLE_STATUSES:
            body.refuse(f"deliveryStatus: {status} is not one of Waiting, OnWay, Delivered")
        body.text("deliveryStatus", str(status)).local("deliveryDate", delivered_at, zone)
        return self._command(body)

    def assign_courier(self, *, organization_id: str, order_id: str, courier_id: str) -> Accepted:
        """Assign a courier to the order (POS 7.1.5); this cannot remove one.

        Deprecated in the schema: ``change_driver`` is its successor (docs/iiko.md#couriers).
        """
        body = _of_order(registry.UPDATE_COURIER, organization_id, order_id)
        return self._command(body.ident("employeeId", courier_id))

    def change_driver(
        self,
        *,
        organization_id: str,
        order_id: str,
        driver_id: str | None,
        zone: tzinfo,
        estimated_at: datetime | None = None,
    ) -> Accepted:
        """Assign a courier to the order, or with None remove the present one (POS 8.6.6).

        The schema lets both fields be null and does not say what that does (docs/iiko.md#couriers). That a
        null driver removes the courier, and that an estimate left out may be cleared, are guesses: a call on
        a real POS would show it. To keep the estimate, pass the present one.
        """
        body = _of_order(registry.CHANGE_DRIVER, organization_id, order_id)
        body.ident("driverId", driver_id).local("estimatedTime", estimated_at, zone)
        body.wire.setdefault("driverId", None)
        return self._command(body)

    def change_payments(
        self, *, organization_id: str, order_id: str, payments: Iterable[Payment]
    ) -> Accepted:
        """Replace all payments (POS 7.6.3); fails at the POS if one of them was processed."""
        body = _of_order(registry.CHANGE_PAYMENTS, organization_id, order_id)
        return self._command(body.put("payments", [_payment(body, payment) for payment in payments]))

    def cancel(
        self,
        *,
        organization_id: str,
        order_id: str,
        cause_id: str | None = None,
        comment: str | None = None,
        removal_type_id: str | None = None,
        removal_comment: str | None = None,
        moved_order_id: str | None = None,
    ) -> Accepted:
        """Cancel the order (POS 7.5.4); printed items are deleted only with a removal type (7.7.1)."""
        body = _of_order(registry.CANCEL, organization_id, order_id)
        body.ident("movedOrderId", moved_order_id).ident("cancelCauseId", cause_id)
        body.text("cancelComment", comment, most=LONGEST_COMMENT).ident("removalTypeId", removal_type_id)
        body.text("removalComment", removal_comment, most=LONGEST_REMOVAL_COMMENT)
        return self._command(body)

    def close(
        self, *, organization_id: str, order_id: str, zone: tzinfo, delivered_at: datetime | None = None
    ) -> Accepted:
        """Close the order, which must be paid (POS 7.4.6; with a courier or a time 8.0.6)."""
        body = _of_order(registry.CLOSE, organization_id, order_id)
        return self._command(body.local("deliveryDate", delivered_at, zone))

    def confirm(self, *, organization_id: str, order_id: str) -> Accepted:
        """Confirm an Unconfirmed order (POS 7.6.1)."""
        return self._command(_of_order(registry.CONFIRM, organization_id, order_id))

    def cancel_confirmation(self, *, organization_id: str, order_id: str) -> Accepted:
        """Make the order Unconfirmed again (POS 7.6.1)."""
        return self._command(_of_order(registry.CANCEL_CONFIRMATION, organization_id, order_id))

    def change_comment(self, *, organization_id: str, order_id: str, comment: str) -> Accepted:
        """Replace the order's comment (POS 7.6.1)."""
        body = _of_order(registry.CHANGE_COMMENT, organization_id, order_id)
        return self._command(body.text("comment", comment, most=LONGEST_COMMENT))

    def create_delivery(
        self, *, organization_id: str, order: JsonObject, terminal_group_id: str | None = None
    ) -> CreatedDelivery:
        """Send a new order, written as the schema has it, money as ``Decimal``.

        ``order["id"]`` is the caller's, so that the order can be found after a lost answer
        (docs/iiko.md#lost-creation).
        """
        body = Body(registry.CREATE_DELIVERY).ident("organizationId", organization_id)
        body.ident("order.id", order.get("id") or "").wire.pop("order.id")
        return self._ask(body.ident("terminalGroupId", terminal_group_id).put("order", dict(order)), _created)

    def _command(self, body: Body) -> Accepted:
        return self._ask(body, AnswerReader.accepted)


def _created(answer: AnswerReader) -> CreatedDelivery:
    info = answer.need("orderInfo", Reader.child).wire
    return CreatedDelivery(answer.correlation_id(), info)


def _of_order(operation: Operation, organization_id: str, order_id: str) -> Body:
    return Body(operation).ident("organizationId", organization_id).ident("orderId", order_id)


def _payment(body: Body, payment: Payment) -> dict[str, object]:
    wire = Body(body.operation).text("paymentTypeKind", str(payment.kind))
    wire.put("sum", body.sum_of("sum", payment.sum_minor)).ident("paymentTypeId", payment.payment_type_id)
    wire.put("isProcessedExternally", payment.is_processed_externally)
    wire.put("isFiscalizedExternally", payment.is_fiscalized_externally)
    return wire.put("paymentAdditionalData", payment.additional).wire
