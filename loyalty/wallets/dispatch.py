"""Send an operation to iiko and find out its outcome, one step at a time.

iiko's top-up and charge-off know no key of ours and give no id back. So one operation of a wallet is
under way at a time, and no transaction is open during a call. The worker that takes an operation first
reads what sending depends on: dying then costs a short wait, for it is still *pending*. Only right before
the one call, when a token is at hand and nothing else can keep it back, it is written down as *sent*. From
then on one whose answer was lost is never sent again but looked for among the guest's transactions, by its
marker and its sum. Only the release of a hold may be sent twice: there is one hold to release.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Max

from core.errors import HubError
from core.outbox import Claim, Clock, LeaseLost, Outbox, StepOutcome, pause_after
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoRejected
from iiko_client.models.loyalty import Points, Transaction
from iiko_client.units import MinorUnits, to_major
from loyalty.models import SPENDING, LoyaltyOperation, OperationKind, OperationState, cancelled_or_refused
from loyalty.refusals import detail_of
from loyalty.wallets import jobs
from loyalty.wallets.customers import store
from loyalty.wallets.ledger_transitions import finish, lock_operation, record
from loyalty.wallets.transactions import is_of, is_sum_of, may_be_release, transactions_of
from orders.models.order import Order
from organizations.connection.clients import iiko_for

logger = structlog.stdlib.get_logger(__name__)

LEASE = timedelta(seconds=40)
"""After it the worker that holds an operation counts as dead, and a worker is called for it at that moment.
One that is only slow sends nothing any more (``begin``), and the answer to a call it made counts
(``counts``)."""

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


class WalletOutbox(Outbox[LoyaltyOperation]):
    """Operations of wallets, the oldest of a wallet first.

    An operation is *sent* not from its claim on but from the moment of its call (``begin``), for the reads
    before it take time. iiko tells no status of one, so there is nothing to poll. And a worker is called for
    the end of each lease: whoever dies with an operation must not keep the wallet waiting for the next sweep.
    """

    name = "loyalty_operation"
    lease = LEASE
    pauses = _PAUSES
    held_up_code = "held_up"

    def lock(self, row_id: int) -> LoyaltyOperation | None:
        return lock_operation(row_id)

    # --- claiming ----------------------------------------------------------------------------------------

    def may_send(self, operation: LoyaltyOperation, now: datetime) -> bool:
        open_ones = LoyaltyOperation.objects.open().of_wallet(operation.wallet)
        if open_ones.filter(pk__lt=operation.pk).exists():
            return False  # whoever ends that one calls this one
        most = FOLLOW_FOR if operation.sends else SEND_WITHIN
        if now - operation.created_at > most and now - sendable_since(operation) > most:
            code = "no_answer" if operation.sends else "not_sent"
            finish(operation, OperationState.EXPIRED, now=now, code=code)
            return False
        return True

    def claimed(self, claim: Claim[LoyaltyOperation], now: datetime) -> None:
        self.wake(claim.row)

    @transaction.atomic
    def begin(self, claim: Claim[LoyaltyOperation], clock: Clock) -> None:
        """Write down, right before the call, that it may have been made.

        Raises:
            LeaseLost: the call must not be made.
        """
        operation = lock_operation(claim.row.pk)
        now = clock()
        if operation is None or not self.holds(claim, operation) or now >= (operation.next_attempt_at or now):
            raise LeaseLost
        if (operation.next_attempt_at or now) - now < CALL_LEASE:
            operation.next_attempt_at = now + CALL_LEASE
            self.wake(operation)
        if not claim.is_begun:
            operation.state, operation.sent_at, operation.poll_count = OperationState.SENT, now, 0
            operation.error_code = operation.error = ""
            operation.sends += 1
            record(operation, OperationState.PENDING, now=now)
        operation.save()
        claim.row, claim.is_begun = operation, True

    # --- taking a step -----------------------------------------------------------------------------------

    def send(self, claim: Claim[LoyaltyOperation], clock: Clock) -> StepOutcome:
        """Make the one call of an operation, after the reads that guard it."""
        operation = claim.row
        client = _client(operation, before_write=partial(self.begin, claim, clock))
        if (refusal := _guard(client, operation, clock)) is not None:
            return refusal
        transaction_id = _call(client, operation)
        return StepOutcome(OperationState.CONFIRMED, confirmed_by="answer", iiko_id=transaction_id)

    def refused(
        self, claim: Claim[LoyaltyOperation], error: IikoAuthFailed | IikoRejected | HubError
    ) -> StepOutcome:
        """Judge a refusal: final, but for a second release it may mean that the first was carried out."""
        text = (None if isinstance(error, HubError) else error.description) or str(error)
        if claim.row.sends - claim.is_begun > 0:
            return StepOutcome(OperationState.UNKNOWN, LOOK_PAUSES[0], "refused", text)
        return StepOutcome(OperationState.REJECTED, None, error.code or "refused", text)

    def not_sent(self, operation: LoyaltyOperation, error: IikoError) -> StepOutcome:
        # ``error`` of an operation holds what iiko said of it, and it said nothing.
        return replace(super().not_sent(operation, error), error="")

    def lost(self, operation: LoyaltyOperation, error: IikoError) -> StepOutcome:
        logger.warning("loyalty.answer_lost", operation_pk=operation.pk, error_type=type(error).__name__)
        return StepOutcome(OperationState.UNKNOWN, LOOK_PAUSES[0], "answer_lost")

    def recover(self, operation: LoyaltyOperation, clock: Clock) -> StepOutcome:
        """Look for the operation among the guest's transactions: the answer to it was lost."""
        began = clock()
        found = list(_transactions(_client(operation), operation, clock))
        is_release = operation.kind == OperationKind.CANCEL_HOLD
        mine = [one for one in found if (may_be_release if is_release else is_of)(one, operation)]
        for one in mine:
            if is_sum_of(one, operation):
                # A hold keeps our own id, by which iiko releases it.
                transaction_id = operation.transaction_id or one.id
                return StepOutcome(
                    OperationState.CONFIRMED, confirmed_by="transaction", iiko_id=transaction_id
                )
        if mine:
            return StepOutcome(OperationState.EXPIRED, None, "other_sum", str(mine[0].sum))
        if began < absent_at(operation):
            return self.later(operation, began)
        if operation.error_code == "refused":
            return StepOutcome(OperationState.REJECTED, None, "refused", operation.error)
        if is_release:
            return StepOutcome(OperationState.PENDING, timedelta(), "answer_lost")
        return StepOutcome(OperationState.EXPIRED, None, "not_done")

    def later(
        self, operation: LoyaltyOperation, began: datetime, error: IikoError | HubError | None = None
    ) -> StepOutcome:
        if began - operation.asked_at > FOLLOW_FOR:
            return StepOutcome(OperationState.EXPIRED, None, "no_answer")
        wait = look_pause(operation, began)
        if began < absent_at(operation):
            wait = min(wait, absent_at(operation) - began)  # not later than need be
        if isinstance(error, IikoBusy):
            wait = max(wait, timedelta(seconds=error.retry_after_s))
        return StepOutcome(OperationState.UNKNOWN, wait, operation.error_code, operation.error)

    # --- recording ---------------------------------------------------------------------------------------

    def keep(self, operation: LoyaltyOperation, outcome: StepOutcome) -> None:
        if outcome.is_unsent:
            operation.sends -= 1
            operation.sent_at = operation.sent_at if operation.sends else None

    def finish(self, operation: LoyaltyOperation, outcome: StepOutcome, now: datetime) -> None:
        finish(
            operation,
            OperationState(outcome.state),
            now=now,
            code=outcome.code,
            error=outcome.error,
            confirmed_by=outcome.confirmed_by,
            transaction_id=outcome.iiko_id,
        )
        if outcome.state == OperationState.CONFIRMED:
            jobs.read_balances(operation.wallet.customer_id)

    def note(
        self, operation: LoyaltyOperation, before: tuple[str, str], outcome: StepOutcome, now: datetime
    ) -> None:
        if (operation.state, operation.error_code) != before:
            record(operation, before[0], now=now, detail=detail_of(outcome.code, outcome.error))

    def wake(self, operation: LoyaltyOperation) -> None:
        if operation.next_attempt_at:
            jobs.call_worker(operation.pk, operation.next_attempt_at)


