"""What of an order is paid, and what remains to be collected, by all that iiko reports.

iiko reports it twice: a flag or more at each payment, and ``processedPaymentsSum`` beside them (OpenAPI,
Response.Order.PaymentItem, read 2026-11). ``isPreliminary`` alone does not mean unpaid: what another system
took (``isProcessedExternally``) and what was paid ahead (``isPrepay``) stay preliminary until the order is
closed. That the larger of the two totals is what the guest paid is a guess, which keeps him from paying
twice. Where the flags say more, the POS has not processed the rest yet; where they say less, and the
payments do not add up to the total either, iiko contradicts itself and both are shown.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from core.mirror.precedence import is_told
from iiko_client.json_reader import JsonObject


class Paid(Protocol):
    amount_minor: Any
    processed_payments_minor: Any
    payments: Any
    field_precedence: Any


@dataclass(frozen=True, slots=True)
class Settlement:
    """Sums in 1/100; None where iiko has not reported enough.

    ``expected_minor`` is covered by payments that are entered and not taken yet, ``uncovered_minor`` by
    none. ``unprocessed_minor`` is paid, and not yet processed by the POS. ``flagged_minor`` is what the
    payments say was taken, where iiko's own total says more without them.
    """

    paid_minor: int | None
    due_minor: int | None = None
    overpaid_minor: int = 0
    expected_minor: int = 0
    uncovered_minor: int = 0
    unprocessed_minor: int = 0
    flagged_minor: int | None = None


def is_taken(payment: JsonObject) -> bool:
    """Whether the money of a payment is there, by its own flags."""
    is_outside = payment.get("is_processed_externally") or payment.get("is_prepay")
    return bool(is_outside) or payment.get("is_preliminary") is False


def settlement_of(row: Paid) -> Settlement:
    """Work out what is paid and what is due; by the flags alone where a POS names no total."""
    payments = row.payments if is_told(row.field_precedence, "payments") else None
    flagged = None if payments is None else sum(_sum(one) for one in payments if is_taken(one))
    entered = sum(_sum(one) for one in payments or [])
    processed = row.processed_payments_minor
    known = [total for total in (flagged, processed) if total is not None]
    if not known:
        return Settlement(None)
    paid = max(known)
    unprocessed = 0 if processed is None else paid - processed
    contradicted = None if processed != paid or processed in (flagged, entered) else flagged
    if row.amount_minor is None:
        return Settlement(paid, unprocessed_minor=unprocessed, flagged_minor=contradicted)
    due, expected = max(0, row.amount_minor - paid), max(0, entered - paid)
    return Settlement(
        paid_minor=paid,
        due_minor=due,
        overpaid_minor=max(0, paid - row.amount_minor),
        expected_minor=min(due, expected),
        uncovered_minor=max(0, due - expected),
        unprocessed_minor=unprocessed,
        flagged_minor=contradicted,
    )


def _sum(payment: JsonObject) -> int:
    return payment.get("sum_minor") or 0
