"""Record every step of an operation; its end calls a worker for the next one of the wallet."""

from datetime import datetime

from core.database.advisory_locks import AdvisoryLock, acquire
from loyalty.models import LoyaltyOperation, OperationState, OperationStep, Wallet
from loyalty.refusals import detail_of
from loyalty.wallets import jobs


def lock_wallet(wallet_id: int) -> Wallet:
    """Lock iiko's wallet until the transaction ends, for all rows that stand for it, and read this one.

    Whoever changes an operation of it does so first.
    """
    wallets = Wallet.objects.select_related("customer")
    wallet = wallets.get(pk=wallet_id)
    acquire(AdvisoryLock.WALLET, f"{wallet.customer.iiko_id}/{wallet.iiko_id}")
    return wallets.get(pk=wallet_id)


def lock_operation(operation_id: int) -> LoyaltyOperation | None:
    """Lock the operation's wallet and read the operation as it is then."""
    wallet_id = LoyaltyOperation.objects.filter(pk=operation_id).values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        return None
    wallet = lock_wallet(wallet_id)
    operation = LoyaltyOperation.objects.select_for_update(no_key=True).get(pk=operation_id)
    operation.wallet = wallet
    return operation


def record(
    operation: LoyaltyOperation, before: str, *, now: datetime, detail: str = "", actor: str = "hub"
) -> None:
    OperationStep.objects.create(
        operation=operation,
        organization_id=operation.organization_id,
        before=before,
        after=operation.state,
        detail=detail,
        actor=actor[:200],
        recorded_at=now,
    )


def finish(  # noqa: PLR0913  # all but two are named
    operation: LoyaltyOperation,
    state: OperationState,
    *,
    now: datetime,
    code: str = "",
    error: str = "",
    confirmed_by: str = "",
    transaction_id: str = "",
    actor: str = "",
    detail: str = "",
) -> None:
    """End an operation that is locked; the next one of its wallet is due.

    ``actor`` and ``detail`` are of the step that is written down: iiko or the hub, and the error, unless
    they are given.
    """
    before = operation.end(state, now=now, code=code, error=error, confirmed_by=confirmed_by)
    operation.transaction_id = transaction_id or operation.transaction_id
    operation.save()
    is_iikos_word = operation.sends > 0 and state != OperationState.EXPIRED
    actor = actor or ("iiko" if is_iikos_word else "hub")
    record(operation, before, now=now, detail=detail or detail_of(code, error), actor=actor)
    if state == OperationState.CONFIRMED and operation.hold_id is not None:
        LoyaltyOperation.objects.filter(pk=operation.hold_id).update(released_at=now)
    following = LoyaltyOperation.objects.of_wallet(operation.wallet).filter(state=OperationState.PENDING)
    if (after := following.order_by("id").first()) is not None:
        jobs.call_worker(after.pk, now)