OUTBOX = WalletOutbox()
advance = OUTBOX.advance


def sendable_since(operation: LoyaltyOperation) -> datetime:
    """Return when the last operation that was sent before this one ended, or when this one was requested.

    What ended unsent kept nobody waiting: it could not be sent for the same reason.
    """
    before = LoyaltyOperation.objects.of_wallet(operation.wallet).filter(pk__lt=operation.pk, sends__gt=0)
    settled_at: datetime | None = before.aggregate(at=Max("finished_at"))["at"]
    return max(operation.created_at, settled_at or operation.created_at)


def _guard(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> StepOutcome | None:
    """Read what sending depends on; returns the outcome where it must not be sent."""
    if operation.kind != OperationKind.CANCEL_HOLD and (code := operation.wallet.why_not_moved):
        return _unsendable(code)
    over = Order.objects.filter(cancelled_or_refused(), loyalty_operations=operation)
    if operation.kind == OperationKind.HOLD and over.exists():
        return _unsendable("order_over")
    if operation.kind in SPENDING:
        return _guard_balance(client, operation, clock)
    if operation.kind == OperationKind.CANCEL_HOLD and operation.baseline_revision is None:
        _keep_baseline(client, operation, clock)
    return None


def _unsendable(code: str, said: str = "") -> StepOutcome:
    return StepOutcome(OperationState.REJECTED, None, code, said)


def _guard_balance(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> StepOutcome | None:
    """Check the balance that iiko has now; no other operation of the wallet is under way."""
    read_at = clock()
    customer = operation.wallet.customer
    guest = client.guest(organization_id=operation.organization_id, id=customer.iiko_id)
    if guest is None:
        return _unsendable("customer_not_found")
    store(operation.organization, guest, read_at=read_at, names_again=False)
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


def _call(client: IikoClient, operation: LoyaltyOperation) -> str:
    """Make the call; return the id that iiko stores of a hold. It gives none of anything else."""
    organization_id, hold = operation.organization_id, operation.hold
    if operation.kind == OperationKind.CANCEL_HOLD:
        client.cancel_hold(
            organization_id=organization_id, transaction_id=hold.transaction_id if hold else ""
        )
        return ""
    amount = Points(to_major(MinorUnits(operation.amount_minor)))
    where = {
        "organization_id": organization_id,
        "customer_id": operation.wallet.customer.iiko_id,
        "wallet_id": operation.wallet.iiko_id,
        "comment": operation.sent_comment,
    }
    if operation.kind == OperationKind.HOLD:
        return client.hold(**where, amount=amount, transaction_id=operation.transaction_id)
    move = client.top_up if operation.kind == OperationKind.TOPUP else client.charge_off
    move(**where, amount=amount)
    return ""


# --- looking for a lost one --------------------------------------------------------------------------


def _transactions(client: IikoClient, operation: LoyaltyOperation, clock: Clock) -> Iterator[Transaction]:
    since = operation.hold.created_at if operation.hold else operation.created_at
    return transactions_of(
        client,
        organization_id=operation.organization_id,
        customer_id=operation.wallet.customer.iiko_id,
        since=since,
        now=clock(),
    )


def absent_at(operation: LoyaltyOperation) -> datetime:
    """Return from when on a lost operation that iiko does not show counts as not carried out."""
    return operation.asked_at + ABSENT_AFTER


def look_pause(operation: LoyaltyOperation, now: datetime) -> timedelta:
    """Return how far apart the looks for a lost operation are by now."""
    if now >= absent_at(operation):
        return LOOK_PAUSE_OF_LATE
    return pause_after(LOOK_PAUSES, operation.poll_count)
