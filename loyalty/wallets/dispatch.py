"""Send an operation to iiko and find out its outcome, one step at a time.

iiko's top-up and charge-off know no key of ours and give no id back. So one operation of a wallet is
under way at a time, and no transaction is open during a call. The worker that takes an operation first
reads what sending depends on: dying then costs a short wait, for it is still *pending*. Only right before
the one call, when a token is at hand and nothing else can keep it back, it is written down as *sent*. From
then on one whose answer was lost is never sent again but looked for among the guest's transactions, by its
marker and its sum. Only the release of a hold may be sent twice: there is one hold to release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Max

from core.errors import HubError
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoNotSent, IikoRejected
from iiko_client.models.loyalty import Points, Transaction
from iiko_client.units import MinorUnits, to_major
from loyalty.failure_texts import detail_of
from loyalty.models import SPENDING, LoyaltyOperation, OperationKind, OperationState, cancelled_or_refused
from loyalty.wallets import jobs
from loyalty.wallets.customers import store
from loyalty.wallets.ledger_transitions import finish, lock_operation, record
from loyalty.wallets.transactions import is_of, is_sum_of, may_be_release, transactions_of
from orders.models.order import Order
from organizations.connection.clients import iiko_for

logger = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], datetime]

LEASE = timedelta(seconds=40)
"""After it the worker that holds an operation counts as dead, and a worker is called for it at that moment.
One that is only slow sends nothing any more (``_begin``), and the answer to a call it made counts
(``_may_record``)."""

CALL_LEASE = timedelta(seconds=30)
"""What must be left of the lease when the call begins: longer than a call (``iiko_client.http.exchange``)."""

SEND_WITHIN = timedelta(minutes=15)
"""What could be sent and was not for so long expires: nobody waits for it any more. Waiting behind an
operation whose outcome is not known does not count (``sendable_since``)."""

ABSENT_AFTER = timedelta(minutes=10)
"""A lost operation that iiko does not show for so long was not carried out. A guess: the vendor does not
say how soon a transaction is listed; whatever appears later is found by the daily check."""

FOLLOW_FOR = timedelta(hours=24)
"""If iiko cannot be read for so long, it needs attention."""

LOOK_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 4, 8, 15, 30))
"""Before each look for a lost operation; the last one over and over. A look is two calls or more. iiko
publishes no limits; the one public client that spaces its calls, by 30 s, calls that its own caution
(docs/iiko.md#rate-limits)."""

LOOK_PAUSE_OF_LATE = timedelta(seconds=60)
"""Between looks once iiko could not be read until absence would have counted."""

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 20, 30, 60))


class Step(Enum):
    SEND = "send"
    RECOVER = "recover"


@dataclass(slots=True)
class Claim:
    """An operation in hand, as it was when it was taken or, once begun, sent. Its lease names the claim."""

    operation: LoyaltyOperation
    step: Step
    is_begun: bool = False
    """Whether the call may have been made."""


class LeaseLost(Exception):
    """The lease is over; another may have the operation in hand."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step found: an end, or the state to go on in and how long to wait."""

    state: OperationState
    wait: timedelta | None = None
    code: str = ""
    error: str = ""
    confirmed_by: str = ""
    transaction_id: str = ""
    was_sent: bool = True


def advance(operation_id: int, *, clock: Clock) -> datetime | None:
    """Take the next step of an operation; returns when the one after it is due, None when there is none.

    Safe to call at any time and from many workers: a call that is too early, or the second of two, does
    nothing.
    """
    claim = _claim(operation_id, clock())
    if claim is None:
        return None
    outcome = _send(claim, clock) if claim.step is Step.SEND else _recover(claim.operation, clock)
    return _record(claim, outcome, clock())


# --- claiming ----------------------------------------------------------------------------------------


@transaction.atomic
def _claim(operation_id: int, now: datetime) -> Claim | None:
    operation = lock_operation(operation_id)
    if (
        operation is None
        or operation.is_final
        or (operation.next_attempt_at and operation.next_attempt_at > now)
    ):
        return None
    if operation.state == OperationState.PENDING:
        return _claim_sending(operation, now)
    if operation.state == OperationState.SENT:
        # The worker that sent it did not come back.
        operation.state = OperationState.UNKNOWN
        operation.error_code, operation.error = "answer_lost", ""
        record(operation, OperationState.SENT, now=now, detail="answer_lost")
    operation.poll_count += 1
    _lease(operation, now + LEASE)
    operation.save()
    return Claim(operation, Step.RECOVER)


