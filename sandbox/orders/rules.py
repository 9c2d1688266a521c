"""How the POS refuses, and what it checks before every command."""

from __future__ import annotations

from sandbox.orders.order import CreationStatus, Order

CHANGED_AT_POS = "Can not update order, order status was changed at the restaurant checkout"


class Refused(Exception):
    """The POS refuses; ``reason`` is a code of the vendor's list."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def check_version(pos_version: str, needed: tuple[int, ...]) -> None:
    """Refuse what the program of the POS is too old for."""
    if not is_version_from(pos_version, needed):
        wanted = ".".join(map(str, needed))
        raise Refused(
            f"iikoFront version {pos_version} is too old, {wanted} is needed", "IikoFrontTooOldVersion"
        )


def is_version_from(pos_version: str, needed: tuple[int, ...]) -> bool:
    return tuple(int(part) for part in pos_version.split(".")) >= needed


def check_open(order: Order) -> None:
    if order.creation is not CreationStatus.SUCCESS:
        raise Refused("Order is not found at the restaurant checkout", "OrderNotFound")
    if order.is_over:
        raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
