"""Requests of wallet operations: checked, stored, given to a worker.

No money moves here. The balance is read from iiko before anything is locked, and the worker reads it
again before it sends: no other operation of the wallet is under way then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from core import trace
from core.idempotency import IdempotencyKeys
from core.values.ids import searchable_id
from iiko_client.units import MinorUnits, to_major
from loyalty.models import SPENDING, LoyaltyKey, LoyaltyOperation, OperationKind, OperationState, Wallet
from loyalty.refusals import NotMoved, explain, refusal
from loyalty.wallets import jobs
from loyalty.wallets.customers import read_customer
from loyalty.wallets.ledger_transitions import finish, lock_operation, lock_wallet, record
from loyalty.wallets.transactions import PREFIX, new_marker
from orders.commands.submission import Requester
from orders.models.order import Order
from organizations.connection.clients import credentials_of, login_of
from organizations.models.organization import Organization

LONGEST_COMMENT = 200
IDEMPOTENCY_KEYS: IdempotencyKeys[LoyaltyOperation] = IdempotencyKeys(LoyaltyKey, "operation")

_LARGEST_MINOR = 10**12  # 1e10 in major units; of wallets a guess (docs/iiko.md#money)

Write = Callable[[], LoyaltyOperation]


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """What is to move where; ids of guest and wallet are iiko's, of the order the hub's."""

    organization: Organization
    customer_id: str
    wallet_id: str
    amount_minor: MinorUnits
    comment: str = ""
    order_id: int | None = None


# --- the actions -------------------------------------------------------------------------------------


def prepare(kind: OperationKind, *, transfer: TransferRequest, by: Requester, now: datetime) -> Write:
    """Read guest and balance from iiko (not inside a transaction); what is returned stores the operation.

    Raises:
        NotMoved: it is refused, or iiko could not be read; nothing was stored. On writing, too.
    """
    _check_link(transfer.organization)
    _check_transfer(transfer)
    wallet, is_live = _wallet(kind, transfer, by, now)
    if code := wallet.why_not_moved:
        raise NotMoved(code, explain(code, ""))

    @transaction.atomic
    def write() -> LoyaltyOperation:
        locked = lock_wallet(wallet.pk)
        order = _order(kind, transfer)
        _check_limit_of_day(kind, transfer, locked, now)
        if kind in SPENDING and is_live:
            _check_balance(transfer, locked)
        return _write(kind, transfer, locked, order, by, now)

    return write


def request_cancel_hold(
    *,
    transaction_id: str,
    by: Requester,
    now: datetime,
    comment: str = "",
    may_see: Q | None = None,
) -> LoyaltyOperation:
    """Request the release of a hold; ``may_see`` limits which operations the caller knows of.

    Raises:
        NotMoved: nothing was stored.
    """
    holds = LoyaltyOperation.objects.filter(kind=OperationKind.HOLD)
    found = holds.filter(may_see or Q(), transaction_id=searchable_id(transaction_id)).first()
    if found is None:
        raise refusal("hold_not_found")
    _check_link(found.organization)
    with transaction.atomic():
        hold = lock_operation(found.pk) or found
        _check_releasable(hold)
        transfer = TransferRequest(
            hold.organization, "", "", MinorUnits(hold.amount_minor), comment[:LONGEST_COMMENT], hold.order_id
        )
        return _write(OperationKind.CANCEL_HOLD, transfer, hold.wallet, hold.order, by, now, hold=hold)


@transaction.atomic
def cancel(operation_id: int, *, by: Requester, now: datetime, comment: str = "") -> LoyaltyOperation:
    """Cancel an operation that was not sent yet; one that is cancelled already stays as it is.

    A worker that holds it and did not send it yet sends it no more.

    Raises:
        NotMoved: nothing was changed.
    """
    _check_length(comment)
    operation = lock_operation(operation_id)
    if operation is None:
        raise refusal("operation_not_found")
    if operation.state == OperationState.CANCELLED:
        return operation
    if operation.is_final:
        raise refusal("already_over", operation.get_state_display())
    if not operation.is_unsent:
        raise refusal("already_sent")
    operation.cancelled_by, operation.cancel_comment = by.name[:200], comment.strip()
    finish(operation, OperationState.CANCELLED, now=now, actor=by.name, detail=operation.cancel_comment)
    return operation


# --- checks ------------------------------------------------------------------------------------------


def _check_link(organization: Organization) -> None:
    """Refuse at once what could never be sent."""
    if not organization.is_active:
        raise refusal("restaurant_off")
    credentials_of(login_of(organization))


def _check_transfer(transfer: TransferRequest) -> None:
    _check_length(transfer.comment)
    if PREFIX in transfer.comment:
        raise refusal("comment_reserved", PREFIX)
    if transfer.amount_minor <= 0:
        raise refusal("amount_not_positive")
    if transfer.amount_minor > _LARGEST_MINOR:
        raise refusal("amount_too_large")
    if 0 < (most := settings.LOYALTY_MAX_OPERATION_MINOR) < transfer.amount_minor:
        raise refusal("limit_operation", {"most": to_major(MinorUnits(most))})


def _check_length(comment: str) -> None:
    if len(comment) > LONGEST_COMMENT:
        raise refusal("comment_too_long", LONGEST_COMMENT)


def _wallet(
    kind: OperationKind, transfer: TransferRequest, by: Requester, now: datetime
) -> tuple[Wallet, bool]:
    """Return the wallet and whether its balance was read just now."""
    known = Wallet.objects.filter(
        customer__organization=transfer.organization,
        customer__iiko_id=searchable_id(transfer.customer_id),
        iiko_id=searchable_id(transfer.wallet_id),
    ).first()
    if known is not None and kind not in SPENDING and not known.why_not_moved:
        return known, False
    try:
        customer = read_customer(
            organization=transfer.organization,
            customer_id=transfer.customer_id,
            requested_by=by.name,
            now=now,
        )
    except NotMoved as error:
        if known is None or error.code != "iiko_unreachable":
            raise
        return known, False  # the worker reads it again before it sends
    wallet = customer.wallets.filter(iiko_id=searchable_id(transfer.wallet_id)).first()
    if wallet is None:
        raise refusal("wallet_not_found")
    return wallet, True


def _order(kind: OperationKind, transfer: TransferRequest) -> Order | None:
    if transfer.order_id is None:
        return None
    order = Order.objects.filter(pk=transfer.order_id, organization=transfer.organization).first()
    if order is None:
        raise refusal("unknown_order", transfer.organization.name)
    if kind == OperationKind.HOLD and not order.is_open:
        raise refusal("order_over")
    return order


def _check_limit_of_day(
    kind: OperationKind, transfer: TransferRequest, wallet: Wallet, now: datetime
) -> None:
    """Check the limit of a day of the restaurant; in and out of a wallet have a limit each."""
    most = settings.LOYALTY_MAX_DAY_MINOR
    if not most:
        return
    begin = now.astimezone(transfer.organization.zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    kinds = SPENDING if kind in SPENDING else (kind,)
    today = LoyaltyOperation.objects.counted().of_wallet(wallet).filter(kind__in=kinds, created_at__gte=begin)
    if (moved := today.total_minor()) + transfer.amount_minor > most:
        facts = {"most": to_major(MinorUnits(most)), "moved": to_major(MinorUnits(moved))}
        raise refusal("limit_day", facts)


def _check_balance(transfer: TransferRequest, wallet: Wallet) -> None:
    """Check the balance without what may not be in it yet: what is under way, or ended since the read."""
    moving = LoyaltyOperation.objects.spending().of_wallet(wallet)
    is_under_way = Q(finished_at__isnull=True)
    ended_since = Q(state=OperationState.CONFIRMED, finished_at__gte=wallet.read_at)
    reserved = moving.filter(is_under_way | ended_since).total_minor()
    balance = wallet.balance_minor
    if balance is None or transfer.amount_minor <= balance - reserved:
        return
    facts = {"balance": to_major(MinorUnits(balance)), "reserved": to_major(MinorUnits(reserved))}
    if reserved:
        raise refusal("insufficient_balance", facts)
    raise NotMoved("insufficient_balance", explain("insufficient_balance", str(facts["balance"])))


def _check_releasable(hold: LoyaltyOperation) -> None:
    if hold.released_at is not None:
        raise refusal("hold_released")
    if hold.state != OperationState.CONFIRMED:
        raise refusal("hold_not_done", hold.get_state_display())
    if LoyaltyOperation.objects.open().filter(hold=hold).exists():
        raise refusal("already_asked")


# --- writing -----------------------------------------------------------------------------------------


def _write(
    kind: OperationKind,
    transfer: TransferRequest,
    wallet: Wallet,
    order: Order | None,
    by: Requester,
    now: datetime,
    hold: LoyaltyOperation | None = None,
) -> LoyaltyOperation:
    operation = LoyaltyOperation.objects.create(
        organization=transfer.organization,
        wallet=wallet,
        kind=kind,
        amount_minor=transfer.amount_minor,
        comment=transfer.comment.strip(),
        order=order,
        hold=hold,
        marker=new_marker(),
        transaction_id=str(uuid4()) if kind == OperationKind.HOLD else "",
        requested_by=by.name[:200],
        user=by.user,
        created_at=now,
        trace_id=trace.current_uuid(),
    )
    record(operation, "", now=now, actor=by.name)
    jobs.call_worker(operation.pk, now)
    return operation
