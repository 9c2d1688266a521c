"""Whether an order shows what was requested: proof without an answer of iiko's."""

from orders.actions.base import Fields
from orders.actions.registry import ACTIONS, action_of
from orders.models.command import CommandState, OrderCommand, OrderCommandQuerySet
from orders.models.order import Order, is_over

FIELDS = frozenset({"status", "is_deleted"}.union(*(action.shown_by for action in ACTIONS)))


def fields_of(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in FIELDS}


def is_fulfilled(command: OrderCommand, fields: Fields) -> bool:
    """Whether the fields of an order, named as in the mirror, fulfil a command."""
    action = action_of(command.kind)
    if action.first_phase:
        return False  # its phases know; its params need not be read
    params = action.params.from_json(command.params)
    return action.is_fulfilled(params, fields) or action.is_surpassed(
        params, fields, command.order_snapshot, _earlier(command)
    )


def is_status_proof(command: OrderCommand) -> bool:
    """Whether iiko's word that a command is done is enough."""
    action = action_of(command.kind)
    return action.is_proved_by_status(action.params.from_json(command.params))


def is_fulfilled_unsent(command: OrderCommand, fields: Fields) -> bool:
    """Whether the mirror fulfils a command for which nothing was sent.

    Another change sent since the command was made may not be in the mirror yet: what it shows is then not
    what the order will be.
    """
    if not is_fulfilled(command, fields):
        return False
    action = action_of(command.kind)
    is_exact = action.is_fulfilled(action.params.from_json(command.params), fields)
    if not is_exact or is_over(fields):
        return True
    return not _earlier(command).filter(finished_at__gt=command.created_at).exists()


def is_confirmed_by(command: OrderCommand, fields: Fields) -> bool:
    """Whether a change that iiko reports of an order confirms a command under way.

    Where the same was sent before, it may be a late report of that: iiko's status decides then.
    """
    if not is_fulfilled(command, fields):
        return False
    if command.state != CommandState.SENT or is_over(fields):
        return True
    return not _earlier(command).filter(params=command.params).exists()


def _earlier(command: OrderCommand) -> OrderCommandQuerySet:
    """Return earlier commands of the same kind for the same order that iiko may have carried out."""
    others = OrderCommand.objects.filter(
        order_id=command.order_id, kind=command.kind, pk__lt=command.pk, sent_at__isnull=False
    )
    return others.exclude(state=CommandState.REJECTED)