def _claim_sending(operation: LoyaltyOperation, now: datetime) -> Claim | None:
    open_ones = LoyaltyOperation.objects.open().of_wallet(operation.wallet)
    if open_ones.filter(pk__lt=operation.pk).exists():
        return None  # whoever ends that one calls this one
    most = FOLLOW_FOR if operation.sends else SEND_WITHIN
    if now - operation.created_at > most and now - sendable_since(operation) > most:
        code = "no_answer" if operation.sends else "not_sent"
        finish(operation, OperationState.EXPIRED, now=now, code=code)
        return None
    _lease(operation, now + LEASE)
    operation.save(update_fields=["next_attempt_at"])
    return Claim(operation, Step.SEND)


def sendable_since(operation: LoyaltyOperation) -> datetime:
    """Return when the last operation that was sent before this one ended, or when this one was requested.

    What ended unsent kept nobody waiting: it could not be sent for the same reason.
    """
    before = LoyaltyOperation.objects.of_wallet(operation.wallet).filter(pk__lt=operation.pk, sends__gt=0)
    settled_at: datetime | None = before.aggregate(at=Max("finished_at"))["at"]
    return max(operation.created_at, settled_at or operation.created_at)


def _lease(operation: LoyaltyOperation, until: datetime) -> None:
    """Take an operation in hand, and have a worker called when the lease is over.

    Whoever dies with it must not keep the wallet waiting for the next sweep.
    """
    operation.next_attempt_at = until
    jobs.call_worker(operation.pk, until)


def _holds(claim: Claim, operation: LoyaltyOperation) -> bool:
    """Whether a sender still has the operation in hand; ``operation`` is as it is now, and locked."""
    if claim.is_begun:
        return operation.state == OperationState.SENT and operation.sent_at == claim.operation.sent_at
    return (
        operation.state == OperationState.PENDING
        and operation.next_attempt_at == claim.operation.next_attempt_at
    )


@transaction.atomic
def _begin(claim: Claim, clock: Clock) -> None:
    """Write down, right before the call, that it may have been made.

    Raises:
        LeaseLost: the call must not be made.
    """
    operation = lock_operation(claim.operation.pk)
    now = clock()
    if operation is None or not _holds(claim, operation) or now >= (operation.next_attempt_at or now):
        raise LeaseLost
    if (operation.next_attempt_at or now) - now < CALL_LEASE:
        _lease(operation, now + CALL_LEASE)
    if not claim.is_begun:
        operation.state, operation.sent_at, operation.poll_count = OperationState.SENT, now, 0
        operation.error_code = operation.error = ""
        operation.sends += 1
        record(operation, OperationState.PENDING, now=now)
    operation.save()
    claim.operation, claim.is_begun = operation, True


# --- sending -----------------------------------------------------------------------------------------


def _send(claim: Claim, clock: Clock) -> StepOutcome:
    """Make the one call of an operation, after the reads that guard it."""
    operation = claim.operation
    try:
        client = _client(operation, before_write=partial(_begin, claim, clock))
        refusal = _guard(client, operation, clock)
    except (IikoAuthFailed, IikoRejected) as error:
        return _refused(claim, error.code or "refused", error.description or str(error))
    except HubError as error:
        return _refused(claim, error.code, str(error))
    except IikoError as error:
        return _not_sent(operation, error)
    return refusal or _call(client, claim)


def _call(client: IikoClient, claim: Claim) -> StepOutcome:
    operation = claim.operation
    try:
        transaction_id = _CALLS[OperationKind(operation.kind)](client, operation)
    except LeaseLost:
        return StepOutcome(OperationState.PENDING, _PAUSES[0], "held_up", was_sent=False)
    except (IikoNotSent, IikoBusy) as error:
        return _not_sent(operation, error)
    except (IikoAuthFailed, IikoRejected) as error:
        return _refused(claim, error.code or "refused", error.description or str(error))
    except IikoError as error:
        logger.warning("loyalty.answer_lost", operation_pk=operation.pk, error_type=type(error).__name__)
        return StepOutcome(OperationState.UNKNOWN, LOOK_PAUSES[0], "answer_lost")
    return StepOutcome(OperationState.CONFIRMED, confirmed_by="answer", transaction_id=transaction_id)


def _not_sent(operation: LoyaltyOperation, error: IikoError) -> StepOutcome:
    wait = _PAUSES[min(operation.poll_count, len(_PAUSES) - 1)]
    if isinstance(error, IikoBusy):
        wait = timedelta(seconds=max(error.retry_after_s, 1))
    code = "iiko_busy" if isinstance(error, IikoBusy) else "iiko_unreachable"
    return StepOutcome(OperationState.PENDING, wait, code, was_sent=False)


def _refused(claim: Claim, code: str, text: str) -> StepOutcome:
    """Judge a refusal: it is final, but for a second release it may mean that the first was carried out."""
    if claim.operation.sends - claim.is_begun > 0:
        return StepOutcome(OperationState.UNKNOWN, LOOK_PAUSES[0], "refused", text)
    return StepOutcome(OperationState.REJECTED, None, code, text)


