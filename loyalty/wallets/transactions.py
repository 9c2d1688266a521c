"""Find an operation among the transactions of a guest's wallets: by its marker, or by all else."""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.endpoints.loyalty import LARGEST_PAGE
from iiko_client.models.loyalty import Transaction
from iiko_client.units import MinorUnits, to_major
from loyalty.models import LoyaltyOperation, OperationKind

CLOCK_SKEW = timedelta(days=1)
"""Our clock may be wrong by so much, as one that keeps local time for UTC; more is only a longer list."""

PREFIX = "hub:"
_MARKED = re.compile(r"\[(hub:[0-9a-f]{16})\]")
_MOST_PAGES = 200
_KEPT = Decimal("0.000001")


class TooManyTransactions(HubError):
    code = "too_many_transactions"


def new_marker() -> str:
    """Return 64 random bits: iiko's top-up and charge-off know no key of the caller's own."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def marker_in(comment: str | None) -> str | None:
    found = _MARKED.search(comment or "")
    return found[1] if found else None


def transactions_of(
    client: IikoClient, *, organization_id: str, customer_id: str, since: datetime, now: datetime
) -> Iterator[Transaction]:
    """Give a guest's transactions since a moment, each once.

    Raises:
        IikoError: iiko could not be read.
        TooManyTransactions: so many that reading was stopped.
    """
    seen: set[str] = set()
    for number in range(_MOST_PAGES):
        known = len(seen)
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
        # Its length does not tell the last page: the server's largest page is not known.
        if len(seen) == known:
            return
    raise TooManyTransactions(f"The guest {customer_id} has too many transactions to read.")


def is_of(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether a transaction of the wallet, in the right direction, has the operation's marker or id.

    What reverses it may have its comment too.
    """
    is_elsewhere = found.wallet_id not in (operation.wallet.iiko_id, None)
    if operation.kind == OperationKind.CANCEL_HOLD or is_elsewhere:
        return False
    is_named = operation.kind == OperationKind.HOLD and found.id == operation.transaction_id
    is_marked = operation.marker in (found.comment or "")
    return (is_named or is_marked) and _rise(found) in (operation.kind == OperationKind.TOPUP, None)


def _rise(found: Transaction) -> bool | None:
    """Whether a transaction added to the wallet; None where it does not show it."""
    before, after = found.balance_before, found.balance_after
    return None if before is None or after is None or before == after else after > before


def is_same(one: Decimal, other: Decimal) -> bool:
    """Whether two amounts agree as far as they are kept: iiko writes them as doubles."""
    return one.quantize(_KEPT) == other.quantize(_KEPT)


def is_sum_of(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether the sums agree. The schema does not say whether what leaves a wallet is negative."""
    return found.sum is None or is_same(abs(found.sum), to_major(MinorUnits(operation.amount_minor)))


def may_be_release(found: Transaction, operation: LoyaltyOperation) -> bool:
    """Whether a transaction can be the release of a hold: it has no marker, so all else must agree.

    What the POS moved for an order is none. To miss the true one costs no more than sending the release
    again.
    """
    hold = operation.hold
    is_later = operation.baseline_revision is not None and found.revision > operation.baseline_revision
    return (
        is_later
        and _rise(found) is not False
        and found.wallet_id == operation.wallet.iiko_id
        and found.order_number is None
        and found.pos_order_id is None
        and PREFIX not in (found.comment or "")
        and (hold is None or found.id != hold.transaction_id)
        and is_sum_of(found, operation)
    )
