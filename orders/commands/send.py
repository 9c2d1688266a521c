"""The call of a command: whose client makes it, for which order."""

from datetime import datetime

from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from orders.actions.base import Target
from orders.actions.registry import action_of
from orders.commands.outcome import SEND_WITHIN
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.connection.clients import iiko_for
from organizations.models.organization import Organization


def order_of(command: OrderCommand) -> Order:
    """Read the order of a command again: its row may have been merged since the claim."""
    return Order.objects.select_related("organization__api_login").get(commands=command.pk)


def client_of(organization: Organization, command: OrderCommand) -> IikoClient:
    """Return a client whose calls are logged with the command, and with the name of who requested it.

    Raises:
        NoApiLogin, BadApiLogin: see ``iiko_for``.
    """
    return iiko_for(
        organization,
        priority=Priority.OPERATOR,
        requested_by=command.requested_by,
        command_id=command.pk,
    )


def send(command: OrderCommand) -> str:
    """Make the call that a command stands for; returns iiko's correlation id.

    Raises:
        IikoError, HubError: it was not done, or nothing is known (``IikoNoAnswer``, ``IikoUnreadable``).
    """
    order, action = order_of(command), action_of(command.kind)
    target = Target(client_of(order.organization, command), order, command.state_data)
    return action.send(target, action.params.from_json(command.params))


def facts_for_second_try(command: OrderCommand, code: str, now: datetime) -> dict[str, object] | None:
    """Return what to remember for a second try after iiko refused with ``code``; None: there is none."""
    if now - command.created_at > SEND_WITHIN:
        return None
    action = action_of(command.kind)
    return action.facts_for_second_try(action.params.from_json(command.params), command.state_data, code)
