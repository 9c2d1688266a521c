"""What people and programs ask of an order: checked, written down, handed to a worker.

Nothing is sent here. The order in the mirror stays as iiko told it until iiko confirms the command.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from core import trace
from orders.actions.base import A, Action, AnyAction, P
from orders.actions.discount.saga import MIDWAY
from orders.actions.registry import action_of
from orders.actions.rules import subject_of
from orders.commands.acknowledge import acknowledge_command
from orders.commands.idempotency import once
from orders.commands.refusals import refusal
from orders.commands.transitions import finish, lock, record
from orders.errors import NotAllowed, UnknownOrder
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order
from orders.signals import command_due
from organizations.connection.clients import credentials_of, login_of

logger = structlog.stdlib.get_logger(__name__)

_REMEMBERED = ("status", "raw_status", "courier_id", "courier_name", "amount_minor", "payments", "revision")


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: ``name`` for people, ``owner`` keeps the idempotency keys of callers apart."""

    name: str
    owner: str
    user: Any = field(default=None, compare=False)


def request(action: Action[A, P], asked: A, *, order_id: int, by: Requester, now: datetime) -> OrderCommand:
    """Ask for an action on an order.

    Raises:
        UnknownOrder, NotAllowed, InvalidParams: nothing was stored.
    """
    action.check_asked(asked, now)
    meant, asked = action.meant(asked)
    with transaction.atomic():
        order = _locked(order_id)
        credentials_of(login_of(order.organization))  # what could never be sent is refused at once
        command = OrderCommand.objects.create(
            order=order,
            organization_id=order.organization_id,
            kind=meant.kind,
            params=_params(meant, order, asked),
            order_snapshot={name: getattr(order, name) for name in _REMEMBERED},
            requested_by=by.name[:200],
            user=by.user,
            created_at=now,
            phase=meant.first_phase,
            trace_id=trace.current_uuid(),
        )
        logger.info("command.asked", command_pk=command.pk, order_pk=order.pk, kind=str(meant.kind))
        record(command, None, CommandState.PENDING, now=now, actor=command.requested_by)
        command_due.send(OrderCommand, command_id=command.pk, at=None)
    return command


def retry(command: OrderCommand, *, by: Requester, now: datetime) -> tuple[OrderCommand, bool]:
    """Ask for the same again and acknowledge how it ended; the second time: the first new command and False.

    Raises:
        NotAllowed, InvalidParams: it was refused, and nothing was stored.
    """
    action = action_of(command.kind)
    asked = action.ask_again(action.params.from_json(command.params))
    again, is_new = once(
        lambda: request(action, asked, order_id=command.order_id, by=by, now=now),
        owner=by.owner,
        key=f"retry:{command.pk}",
        fingerprint=f"retry:{command.pk}",
        now=now,
    )
    acknowledge_command(command_id=command.pk, by=by.name, now=now)
    return again, is_new


def _params(action: AnyAction, order: Order, asked: object) -> dict[str, object]:
    under_way = OrderCommand.objects.open().filter(order=order, kind=action.kind)
    try:
        params = action.resolve(subject_of(order), asked).to_json()
    except NotAllowed as error:
        if error.code == "already_so" and under_way.exists():
            raise refusal("change_under_way") from error
        raise
    if under_way.filter(params=params).exists():
        raise refusal("already_asked")
    return dict(params)


def _locked(order_id: int) -> Order:
    order = (
        Order.objects.select_for_update(of=("self",))
        .select_related("organization")
        .filter(pk=order_id)
        .first()
    )
    if order is None:
        raise UnknownOrder(_("There is no such order."))
    return order


def abandon(*, command_id: int, by: Requester, now: datetime) -> OrderCommand:
    """Stop following a command; what was sent may still be carried out by iiko.

    Raises:
        UnknownOrder: there is no such command.
        NotAllowed: it is over.
    """
    with transaction.atomic():
        locked = lock(command_id)
        if locked is None:
            raise UnknownOrder(_("There is no such command."))
        _order, command = locked
        if command.is_final and command.state != CommandState.NEEDS_ATTENTION:
            raise refusal("command_over")
        code = _abandoned_code(command)
        finish(command, CommandState.EXPIRED, now=now, code=code, actor=by.name)
    return command


def _abandoned_code(command: OrderCommand) -> str:
    if command.state == CommandState.NEEDS_ATTENTION:
        return "seen_to"
    was_sent = command.state != CommandState.PENDING
    if command.phase in MIDWAY or (command.phase and was_sent):
        return "given_up_midway"
    return "given_up" if was_sent else "given_up_unsent"
