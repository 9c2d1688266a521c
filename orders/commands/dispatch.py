"""Send a command to iiko and follow it to its outcome, one step at a time (``core.outbox``).

A worker that dies between claiming and recording leaves a command that counts as *sent*: the order itself
shows the outcome.
"""

from datetime import datetime, timedelta

import structlog

from core.errors import HubError
from core.outbox import Claim, Clock, Outbox, Step, StepOutcome
from iiko_client.client import IikoClient
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoRejected
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import VendorCommandState as VendorState
from iiko_client.models.order import read_order_info
from orders.actions.base import zone_of
from orders.actions.discount import replacement, saga
from orders.commands.fulfilment import fields_of, is_fulfilled, is_fulfilled_unsent, is_status_proof
from orders.commands.outcome import (
    FOLLOW_FOR,
    PAUSES,
    RECOVER_FOR,
    SEND_WITHIN,
    busy_pause,
    later,
    of_refusal,
    refused,
)
from orders.commands.refusals import NOT_SHOWN
from orders.commands.send import client_of, facts_for_second_try, order_of, send
from orders.commands.transitions import HUB, enter, finish, is_same_claim, lock, record
from orders.mirror.unlisted import note_absent
from orders.models.command import CommandState, OrderCommand, Phase
from orders.models.order import TERMINAL, Order, Status, is_over
from orders.signals import command_due, order_read

logger = structlog.stdlib.get_logger(__name__)

LEASE = timedelta(seconds=90)
"""About as long as a call with its retries takes; then the worker that holds the command counts as dead."""


class CommandOutbox(Outbox[OrderCommand]):
    """Commands on orders. One is *sent* from its claim on, for it makes one call and reads nothing before.

    A discount takes several steps (``saga``), each of them sent and followed like a command of its own. What
    one of them found counts only while its claim is the last: the next phase depends on it.
    """

    name = "command"
    lease = LEASE
    pauses = PAUSES

    def lock(self, row_id: int) -> OrderCommand | None:
        if (locked := lock(row_id)) is None:
            return None
        order, command = locked
        command.order = order
        return command

    # --- claiming ----------------------------------------------------------------------------------------

    def is_over(self, command: OrderCommand, now: datetime) -> bool:
        """Whether it ended, and what the mirror shows of the two orders of a discount asks for no more."""
        return command.is_final and not (command.phase and replacement.revise(command.order, command, now))

    def may_send(self, command: OrderCommand, now: datetime) -> bool:
        if command.phase in saga.MIDWAY:
            # It must be done, however the order stands.
            if now - (command.phase_at or now) <= SEND_WITHIN:
                return True
            self.settle(command, saga.overdue(command), now)
            return False
        order = command.order
        earlier = OrderCommand.objects.open().filter(order_id=command.order_id, pk__lt=command.pk).exists()
        # What an open one may still change proves nothing yet; nothing changes an order that is over.
        is_settled = not earlier or is_over(fields_of(order))
        if code := _why_overtaken(command):
            finish(command, CommandState.REJECTED, now=now, code=code, actor=HUB)
        elif is_settled and is_fulfilled_unsent(command, fields_of(order)):
            # Somebody else did it meanwhile.
            finish(command, CommandState.CONFIRMED, now=now, confirmed_by="event")
        elif code := _why_not_sent(order):
            finish(command, CommandState.REJECTED, now=now, code=code, actor=HUB)
        elif now - command.created_at > SEND_WITHIN:
            code = "waited_too_long" if earlier else "not_sent"
            finish(command, CommandState.EXPIRED, now=now, code=code, error=command.error)
        else:
            return not earlier  # whoever ends that one calls this one
        return False

    def may_follow(self, command: OrderCommand, now: datetime) -> bool:
        if command.phase or now - command.asked_at <= FOLLOW_FOR:
            return True
        finish(command, CommandState.EXPIRED, now=now, code="no_answer", error=command.error)
        return False

    def is_taken(self, command: OrderCommand) -> bool:
        return bool(command.correlation_id)

    def claimed(self, claim: Claim[OrderCommand], now: datetime) -> None:
        if claim.step is not Step.SEND:
            return
        if claim.row.phase == Phase.READ:
            # Nothing is sent in it: the worker after a dead one reads once more.
            claim.row.poll_count += 1
        else:
            claim.row.state, claim.row.sent_at, claim.is_begun = CommandState.SENT, now, True

    # --- taking a step -----------------------------------------------------------------------------------

    def send(self, claim: Claim[OrderCommand], clock: Clock) -> StepOutcome:
        if claim.row.phase:
            return saga.send(claim.row, clock)
        return StepOutcome(CommandState.SENT, PAUSES[0], iiko_id=send(claim.row))

    def refused(
        self, claim: Claim[OrderCommand], error: IikoAuthFailed | IikoRejected | HubError
    ) -> StepOutcome:
        outcome = of_refusal(error)
        return saga.refused_in_phase(claim.row, outcome) if claim.row.phase else outcome

    def lost(self, command: OrderCommand, error: IikoError) -> StepOutcome:
        logger.warning("command.answer_lost", command_pk=command.pk, error_type=type(error).__name__)
        return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "answer_lost", str(error))

    def busy_pause(self, error: IikoBusy) -> timedelta:
        return busy_pause(error)

    def poll(self, command: OrderCommand, clock: Clock) -> StepOutcome:
        return saga.poll(command, clock) if command.phase else _poll(command, clock)

    def recover(self, command: OrderCommand, clock: Clock) -> StepOutcome:
        return saga.recover(command, clock) if command.phase else _recover(command, clock)

    def later(self, command: OrderCommand, began: datetime, error: IikoError | HubError) -> StepOutcome:
        return later(command, command.state, error)

    # --- recording ---------------------------------------------------------------------------------------

    def counts(self, claim: Claim[OrderCommand], outcome: StepOutcome, command: OrderCommand) -> bool:
        if command.phase:
            return is_same_claim(command, claim.row)
        return super().counts(claim, outcome, command)

    def keep(self, command: OrderCommand, outcome: StepOutcome) -> None:
        command.state_data |= dict(outcome.facts)
        command.correlation_id = outcome.iiko_id or command.correlation_id
        if outcome.state == CommandState.PENDING:
            # What is sent again must not be followed by the name of what was refused.
            command.sent_at, command.correlation_id = None, ""

    def settle(self, command: OrderCommand, outcome: StepOutcome, now: datetime) -> None:
        if not outcome.phase:
            return super().settle(command, outcome, now)
        self.keep(command, outcome)
        return enter(command, outcome.phase, now=now)

    def finish(self, command: OrderCommand, outcome: StepOutcome, now: datetime) -> None:
        finish(
            command,
            CommandState(outcome.state),
            now=now,
            code=outcome.code,
            error=outcome.error,
            confirmed_by=outcome.confirmed_by,
        )

    def note(
        self, command: OrderCommand, before: tuple[str, str], outcome: StepOutcome, now: datetime
    ) -> None:
        if outcome.iiko_id:
            record(command, CommandState.PENDING, outcome.state, now=now, actor=HUB)
        elif outcome.state == CommandState.UNKNOWN != before[0]:
            record(command, before[0], outcome.state, now=now, actor=HUB)

    def wake(self, command: OrderCommand) -> None:
        command_due.send(OrderCommand, command_id=command.pk, at=command.next_attempt_at)


