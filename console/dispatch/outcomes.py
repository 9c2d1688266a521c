"""What became of giving an order to a courier: being asked, confirmed, or refused with the reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.utils.translation import gettext as _

from orders.commands.refusals import meaning
from orders.models.command import ABANDONED_CODES, CommandState, OrderCommand
from orders.models.order import Order

CONFIRMED_SHOWN_FOR = timedelta(minutes=1)


class Result(Enum):
    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``courier_id`` is None where the courier is taken off; ``reason`` says why not, and what to do."""

    result: Result
    courier_id: str | None
    courier_name: str
    reason: str
    since: datetime
    until: datetime | None = None


def outcome_of(order: Order, command: OrderCommand | None, now: datetime) -> Outcome | None:
    """Return what an order's last command about its courier has to say; None for old news."""
    if command is None:
        return None
    courier_id = command.params.get("courier_id")
    about = courier_id, str(command.params.get("courier_name") or courier_id or _("no courier"))
    if not command.is_final:
        lost = command.state == CommandState.UNKNOWN
        reason = str(command.get_state_display()) if lost else ""
        return Outcome(Result.ASKED, *about, reason, command.created_at)
    ended = command.finished_at or command.created_at
    if command.state == CommandState.CONFIRMED:
        until = ended + CONFIRMED_SHOWN_FOR
        return Outcome(Result.DONE, *about, "", ended, until) if until > now else None
    is_settled = command.acknowledged_at is not None or command.error_code in ABANDONED_CODES
    if is_settled or order.courier_id == courier_id:
        return None
    return Outcome(Result.REFUSED, *about, _reason(command), ended)


def _reason(command: OrderCommand) -> str:
    """Write the cause and the next step where the hub knows them, and iiko's own words."""
    known = meaning(command.error_code)
    words = [known.detail({}) if known else str(command.get_state_display()), command.error]
    return " ".join(part for part in words if part)
