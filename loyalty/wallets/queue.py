"""What an open operation waits for, and how long that can take.

Operations of a wallet go one after the other, so all of them wait for the first that is not over.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from loyalty.models import LoyaltyOperation, OperationKind, OperationState
from loyalty.wallets.dispatch import FOLLOW_FOR, absent_at, look_pause

ANSWER_LOST, BEING_SENT, IN_TURN = "answer_lost", "being_sent", "in_turn"


@dataclass(frozen=True, slots=True)
class Wait:
    """How an open operation stands in the queue of its wallet; ``first`` may be the operation itself."""

    first: LoyaltyOperation
    ahead: int
    """How many operations are before it."""
    reason: str
    """Why the first one is not over: one of the codes above, or of what keeps it from being sent."""
    since: datetime
    """When the first one was sent, or requested where it was not."""
    next_step_at: datetime | None
    look_every: timedelta | None
    """How far apart the looks for the first one are, where its answer was lost."""
    settled_by: datetime | None
    """When the outcome of the first one counts as known at the latest; None where nobody can say."""
    is_late: bool
    """Whether iiko could not be read in time for the outcome of the first one."""

    @property
    def look_every_s(self) -> int | None:
        return None if self.look_every is None else round(self.look_every.total_seconds())

    @property
    def is_guessed(self) -> bool:
        """Whether the first one counts as not done if iiko does not show it by then."""
        return self.reason == ANSWER_LOST and self.settled_by is not None and not self.is_late


def waits_of(operations: Iterable[LoyaltyOperation], *, now: datetime) -> dict[int, Wait]:
    """Return by primary key what those that are not over wait for, in one query."""
    waiting = [operation for operation in operations if not operation.is_final]
    queues = _queues(waiting) if waiting else {}
    waits = {}
    for operation in waiting:
        queue = queues.get(_wallet_of(operation), [])
        before = [one for one in queue if one.pk < operation.pk]
        waits[operation.pk] = _wait(before[0] if before else operation, len(before), now)
    return waits


def wait_of(operation: LoyaltyOperation, *, now: datetime) -> Wait | None:
    return waits_of([operation], now=now).get(operation.pk)


def _queues(waiting: list[LoyaltyOperation]) -> dict[tuple[str, str], list[LoyaltyOperation]]:
    """Return what is not over, by iiko's wallet, the oldest first."""
    customers, wallets = zip(*map(_wallet_of, waiting), strict=True)
    rows = LoyaltyOperation.objects.open().filter(
        wallet__iiko_id__in=set(wallets), wallet__customer__iiko_id__in=set(customers)
    )
    queues = defaultdict(list)
    for one in rows.select_related("organization", "wallet__customer").order_by("id"):
        queues[_wallet_of(one)].append(one)
    return queues


def _wallet_of(operation: LoyaltyOperation) -> tuple[str, str]:
    return operation.wallet.customer.iiko_id, operation.wallet.iiko_id


def _wait(first: LoyaltyOperation, ahead: int, now: datetime) -> Wait:
    is_lost, is_pending = first.state == OperationState.UNKNOWN, first.state == OperationState.PENDING
    is_late = is_lost and now > absent_at(first) + look_pause(first, now)
    return Wait(
        first=first,
        ahead=ahead,
        reason=(first.error_code or IN_TURN) if is_pending else ANSWER_LOST if is_lost else BEING_SENT,
        since=first.asked_at,
        next_step_at=first.next_attempt_at,
        look_every=look_pause(first, now) if is_lost else None,
        settled_by=_settled_by(first, is_late=is_late),
        is_late=is_late,
    )


def _settled_by(first: LoyaltyOperation, *, is_late: bool) -> datetime | None:
    if first.state == OperationState.PENDING or first.kind == OperationKind.CANCEL_HOLD:
        return None  # a release that iiko does not show is sent again
    if is_late:
        return first.asked_at + FOLLOW_FOR
    return absent_at(first)
