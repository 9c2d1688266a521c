"""The one call of each kind of command, in the vendor's operations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

from iiko_client import vendor_time
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBlocked, IikoError, IikoRejected
from iiko_client.http.responses import RIGHT_MISSING
from iiko_client.models.payments import Payment, PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.units import MinorUnits
from orders.actions.rules import DRIVER_FROM, is_pos_from, subject_of
from orders.commands.outcome import SEND_WITHIN
from orders.commands.refusals import TOO_OLD, code_of
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order
from organizations.connection.clients import iiko_for
from organizations.models.organization import Organization


def order_of(command: OrderCommand) -> Order:
    """Read the order of a command again: its row may have been merged since the claim."""
    return Order.objects.select_related("organization__api_login").get(commands=command.pk)


def client_of(organization: Organization, command: OrderCommand) -> IikoClient:
    """Return a client whose calls are logged under the name of who requested the command.

    Raises:
        NoApiLogin, BadApiLogin: see ``iiko_for``.
    """
    return iiko_for(organization, priority=Priority.OPERATOR, requested_by=command.requested_by)


def send(command: OrderCommand) -> str:
    """Make the call that a command stands for; returns iiko's correlation id.

    Raises:
        IikoError, HubError: it was not done, or nothing is known (``IikoNoAnswer``, ``IikoUnreadable``).
    """
    order = order_of(command)
    call = _CALLS[CommandKind(command.kind)]
    return call(client_of(order.organization, command), order, command)


def zone_of(order: Order) -> tzinfo:
    """Return the clock on which iiko reads the times of an order."""
    group = order.organization.terminal_group(order.terminal_group_id)
    return vendor_time.zone(group.timezone) if group and group.timezone else order.organization.zone()


def _ids(order: Order) -> dict[str, str]:
    return {"organization_id": order.organization_id, "order_id": order.iiko_order_id or ""}


def _status(client: IikoClient, order: Order, command: OrderCommand) -> str:
    params = command.params
    status = DeliveryStatus(params["status"])
    if status is DeliveryStatus.UNCONFIRMED:
        return client.cancel_confirmation(**_ids(order)).correlation_id
    if status is DeliveryStatus.WAIT_COOKING:
        return client.confirm(**_ids(order)).correlation_id
    text = params.get("delivered_at")
    moment = datetime.fromisoformat(text) if text else None
    zone = zone_of(order)
    if status is DeliveryStatus.CLOSED:
        return client.close(**_ids(order), zone=zone, delivered_at=moment).correlation_id
    return client.update_delivery_status(
        **_ids(order), status=status, zone=zone, delivered_at=moment
    ).correlation_id


OLDER_COURIER_CALL = "older_courier_call"
"""In ``state_data``: the POS turned out too old for the call that the dictionaries promised."""


def _courier(client: IikoClient, order: Order, command: OrderCommand) -> str:
    """Change the courier by the call that the POS knows.

    An unknown version gets the older call, which every POS takes; only that one cannot take a
    courier off. Where iiko certainly did nothing because it does not know the newer call, the older follows.
    """
    courier_id: str | None = command.params["courier_id"]
    is_new = is_pos_from(subject_of(order), DRIVER_FROM) and not command.state_data.get(OLDER_COURIER_CALL)
    if courier_id is None or is_new:
        try:
            return client.change_driver(
                **_ids(order),
                driver_id=courier_id,
                zone=zone_of(order),
                # Left out, it might be cleared; see ``change_driver``.
                estimated_at=order.estimated_time,
            ).correlation_id
        except (IikoAuthFailed, IikoBlocked, IikoRejected) as error:
            if courier_id is None or not _is_unknown_call(error):
                raise
    return client.assign_courier(**_ids(order), courier_id=courier_id).correlation_id


def _is_unknown_call(error: IikoError) -> bool:
    """Whether iiko refused an operation as such, before any work.

    A login without the right, or a cloud that does not have it, says it like this
    (docs/iiko.md#refused-tokens-and-rights). After several such refusals the client itself stops the call
    (``IikoBlocked``).
    """
    if isinstance(error, IikoBlocked) or error.code == RIGHT_MISSING:
        return True
    is_missing = error.http_status in (404, 405) and isinstance(error, IikoRejected)
    return is_missing or code_of(error.code, error.description) == TOO_OLD


def may_use_older_call(command: OrderCommand, code: str, now: datetime) -> bool:
    """Whether a courier that iiko refused because of the POS's age may be sent by the older call."""
    return (
        command.kind == CommandKind.ASSIGN_COURIER
        and command.params["courier_id"] is not None
        and code == TOO_OLD
        and not command.state_data.get(OLDER_COURIER_CALL)
        and now - command.created_at <= SEND_WITHIN
    )


def _payment(client: IikoClient, order: Order, command: OrderCommand) -> str:
    payments = [
        Payment(
            PaymentKind(one["kind"]),
            one["payment_type_id"],
            MinorUnits(one["sum_minor"]),
            is_processed_externally=one.get("is_processed_externally", False),
            # A POS knows it from 7.6.3, as it does this operation; false is left out.
            is_fiscalized_externally=one.get("is_fiscalized_externally") or None,
        )
        for one in command.params["payments"]
    ]
    return client.change_payments(**_ids(order), payments=payments).correlation_id


def _cancel(client: IikoClient, order: Order, command: OrderCommand) -> str:
    params = command.params
    comment = params["comment"] or None
    return client.cancel(
        **_ids(order),
        cause_id=params["cause_id"],
        comment=comment,
        removal_type_id=params["removal_type_id"],
        removal_comment=comment if params["removal_type_id"] else None,
    ).correlation_id


_CALLS: dict[CommandKind, Callable[[IikoClient, Order, OrderCommand], str]] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payment,
    CommandKind.CANCEL: _cancel,
}
