"""What became of a command: iiko answers "queued" first, the POS carries it out later."""

from dataclasses import dataclass
from enum import StrEnum

from iiko_client.json_reader import JsonObject


class VendorCommandState(StrEnum):
    """The vendor's three states, and two of ours for what it expresses otherwise."""

    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    ERROR = "Error"
    FORGOTTEN = "Forgotten"
    """410: iiko no longer knows this correlation id; do not ask again (docs/iiko.md#command-status)."""
    UNKNOWN = "Unknown"
    """A state that the schema does not have: look at ``raw_state`` and at the order itself."""


@dataclass(frozen=True, slots=True)
class CommandStatus:
    state: VendorCommandState
    message: str | None
    """Why it failed, in the vendor's text."""
    raw_state: str
    reason: str | None = None
    """``errorReason``: the vendor's code, or a sentence."""

    @property
    def is_final(self) -> bool:
        return self.state in (
            VendorCommandState.SUCCESS,
            VendorCommandState.ERROR,
            VendorCommandState.FORGOTTEN,
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """iiko took the request; for a command that means "queued", ask for its status by ``correlation_id``."""

    correlation_id: str


@dataclass(frozen=True, slots=True)
class CreatedDelivery:
    """An order taken by the cloud; ``order_info`` may already say ``creationStatus: Error``."""

    correlation_id: str
    order_info: JsonObject


@dataclass(frozen=True, slots=True)
class OrdersById:
    """Orders that iiko knows; an id it does not know is simply not among them. ``OrderInfo`` as it came."""

    orders: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """Changed orders by organization, ``OrderInfo`` as it came, and the revision to ask from next time."""

    max_revision: int
    orders: dict[str, tuple[JsonObject, ...]]

    def __len__(self) -> int:
        return sum(len(orders) for orders in self.orders.values())
