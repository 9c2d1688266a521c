"""Requests of wallet operations: checked, stored, given to a worker.

No money moves here. The balance is read from iiko before anything is locked, and the worker reads it
again before it sends: no other operation of the wallet is under way then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core.idempotency import IdempotencyKeys
from core.values.ids import searchable_id
from iiko_client.units import MinorUnits, to_major
from loyalty.errors import (
    BadRequest,
    IikoUnreachable,
    NotPossible,
    UnknownHold,
    UnknownOperation,
    UnknownWallet,
)
from loyalty.failure_texts import explain
from loyalty.models import (
    SPENDING,
    LoyaltyKey,
    LoyaltyOperation,
    OperationKind,
    OperationState,
    Wallet,
)
from loyalty.wallets import jobs
from loyalty.wallets.customers import read_customer
from loyalty.wallets.ledger_transitions import finish, lock_operation, lock_wallet, record
from loyalty.wallets.markers import PREFIX, new_marker
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


def request(
    kind: OperationKind, *, transfer: TransferRequest, by: Requester, now: datetime
) -> LoyaltyOperation:
    """Store an operation; raises as ``prepare`` and what it returns do."""
    return prepare(kind, transfer=transfer, by=by, now=now)()


def prepare(kind: OperationKind, *, transfer: TransferRequest, by: Requester, now: datetime) -> Write:
    """Read guest and balance from iiko (not inside a transaction); what is returned stores the operation.

    Raises:
        UnknownCustomer, UnknownWallet, NotPossible, BadRequest, LoyaltyNotProvisioned, IikoRefused,
        IikoUnreachable: nothing was stored. The same two, ``NotPossible`` and ``BadRequest``, on writing.
    """
    _check_link(transfer.organization)
    _check_words(transfer)
    _check_limit_of_one(transfer)
    wallet, is_live = _wallet(kind, transfer, by, now)
    _check_kind(wallet)

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
        UnknownHold, NotPossible: nothing was stored.
    """
    holds = LoyaltyOperation.objects.filter(kind=OperationKind.HOLD)
    found = holds.filter(may_see or Q(), transaction_id=searchable_id(transaction_id)).first()
    if found is None:
        raise UnknownHold(_("The hub knows no hold with this transaction id."))
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
        UnknownOperation, NotPossible: nothing was changed.
    """
    _check_length(comment)
    operation = lock_operation(operation_id)
    if operation is None:
        raise UnknownOperation(_("The hub knows no operation with this number."))
    if operation.state == OperationState.CANCELLED:
        return operation
    _check_unsent(operation)
    operation.cancelled_by, operation.cancel_comment = by.name[:200], comment.strip()
    finish(operation, OperationState.CANCELLED, now=now, actor=by.name, detail=operation.cancel_comment)
    return operation


# --- checks ------------------------------------------------------------------------------------------


def _check_link(organization: Organization) -> None:
    """Refuse at once what could never be sent."""
    if not organization.is_active:
        raise NotPossible("restaurant_off", _("This restaurant is switched off in the hub."))
    credentials_of(login_of(organization))


def _check_words(transfer: TransferRequest) -> None:
    _check_length(transfer.comment)
    if PREFIX in transfer.comment:
        raise BadRequest("comment_reserved", _("The reason must not contain “%s”.") % PREFIX)
    if transfer.amount_minor <= 0:
        raise BadRequest("amount_not_positive", _("The amount must be more than 0."))
    if transfer.amount_minor > _LARGEST_MINOR:
        raise BadRequest("amount_too_large", _("The amount is larger than any wallet's."))


def _check_length(comment: str) -> None:
    if len(comment) > LONGEST_COMMENT:
        raise BadRequest("comment_too_long", _("The reason has more than %d characters.") % LONGEST_COMMENT)


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
    except IikoUnreachable:
        if known is None:
            raise
        return known, False  # the worker reads it again before it sends
    wallet = customer.wallets.filter(iiko_id=searchable_id(transfer.wallet_id)).first()
    if wallet is None:
        raise UnknownWallet(_("This guest has no such wallet."))
    return wallet, True


def _check_kind(wallet: Wallet) -> None:
    if code := wallet.why_not_moved:
        raise NotPossible(code, explain(code, ""))


def _order(kind: OperationKind, transfer: TransferRequest) -> Order | None:
    if transfer.order_id is None:
        return None
    order = Order.objects.filter(pk=transfer.order_id, organization=transfer.organization).first()
    if order is None:
        raise BadRequest("unknown_order", _("%s has no order with this id.") % transfer.organization.name)
    if kind == OperationKind.HOLD and not order.is_open:
        raise NotPossible("order_over", _("This order is over; nothing can be held for it."))
    return order


def _check_limit_of_one(transfer: TransferRequest) -> None:
    most = settings.LOYALTY_MAX_OPERATION_MINOR
    if most and transfer.amount_minor > most:
        raise NotPossible(
            "limit_operation",
            _("At most %(most)s may be moved at once. (LOYALTY_MAX_OPERATION)")
            % {"most": to_major(MinorUnits(most))},
        )


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
        raise NotPossible(
            "limit_day",
            _("At most %(most)s may be moved in a day, %(moved)s are already. (LOYALTY_MAX_DAY)")
            % {"most": to_major(MinorUnits(most)), "moved": to_major(MinorUnits(moved))},
        )


def _check_balance(transfer: TransferRequest, wallet: Wallet) -> None:
    """Check the balance without what may not be in it yet: what is under way, or ended since the read."""
    moving = LoyaltyOperation.objects.spending().of_wallet(wallet)
    is_under_way = Q(finished_at__isnull=True)
    ended_since = Q(state=OperationState.CONFIRMED, finished_at__gte=wallet.read_at)
    reserved = moving.filter(is_under_way | ended_since).total_minor()
    balance = wallet.balance_minor
    if balance is None or transfer.amount_minor <= balance - reserved:
        return
    raise _insufficient(balance, reserved)


def _insufficient(balance_minor: int, reserved_minor: int) -> NotPossible:
    balance = str(to_major(MinorUnits(balance_minor)))
    if not reserved_minor:
        return NotPossible("insufficient_balance", explain("insufficient_balance", balance))
    return NotPossible(
        "insufficient_balance",
        _("The wallet holds %(balance)s, of which %(reserved)s are reserved by operations under way.")
        % {"balance": balance, "reserved": to_major(MinorUnits(reserved_minor))},
    )


def _check_releasable(hold: LoyaltyOperation) -> None:
    if hold.released_at is not None:
        raise NotPossible("hold_released", _("This hold is released already."))
    if hold.state != OperationState.CONFIRMED:
        raise NotPossible(
            "hold_not_done", _("This hold is not in force: its state is “%s”.") % hold.get_state_display()
        )
    if LoyaltyOperation.objects.open().filter(hold=hold).exists():
        raise NotPossible("already_asked", _("The release was requested already and is not over yet."))


def _check_unsent(operation: LoyaltyOperation) -> None:
    if operation.is_unsent:
        return
    if operation.is_final:
        raise NotPossible(
            "already_over", _("This operation is over: its state is “%s”.") % operation.get_state_display()
        )
    raise NotPossible(
        "already_sent",
        _(
            "This operation was sent to iiko already and cannot be called off. Wait for its end; what it "
            "moved is moved back by an operation the other way."
        ),
    )


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
    )
    record(operation, "", now=now, actor=by.name)
    jobs.call_worker(operation.pk, now)
    return operation
