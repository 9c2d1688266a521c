"""Acknowledge what went wrong: it is counted no more, and the timeline says by whom and when."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from audit.entries import record
from orders.commands.refusals import refusal
from orders.commands.transitions import lock
from orders.errors import UnknownOrder
from orders.mirror.timeline import ACKNOWLEDGED
from orders.models.command import FAILED_STATES, OrderCommand
from orders.models.order import Order, TimelineEntry
from orders.signals import announce_change

_BY = "refusal_acknowledged_by"


@transaction.atomic
def acknowledge_refusal(*, order_id: int, by: str, now: datetime) -> bool:
    """Acknowledge an order that the POS did not take. False: somebody had before.

    Raises:
        UnknownOrder: there is no such order.
        NotAllowed: the POS took it, or may still do so.
    """
    order = Order.objects.select_for_update(of=("self",)).filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder(_("There is no such order."))
    if not order.is_refused:
        raise refusal("not_refused")
    if order.refusal_acknowledged_at is not None:
        return False
    order.refusal_acknowledged_at, order.refusal_acknowledged_by = now, by[:200]
    order.save(update_fields=["refusal_acknowledged_at", "refusal_acknowledged_by"])
    _record(order, {"what": "refusal"}, by, now)
    record("order_acknowledge", order, before={_BY: ""}, after={_BY: by})
    return True


@transaction.atomic
def acknowledge_command(*, command_id: int, by: str, now: datetime) -> bool:
    """Acknowledge a command that failed. False: somebody had before.

    Raises:
        UnknownOrder: there is no such command.
        NotAllowed: it did not fail, or is not over.
    """
    if (locked := lock(command_id)) is None:
        raise UnknownOrder(_("There is no such command."))
    command: OrderCommand = locked[1]
    if command.state not in FAILED_STATES:
        raise refusal("not_failed")
    if command.acknowledged_at is not None:
        return False
    command.acknowledged_at, command.acknowledged_by = now, by[:200]
    command.save(update_fields=["acknowledged_at", "acknowledged_by"])
    about = {"what": "command", "command_id": command.pk, "kind": command.kind, "state": command.state}
    _record(locked[0], about, by, now)
    return True


def _record(order: Order, about: dict[str, object], by: str, now: datetime) -> None:
    TimelineEntry.objects.create(
        order_id=order.pk,
        organization_id=order.organization_id,
        what=ACKNOWLEDGED,
        to_value=about,
        recorded_at=now,
        actor=by[:100],
    )
    announce_change()