def _guard(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> StepOutcome | None:
    """Read what sending depends on; returns the outcome where it must not be sent."""
    if operation.kind != OperationKind.CANCEL_HOLD and (code := operation.wallet.why_not_moved):
        return _unsendable(code)
    if operation.kind == OperationKind.HOLD and _order_is_cancelled_or_refused(operation):
        return _unsendable("order_over")
    if operation.kind in SPENDING:
        return _guard_balance(client, operation, clock)
    if operation.kind == OperationKind.CANCEL_HOLD and operation.baseline_revision is None:
        _keep_baseline(client, operation, clock)
    return None


def _unsendable(code: str, said: str = "") -> StepOutcome:
    return StepOutcome(OperationState.REJECTED, None, code, said)


def _order_is_cancelled_or_refused(operation: LoyaltyOperation) -> bool:
    order_id = operation.order_id
    return order_id is not None and Order.objects.filter(cancelled_or_refused(), pk=order_id).exists()


def _guard_balance(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> StepOutcome | None:
    """Check the balance that iiko has now; no other operation of the wallet is under way."""
    read_at = clock()
    customer = operation.wallet.customer
    guest = client.guest(organization_id=operation.organization_id, id=customer.iiko_id)
    if guest is None:
        return _unsendable("customer_not_found")
    store(operation.organization, guest, read_at=read_at)
    operation.wallet.refresh_from_db()
    balance = operation.wallet.balance_minor
    if balance is None or balance >= operation.amount_minor:
        return None
    return _unsendable("insufficient_balance", str(to_major(MinorUnits(balance))))


def _keep_baseline(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> None:
    """Store where the guest's transactions end: the one of a release has no marker."""
    revisions = [one.revision for one in _transactions(client, operation, clock)]
    operation.baseline_revision = max(revisions, default=0)
    LoyaltyOperation.objects.filter(pk=operation.pk, baseline_revision__isnull=True).update(
        baseline_revision=operation.baseline_revision
    )


def _client(operation: LoyaltyOperation, *, before_write: Callable[[], None] | None = None) -> IikoClient:
    return iiko_for(
        operation.organization,
        priority=Priority.OPERATOR,
        requested_by=operation.requested_by,
        before_write=before_write,
    )


def _sum(operation: LoyaltyOperation) -> Points:
    return Points(to_major(MinorUnits(operation.amount_minor)))


def _call_topup(client: IikoClient, operation: LoyaltyOperation) -> str:
    client.top_up(
        organization_id=operation.organization_id,
        customer_id=operation.wallet.customer.iiko_id,
        wallet_id=operation.wallet.iiko_id,
        amount=_sum(operation),
        comment=operation.sent_comment,
    )
    return ""


def _call_withdraw(client: IikoClient, operation: LoyaltyOperation) -> str:
    client.charge_off(
        organization_id=operation.organization_id,
        customer_id=operation.wallet.customer.iiko_id,
        wallet_id=operation.wallet.iiko_id,
        amount=_sum(operation),
        comment=operation.sent_comment,
    )
    return ""


def _call_hold(client: IikoClient, operation: LoyaltyOperation) -> str:
    return client.hold(
        organization_id=operation.organization_id,
        customer_id=operation.wallet.customer.iiko_id,
        wallet_id=operation.wallet.iiko_id,
        amount=_sum(operation),
        transaction_id=operation.transaction_id,
        comment=operation.sent_comment,
    )


def _call_cancel_hold(client: IikoClient, operation: LoyaltyOperation) -> str:
    hold = operation.hold
    client.cancel_hold(
        organization_id=operation.organization_id, transaction_id=hold.transaction_id if hold else ""
    )
    return ""


_CALLS: dict[OperationKind, Callable[[IikoClient, LoyaltyOperation], str]] = {
    OperationKind.TOPUP: _call_topup,
    OperationKind.WITHDRAW: _call_withdraw,
    OperationKind.HOLD: _call_hold,
    OperationKind.CANCEL_HOLD: _call_cancel_hold,
}


# --- recovering --------------------------------------------------------------------------------------


def _recover(operation: LoyaltyOperation, clock: Clock) -> StepOutcome:
    """Look for the operation among the guest's transactions: the answer to it was lost."""
    began = clock()
    try:
        found = list(_transactions(_client(operation), operation, clock))
    except (IikoError, HubError) as error:
        return _later(operation, began, error)
    is_release = operation.kind == OperationKind.CANCEL_HOLD
    mine = [one for one in found if (may_be_release if is_release else is_of)(one, operation)]
    for one in mine:
        if is_sum_of(one, operation):
            return StepOutcome(
                OperationState.CONFIRMED,
                confirmed_by="transaction",
                # A hold keeps our own id, by which iiko releases it.
                transaction_id=operation.transaction_id or one.id,
            )
    if mine:
        return StepOutcome(OperationState.EXPIRED, None, "other_sum", str(mine[0].sum))
    if began < absent_at(operation):
        return _later(operation, began, None)
    return _absent(operation)


def _absent(operation: LoyaltyOperation) -> StepOutcome:
    if operation.error_code == "refused":
        return StepOutcome(OperationState.REJECTED, None, "refused", operation.error)
    if operation.kind == OperationKind.CANCEL_HOLD:
        return StepOutcome(OperationState.PENDING, timedelta(), "answer_lost")
    return StepOutcome(OperationState.EXPIRED, None, "not_done")


def _transactions(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> Iterator[Transaction]:
    since = operation.hold.created_at if operation.hold else operation.created_at
    return transactions_of(
        client,
        organization_id=operation.organization_id,
        customer_id=operation.wallet.customer.iiko_id,
        since=since,
        now=clock(),
    )


def _later(operation: LoyaltyOperation, now: datetime, error: IikoError | HubError | None) -> StepOutcome:
    if now - (operation.sent_at or operation.created_at) > FOLLOW_FOR:
        return StepOutcome(OperationState.EXPIRED, None, "no_answer")
    wait = look_pause(operation, now)
    if now < absent_at(operation):
        wait = min(wait, absent_at(operation) - now)  # not later than need be
    if isinstance(error, IikoBusy):
        wait = max(wait, timedelta(seconds=error.retry_after_s))
    return StepOutcome(OperationState.UNKNOWN, wait, operation.error_code, operation.error)


def absent_at(operation: LoyaltyOperation) -> datetime:
    """Return from when on a lost operation that iiko does not show counts as not carried out."""
    return (operation.sent_at or operation.created_at) + ABSENT_AFTER


def look_pause(operation: LoyaltyOperation, now: datetime) -> timedelta:
    """Return how far apart the looks for a lost operation are by now."""
    if now >= absent_at(operation):
        return LOOK_PAUSE_OF_LATE
    return LOOK_PAUSES[min(operation.poll_count, len(LOOK_PAUSES) - 1)]


# --- recording ---------------------------------------------------------------------------------------


@transaction.atomic
def _record(claim: Claim, outcome: StepOutcome, now: datetime) -> datetime | None:
    operation = lock_operation(claim.operation.pk)
    if operation is None or not _may_record(claim, outcome, operation):
        return None  # its lease was lost meanwhile, and another worker was faster
    if claim.is_begun and not outcome.was_sent:
        operation.sends -= 1
        operation.sent_at = operation.sent_at if operation.sends else None
    if outcome.wait is None:
        finish(
            operation,
            outcome.state,
            now=now,
            code=outcome.code,
            error=outcome.error,
            confirmed_by=outcome.confirmed_by,
            transaction_id=outcome.transaction_id,
        )
        if outcome.state == OperationState.CONFIRMED:
            jobs.read_balances(operation.wallet.customer_id)
        return None
    _go_on(operation, outcome, now)
    return operation.next_attempt_at


def _may_record(claim: Claim, outcome: StepOutcome, operation: LoyaltyOperation) -> bool:
    """Whether what a step found is still the word on the operation as it is now.

    What came of a call counts, however late: others only looked meanwhile, and in the worst case took it
    for not done. What a look found counts while nothing was sent since; of two looks the later says how to
    go on.
    """
    if claim.step is Step.SEND and not claim.is_begun:
        return _holds(claim, operation)
    if operation.sent_at != claim.operation.sent_at:
        return False
    if claim.step is Step.SEND:
        is_wrong = operation.state == OperationState.EXPIRED and outcome.state == OperationState.CONFIRMED
        return is_wrong or not operation.is_final
    is_latest = operation.next_attempt_at == claim.operation.next_attempt_at
    return operation.state == OperationState.UNKNOWN and (is_latest or outcome.wait is None)


def _go_on(operation: LoyaltyOperation, outcome: StepOutcome, now: datetime) -> None:
    before = (operation.state, operation.error_code)
    operation.state = outcome.state
    operation.error_code, operation.error = outcome.code[:100], outcome.error
    operation.next_attempt_at = due_at = now + (outcome.wait or timedelta())
    if outcome.state == OperationState.PENDING:
        operation.poll_count += 1
    operation.save()
    if (outcome.state, operation.error_code) != before:
        record(operation, before[0], now=now, detail=detail_of(outcome.code, outcome.error))
    jobs.call_worker(operation.pk, due_at)
