"""What the phases of a discount share: reading both orders, sending once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.db import transaction

from core.errors import HubError
from core.outbox import Clock, LeaseLost, StepOutcome
from iiko_client.client import IikoClient
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBusy,
    IikoError,
    IikoNoAnswer,
    IikoNotSent,
    IikoRejected,
    IikoUnreadable,
)
from iiko_client.json_reader import JsonObject
from iiko_client.models.commands import CommandStatus
from iiko_client.models.order import read_order_info
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.base import zone_of
from orders.actions.discount.calculation import DiscountParams
from orders.actions.discount.state import DiscountState, sends_of, state_of
from orders.commands.outcome import RECOVER_FOR, later
from orders.commands.transitions import is_same_claim, lock
from orders.mirror.unlisted import note_absent
from orders.models.command import CommandState, OrderCommand
from orders.models.order import CreationStatus, Order
from orders.signals import order_read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """An order as iiko shows it now; ``fields`` by the mirror's names."""

    info: JsonObject
    fields: JsonObject

    @property
    def status(self) -> str | None:
        return self.fields.get("status")

    @property
    def is_cancelled(self) -> bool:
        """Or deleted, which leaves as little of it."""
        return self.status == DeliveryStatus.CANCELLED or self.fields.get("is_deleted") is True

    @property
    def is_closed(self) -> bool:
        return self.status == DeliveryStatus.CLOSED

    @property
    def is_taken(self) -> bool:
        return self.fields.get("creation_status") == CreationStatus.SUCCESS and self.status is not None

    @property
    def is_printed(self) -> bool:
        items = self.fields.get("items") or []
        return bool(self.fields.get("when_printed") or any(item.get("when_printed") for item in items))


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step has at hand."""

    command: OrderCommand
    order: Order
    client: IikoClient
    clock: Clock

    @property
    def state(self) -> DiscountState:
        return state_of(self.command)

    @property
    def params(self) -> DiscountParams:
        return DiscountParams.from_json(self.command.params)

    @property
    def sends(self) -> int:
        return sends_of(self.command)

    @property
    def is_late(self) -> bool:
        return is_late(self.command, self.clock)

    @property
    def ids(self) -> dict[str, str]:
        return {"organization_id": self.order.organization_id, "order_id": self.order.iiko_order_id or ""}

    def later(self, state: CommandState, code: str = "") -> StepOutcome:
        outcome = later(self.command, state, None)
        return StepOutcome(outcome.state, outcome.wait, code) if code else outcome

    def status(self) -> CommandStatus:
        return self.client.command_status(
            organization_id=self.order.organization_id, correlation_id=self.command.correlation_id
        )

    # --- reading both orders ---------------------------------------------------------------------------

    def read_orders(self, *order_ids: str) -> dict[str, RemoteOrder]:
        """Read orders from iiko, give them to the mirror, and return those that it has, by id."""
        found = self.client.orders_by_id(
            organization_id=self.order.organization_id, order_ids=order_ids
        ).orders
        if found:
            order_read.send(Order, organization=self.order.organization, infos=found)
        zone = zone_of(self.order)
        readings = [(info, read_order_info(info, lambda _group: zone)) for info in found]
        seen = {read.iiko_order_id or "": RemoteOrder(info, dict(read.fields)) for info, read in readings}
        note_absent(self.order.organization_id, set(order_ids) - seen.keys(), now=self.clock())
        return seen

    def read_both(self) -> tuple[RemoteOrder | None, RemoteOrder | None]:
        old_id, new_id = self.ids["order_id"], self.command.new_order_id
        seen = self.read_orders(old_id, new_id)
        return seen.get(old_id), seen.get(new_id)

    def refresh(self) -> tuple[RemoteOrder | None, RemoteOrder | None]:
        """Read both orders for the mirror; it is done all the same where that fails."""
        try:
            return self.read_both()
        except (IikoError, HubError):
            return None, None  # reconciliation brings what changed

    # --- sending ---------------------------------------------------------------------------------------

    def sent_once(self, call: Callable[[], T]) -> T:
        """Make a call that may be made again, written down before; what surely was not taken does not count.

        Raises:
            LeaseLost: another worker has taken a later step.
            IikoError: as the call.
        """
        if not _note_sending(self.command, 1):
            raise LeaseLost
        try:
            return call()
        except (IikoNotSent, IikoBusy, IikoRejected, IikoAuthFailed):
            _note_sending(self.command, -1)
            raise


def is_late(command: OrderCommand, clock: Clock) -> bool:
    return clock() - command.asked_at > RECOVER_FOR


@transaction.atomic
def _note_sending(command: OrderCommand, by: int) -> bool:
    """Write down how often a step was sent; False: another worker has the command by now."""
    locked = lock(command.pk)
    if locked is None or not is_same_claim(locked[1], command):
        return False
    current, name = locked[1], f"sends_{command.phase}"
    current.state_data[name] = int(current.state_data.get(name, 0)) + by
    current.save(update_fields=["state_data"])
    command.state_data = current.state_data
    return True


class NotRead(Exception):
    """What must be known before a step could not be read: nothing was sent, and it is tried again."""

    def __init__(self, error: IikoError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def only_reading() -> Iterator[None]:
    """Distinguish a read that brought no answer from a step whose answer was lost."""
    try:
        yield
    except (IikoNoAnswer, IikoBusy, IikoUnreadable) as error:
        raise NotRead(error) from error
