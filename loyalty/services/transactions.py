"""Finding an operation again among what iiko says moved in a guest's wallets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from iiko_client.client import IikoClient
from iiko_client.operations.loyalty import LARGEST_PAGE
from iiko_client.types.loyalty import Transaction
from iiko_client.units import MinorUnits, to_major
from loyalty.models import LoyaltyOperation, OperationKind
from loyalty.services.marks import MARK
from organizations.errors import HubError

CLOCK_SKEW = timedelta(hours=1)
"""The vendor's clock may differ from ours by so much; more is only a longer list."""

_MOST_PAGES = 200


class TooManyTransactions(HubError):
    code = "too_many_transactions"


def transactions_of(
    client: IikoClient, *, organization_id: str, customer_id: str, since: datetime, now: datetime
) -> Iterator[Transaction]:
    """Give a guest's transactions since a moment, each once.

    Raises:
        IikoError: iiko could not be asked.
        TooManyTransactions: so many that reading was given up.
    """
    seen: set[str] = set()
    for number in range(_MOST_PAGES):
        page = client.transactions_by_date(
            organization_id=organization_id,
            customer_id=customer_id,
            since=since - CLOCK_SKEW,
            until=now + timedelta(days=1),
            page_number=number,
            page_size=LARGEST_PAGE,
        )
        for one in page.transactions:
            # A movement that comes while pages are read moves others to the next page.
            if one.id not in seen:
                seen.add(one.id)
                yield one
        if len(page.transactions) < (page.page_size or LARGEST_PAGE):
            return
    raise TooManyTransactions(f"The guest {customer_id} has too many transactions to read.")


def is_of(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether a transaction bears the operation's mark, or the id the hub gave it."""
    if operation.kind == OperationKind.HOLD and found.id == operation.transaction_id:
        return True
    return operation.kind != OperationKind.CANCEL_HOLD and operation.marker in (found.comment or "")


def is_sum_of(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether the sums agree. The schema does not say whether what leaves a wallet is negative."""
    return found.sum is None or abs(Decimal(found.sum)) == to_major(MinorUnits(operation.amount_minor))


def may_be_release(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether a transaction can be the release of a hold: it bears no mark, so all else must agree."""
    hold = operation.hold
    is_later = operation.anchor is not None and found.revision > operation.anchor
    is_rising = (
        found.balance_before is None
        or found.balance_after is None
        or found.balance_after > found.balance_before
    )
    return (
        is_later
        and is_rising
        and found.wallet_id == operation.wallet.iiko_id
        and MARK not in (found.comment or "")
        and (hold is None or found.id != hold.transaction_id)
        and is_sum_of(found, operation)
    )
