"""Record the steps of a command for people, and end it.

Whoever changes a command has locked its order first and then the command, as the mirror does.
"""

from datetime import datetime

import structlog

from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from orders.signals import announce_change, command_due

logger = structlog.stdlib.get_logger(__name__)

HUB = "hub"
_IIKO = "iiko"
_SAID_BY_IIKO = (CommandState.CONFIRMED, CommandState.REJECTED)


def lock(command_id: int) -> tuple[Order, OrderCommand] | None:
    """Lock the order of a command and then the command; within a transaction. None: there is none."""
    row = OrderCommand.objects.filter(pk=command_id)
    orders = Order.objects.select_for_update(no_key=True).only(
        "status",
        "is_deleted",
        "unknown_to_iiko_at",
        "courier_id",
        "payments",
        "when_delivered",
        "organization",
    )
    ids = row.order_by().values_list("order_id", flat=True)
    while (order_id := ids.all().first()) is not None:
        # Rows that turned out to be one order may have been merged since the lookup.
        if (order := orders.filter(pk=order_id).order_by().first()) is not None:
            return order, row.select_for_update(no_key=True).get()
    return None


def is_same_claim(current: OrderCommand, claimed: OrderCommand) -> bool:
    """Whether nobody took another step since ``claimed`` was: each claim ends at another moment."""
    return (
        not current.is_final
        and current.phase == claimed.phase
        and current.state == claimed.state
        and current.next_attempt_at == claimed.next_attempt_at
    )


def enter(command: OrderCommand, phase: str, *, now: datetime) -> None:
    """Begin the next phase of a locked command; its first step is due at once."""
    before, command.state = command.state, CommandState.PENDING
    command.phase, command.phase_at = phase, now
    command.new_order_id = command.state_data.get("new_order_id", "")
    command.correlation_id = command.error_code = command.error = command.confirmed_by = ""
    command.poll_count, command.sent_at, command.finished_at, command.next_attempt_at = 0, None, None, now
    command.confirmed_event_id = None
    command.save()
    record(command, before, command.state, now=now, actor=HUB)
    command_due.send(OrderCommand, command_id=command.pk, at=None)


_ONLY_ON_THE_WAY = ("body",)
"""What ``state_data`` holds of the guest; nobody needs it after the end."""


def finish(
    command: OrderCommand,
    state: CommandState,
    *,
    now: datetime,
    code: str = "",
    error: str = "",
    confirmed_by: str = "",
    event_id: int | None = None,
    actor: str | None = None,
) -> None:
    """End a command that is locked and open; the next one of its order is due.

    ``event_id`` names the event that showed it done. ``error`` holds iiko's own words; the hub's are found
    by ``code`` (``commands.refusals``).
    """
    before = command.end(state, now=now, code=code, error=error, confirmed_by=confirmed_by)
    command.confirmed_event_id = event_id
    command.state_data = {
        key: value for key, value in command.state_data.items() if key not in _ONLY_ON_THE_WAY
    }
    command.save(
        update_fields=[
            "state",
            "error_code",
            "error",
            "confirmed_by",
            "confirmed_event_id",
            "finished_at",
            "next_attempt_at",
            "state_data",
        ]
    )
    record(command, before, state, now=now, actor=actor or (_IIKO if state in _SAID_BY_IIKO else HUB))
    log = logger.error if state == CommandState.NEEDS_ATTENTION else logger.info
    log(
        "command.ended",
        command_pk=command.pk,
        order_pk=command.order_id,
        kind=command.kind,
        state=str(state),
        code=code,
        correlation_id=command.correlation_id,
    )
    announce_change()
    if command.new_order_id:
        # Once iiko has reported the new order, both timelines name each other.
        command_due.send(OrderCommand, command_id=command.pk, at=None)
    following = OrderCommand.objects.filter(order_id=command.order_id, state=CommandState.PENDING)
    if (after := following.order_by("id").first()) is not None:
        command_due.send(OrderCommand, command_id=after.pk, at=None)


def record(command: OrderCommand, before: str | None, after: str, *, now: datetime, actor: str) -> None:
    """Write a step of a command into the timeline of its order."""
    about = {"command_id": command.pk, "kind": command.kind, "params": command.params}
    if command.phase:
        about |= {"phase": str(command.phase), "new_iiko_order_id": command.new_order_id or None}
    TimelineEntry.objects.create(
        order_id=command.order_id,
        organization_id=command.organization_id,
        what="command",
        from_value=None if before is None else about | {"state": before},
        to_value=about | {"state": after, "code": command.error_code or None, "error": command.error or None},
        recorded_at=now,
        source_event_id=command.confirmed_event_id,
        actor=actor[:100],
    )
