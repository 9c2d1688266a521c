"""Every step of an operation is written down, and its end calls the next one of the wallet."""

from __future__ import annotations

from datetime import datetime

from loyalty.models import LoyaltyOperation, OperationState, OperationStep, Wallet
from loyalty.signals import operation_due


def lock_wallet(wallet_id: int) -> Wallet:
    """Lock a wallet until the transaction ends; whoever changes an operation of it does so first."""
    return Wallet.objects.select_for_update(no_key=True).get(pk=wallet_id)


def lock_operation(operation_id: int) -> LoyaltyOperation | None:
    """Lock the operation's wallet and read the operation as it is then."""
    wallet_id = LoyaltyOperation.objects.filter(pk=operation_id).values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        return None
    lock_wallet(wallet_id)
    return LoyaltyOperation.objects.select_for_update(no_key=True).get(pk=operation_id)


def tell(
    operation: LoyaltyOperation, before: str, *, now: datetime, detail: str = "", actor: str = "hub"
) -> None:
    OperationStep.objects.create(
        operation=operation,
        before=before,
        after=operation.state,
        detail=detail,
        actor=actor[:200],
        recorded_at=now,
    )


def finish(
    operation: LoyaltyOperation,
    state: OperationState,
    *,
    now: datetime,
    code: str = "",
    error: str = "",
    proof: str = "",
    transaction_id: str = "",
) -> None:
    """End an operation that is locked; the next one of its wallet is due."""
    before, operation.state = operation.state, state
    operation.error_code, operation.error, operation.proof = code[:100], error, proof
    operation.transaction_id = transaction_id or operation.transaction_id
    operation.finished_at, operation.held_until = now, None
    operation.save()
    is_iikos_word = operation.sends > 0 and state != OperationState.EXPIRED
    tell(operation, before, now=now, detail=error, actor="iiko" if is_iikos_word else "hub")
    if state == OperationState.CONFIRMED and operation.hold_id is not None:
        LoyaltyOperation.objects.filter(pk=operation.hold_id).update(released_at=now)
    following = LoyaltyOperation.objects.filter(wallet_id=operation.wallet_id, state=OperationState.PENDING)
    if (after := following.order_by("id").first()) is not None:
        operation_due.send(LoyaltyOperation, operation_id=after.pk, at=now)
