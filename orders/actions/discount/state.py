"""What the phases of a discount must know of each other."""

from dataclasses import dataclass

from orders.actions.params import Params
from orders.models.command import OrderCommand, Phase


@dataclass(frozen=True, slots=True)
class DiscountState(Params):
    """What the phases must know of each other, and of what came after: ``state_data``, typed.

    ``body`` is the request of the new order and holds data of the guest; it is forgotten at the end.
    ``expected_minor``, ``tolerance_minor``: see ``ReissueRequest``. ``why`` is the code for which the new
    order is taken back.
    """

    new_order_id: str = ""
    body: str = ""
    terminal_group_id: str = ""
    expected_minor: int | None = None
    tolerance_minor: int = 0
    why: str = ""
    why_error: str = ""
    sends_cancel_old: int = 0
    sends_cancel_new: int = 0
    is_new_gone: bool = False
    is_linked: bool = False
    is_handed_over: bool = False


def state_of(command: OrderCommand) -> DiscountState:
    return DiscountState.from_json(command.state_data)


def sends_of(command: OrderCommand) -> int:
    """Return how often iiko may have taken the call of the present phase."""
    state = state_of(command)
    return state.sends_cancel_new if command.phase == Phase.CANCEL_NEW else state.sends_cancel_old
