"""Release holds of orders that were cancelled or refused."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from core.errors import HubError
from loyalty.models import LoyaltyOperation, LoyaltyOperationQuerySet, OperationState, cancelled_or_refused
from loyalty.wallets import jobs
from loyalty.wallets.submission import request_cancel_hold
from orders.actions.discount.replacement import reissues
from orders.commands.submission import Requester

logger = structlog.stdlib.get_logger(__name__)

HUB = Requester("hub", "hub")

_MOST_TRIES = 10
_LOOK_BACK = timedelta(days=30)  # no order is delivered later; the sweep stays quick
_MOST_AT_ONCE = 500


def notice_orders(order_ids: Collection[int]) -> None:
    """Call a worker for those of these orders that were cancelled or refused while money is held for them.

    It locks nothing: whoever changes orders holds locks on them that a release would wait for.
    """
    orphaned = orphaned_holds(LoyaltyOperation.objects.open_holds().filter(order_id__in=order_ids))
    for order_id in sorted(set(orphaned.values_list("order_id", flat=True))):
        jobs.release_holds(order_id)


def release_of_orders(order_ids: Collection[int], *, now: datetime) -> int:
    """Request the release of what is held for those of these orders that were cancelled or refused."""
    return _release(LoyaltyOperation.objects.open_holds().filter(order_id__in=order_ids), now)


def release_orphaned(*, now: datetime) -> int:
    """Request it for all orders: what a failed release or a missed message left behind."""
    holds = LoyaltyOperation.objects.open_holds().filter(created_at__gte=now - _LOOK_BACK)
    return _release(holds, now)


def _release(holds: LoyaltyOperationQuerySet, now: datetime) -> int:
    requested = 0
    # The newest first: what needs attention must not stand in the way of the others.
    orphaned = orphaned_holds(holds).order_by("-id")
    for hold in orphaned.select_related("order")[:_MOST_AT_ONCE]:
        if _is_due(hold, now):
            requested += _request_release(hold, now)
    return requested


def orphaned_holds(holds: LoyaltyOperationQuerySet) -> LoyaltyOperationQuerySet:
    """Keep the holds whose order was cancelled or refused and has no replacement (docs/adr/0007)."""
    return holds.filter(cancelled_or_refused("order__")).exclude(order_id__in=reissues().values("order_id"))


def hand_over(*, old_id: int, new_id: int) -> None:
    """Move the holds of an order to its replacement."""
    LoyaltyOperation.objects.open_holds().filter(order_id=old_id).update(order_id=new_id)


def _is_due(hold: LoyaltyOperation, now: datetime) -> bool:
    """Whether to request the release now: after a failure wait 1, 2, 4… minutes, an hour at most.

    After ten, or where somebody cancelled a release, it needs attention.
    """
    tries = list(hold.releases.order_by("-id").values_list("state", "finished_at")[:_MOST_TRIES])
    if not tries:
        return True
    finished_at = tries[0][1]
    if finished_at is None or len(tries) >= _MOST_TRIES or tries[0][0] == OperationState.CANCELLED:
        return False
    if all(state == OperationState.REJECTED for state, _at in tries[:3]) and len(tries) >= 3:
        return False  # iiko said no three times in a row
    return bool(now - finished_at >= min(timedelta(minutes=2 ** (len(tries) - 1)), timedelta(hours=1)))


def _request_release(hold: LoyaltyOperation, now: datetime) -> int:
    try:
        request_cancel_hold(transaction_id=hold.transaction_id, by=HUB, now=now, comment=str(hold.order))
    except HubError as error:
        logger.warning("loyalty.release_not_asked", operation_pk=hold.pk, code=error.code)
        return 0
    return 1