OUTBOX = CommandOutbox()
advance = OUTBOX.advance


# --- what keeps a command from being sent ------------------------------------------------------------


def _why_overtaken(command: OrderCommand) -> str:
    """Name the other command for this order that leaves nothing to do; empty: there is none."""
    if replacement.is_reissued(command.order_id):
        # Not what whoever requested a cancellation wanted: the meal is cooked under the new order.
        return "order_made_anew"
    return "cancel_asked" if command.phase and saga.is_cancel_requested(command) else ""


def _why_not_sent(order: Order) -> str:
    """Name what changed since the request and forbids sending; empty: nothing did."""
    if order.is_deleted:
        return "order_deleted"
    if order.status in TERMINAL:
        if order.status == Status.CANCELLED and (order.moved or {}).get("to_order_id"):
            return "order_made_anew"
        return "order_closed" if order.status == Status.CLOSED else "order_cancelled"
    if order.unknown_to_iiko_at is not None:
        return "unknown_to_iiko"
    return "" if order.organization.is_active else "restaurant_off"


# --- polling and recovering --------------------------------------------------------------------------


def _poll(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Ask for the command's status."""
    order = order_of(command)
    client = client_of(order.organization, command)
    status = client.command_status(
        organization_id=order.organization_id, correlation_id=command.correlation_id
    )
    match status.state:
        case VendorState.SUCCESS:
            fields = _refresh(client, order, command, clock())
            if not is_status_proof(command) and not (fields and is_fulfilled(command, fields)):
                return StepOutcome(CommandState.UNKNOWN, PAUSES[0], NOT_SHOWN)
            return StepOutcome(CommandState.CONFIRMED, confirmed_by="status")
        case VendorState.ERROR:
            outcome = refused(status)
            if (facts := facts_for_second_try(command, outcome.code, clock())) is not None:
                return StepOutcome(CommandState.PENDING, PAUSES[0], facts=facts)
            return outcome
        case VendorState.FORGOTTEN:
            return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "forgotten")
    return later(command, CommandState.SENT, None)


def _refresh(client: IikoClient, order: Order, command: OrderCommand, now: datetime) -> JsonObject | None:
    """Read the order: a webhook may report this change, or not (docs/iiko.md#changes-without-a-webhook)."""
    try:
        return _read_order(client, order, now)
    except (IikoError, HubError) as error:
        # It is done all the same; reconciliation will bring what it changed.
        logger.info("command.order_not_read", command_pk=command.pk, error_type=type(error).__name__)
    return None


def _recover(command: OrderCommand, clock: Clock) -> StepOutcome:
    """Read the order itself: the answer to the command was lost."""
    order = order_of(command)
    fields = _read_order(client_of(order.organization, command), order, clock())
    if fields is not None and is_fulfilled(command, fields):
        return StepOutcome(CommandState.CONFIRMED, confirmed_by="order")
    if fields is not None and is_over(fields):
        return _without_a_trace(command, "over_without_it")
    if clock() - command.asked_at > RECOVER_FOR:
        return _without_a_trace(command, "not_done")
    return later(command, CommandState.UNKNOWN, None)


def _without_a_trace(command: OrderCommand, code: str) -> StepOutcome:
    """Let a command expire: the answer was lost (``code``), or iiko said *done* and nothing shows it."""
    if command.error_code == NOT_SHOWN:
        code = NOT_SHOWN
    return StepOutcome(CommandState.EXPIRED, None, code, command.error)


def _read_order(client: IikoClient, order: Order, now: datetime) -> JsonObject | None:
    """Read the order from iiko, give it to the mirror, and return its fields."""
    found = client.orders_by_id(
        organization_id=order.organization_id, order_ids=[order.iiko_order_id or ""]
    ).orders
    if not found:
        note_absent(order.organization_id, [order.iiko_order_id or ""], now=now)
        return None
    order_read.send(Order, organization=order.organization, infos=found)
    zone = zone_of(order)
    return dict(read_order_info(found[0], lambda _group: zone).fields)
