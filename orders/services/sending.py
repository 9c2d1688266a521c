"""The one call of each kind of wish, in the vendor's operations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

from iiko_client import clocks
from iiko_client.breaker import Priority
from iiko_client.client import IikoClient
from iiko_client.reading import JsonObject
from iiko_client.types.payments import Payment, PaymentKind
from iiko_client.types.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.command_models import CommandKind, OrderCommand
from orders.models import Order
from organizations.models import Organization
from organizations.services.link import iiko_for


def order_of(command: OrderCommand) -> Order:
    """Read the order of a command anew: its row may have been joined with another since the claim."""
    return Order.objects.select_related("organization__api_login").get(commands=command.pk)


def client_of(organization: Organization, command: OrderCommand) -> IikoClient:
    """Return a client whose calls are logged under the name of who asked.

    Raises:
        NoApiLogin, BadApiLogin: see ``iiko_for``.
    """
    return iiko_for(organization, priority=Priority.OPERATOR, requested_by=command.requested_by)


def send(command: OrderCommand) -> str:
    """Make the call that a command stands for; returns iiko's correlation id.

    Raises:
        IikoError, HubError: it was not done, or nobody knows (``IikoNoAnswer``, ``IikoUnreadable``).
    """
    order = order_of(command)
    call = _CALLS[CommandKind(command.kind)]
    return call(client_of(order.organization, command), order, command.wish)


def zone_of(order: Order) -> tzinfo:
    """The clock on which iiko reads the times of an order."""
    group = order.organization.terminal_group(order.terminal_group_id)
    return clocks.zone(group.timezone) if group and group.timezone else order.organization.zone()


def _ids(order: Order) -> dict[str, str]:
    return {"organization_id": order.organization_id, "order_id": order.iiko_order_id or ""}


def _status(client: IikoClient, order: Order, wish: JsonObject) -> str:
    status = DeliveryStatus(wish["status"])
    if status is DeliveryStatus.UNCONFIRMED:
        return client.cancel_confirmation(**_ids(order)).correlation_id
    if status is DeliveryStatus.WAIT_COOKING:
        return client.confirm(**_ids(order)).correlation_id
    text = wish.get("delivered_at")
    moment = datetime.fromisoformat(text) if text else None
    zone = zone_of(order)
    if status is DeliveryStatus.CLOSED:
        return client.close(**_ids(order), zone=zone, delivered_at=moment).correlation_id
    return client.update_delivery_status(
        **_ids(order), status=status, zone=zone, delivered_at=moment
    ).correlation_id


def _courier(client: IikoClient, order: Order, wish: JsonObject) -> str:
    return client.assign_courier(**_ids(order), courier_id=wish["courier_id"]).correlation_id


def _payment(client: IikoClient, order: Order, wish: JsonObject) -> str:
    payments = [
        Payment(PaymentKind(one["kind"]), one["payment_type_id"], MinorUnits(one["sum_minor"]))
        for one in wish["payments"]
    ]
    return client.change_payments(**_ids(order), payments=payments).correlation_id


def _cancel(client: IikoClient, order: Order, wish: JsonObject) -> str:
    comment = wish["comment"] or None
    return client.cancel(
        **_ids(order),
        cause_id=wish["cause_id"],
        comment=comment,
        removal_type_id=wish["removal_type_id"],
        removal_comment=comment if wish["removal_type_id"] else None,
    ).correlation_id


_CALLS: dict[CommandKind, Callable[[IikoClient, Order, JsonObject], str]] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payment,
    CommandKind.CANCEL: _cancel,
}
