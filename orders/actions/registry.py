"""All actions on orders. A new one is a line here (docs/adding-an-action.md)."""

from orders.actions.base import AnyAction, Offer
from orders.actions.cancel import CancelOrder
from orders.actions.courier import AssignCourier
from orders.actions.discount.action import ApplyDiscount
from orders.actions.payment import UpdatePayment
from orders.actions.rules import subject_of
from orders.actions.status import UpdateStatus
from orders.models.command import CommandKind
from orders.models.order import Order

ACTIONS: tuple[AnyAction, ...] = (
    UpdateStatus(),
    AssignCourier(),
    UpdatePayment(),
    CancelOrder(),
    ApplyDiscount(),
)

_BY_KIND = {action.kind: action for action in ACTIONS}


def action_of(kind: str) -> AnyAction:
    """Return the action of a command's kind, as stored.

    Raises:
        ValueError: another version of the hub had this kind.
    """
    return _BY_KIND[CommandKind(kind)]


def allowed_actions(order: Order) -> list[Offer]:
    """List every action with whether it may be asked for now, and why not.

    ``apply-discount`` is allowed with the code ``needs_reissue``.
    """
    subject = subject_of(order)
    return [offer for action in ACTIONS for offer in action.offers(subject)]
