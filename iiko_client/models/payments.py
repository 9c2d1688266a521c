"""A payment as a request carries it."""

from dataclasses import dataclass, field
from enum import StrEnum

from iiko_client.json_reader import JsonObject
from iiko_client.units import MinorUnits


class PaymentKind(StrEnum):
    """Kinds in a request (docs/iiko.md#payments); the dictionary says IikoCard for LoyaltyCard."""

    CASH = "Cash"
    CARD = "Card"
    LOYALTY_CARD = "LoyaltyCard"
    EXTERNAL = "External"


@dataclass(frozen=True, slots=True)
class Payment:
    """``additional``: ``paymentAdditionalData`` as the schema has it; may hold a guest's credential."""

    kind: PaymentKind
    payment_type_id: str
    sum_minor: MinorUnits
    is_processed_externally: bool = False
    is_fiscalized_externally: bool | None = None
    additional: JsonObject | None = field(default=None, repr=False)
