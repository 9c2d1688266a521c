"""Open orders that iiko no longer lists when they are read by id.

One answer proves little: it may be partial, and an order that was just made may not be listed yet. So an
order that an answer leaves out is noted (``not_listed_since``), and ends as *unknown to iiko* only when
a later answer that can be trusted leaves it out as well. All that iiko reported of it stays as it was.
Whatever iiko reports of it again, in a webhook or in an answer, makes it open again. A person who knows
better need not wait for the second answer (``take_off_board``).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from core import trace
from core.mirror.change_feed import change_times
from iiko_client.models.order_lines import iso
from orders.commands.transitions import HUB
from orders.mirror.timeline import UNKNOWN_TO_IIKO
from orders.models.order import CreationStatus, Order, OrderQuerySet, TimelineEntry
from orders.signals import announce_change

logger = structlog.stdlib.get_logger(__name__)

GRACE = timedelta(minutes=10)
GRACE_OF_CREATION = timedelta(hours=1)
"""So long after it was first seen an order need not be listed; our choice, the vendor says nothing."""
AGAIN_AFTER = timedelta(minutes=2)
"""Time between the two answers that leave an order out."""


def note_absent(organization_id: str, iiko_order_ids: Collection[str], *, now: datetime) -> int:
    """Note which of these open orders an answer left out; returns how many are new."""
    old_enough = Q(created_at__lte=now - GRACE) & ~Q(
        creation_status=CreationStatus.IN_PROGRESS,
        raw_status__isnull=True,
        created_at__gt=now - GRACE_OF_CREATION,
    )
    orders = _named(organization_id, iiko_order_ids).open().filter(old_enough, not_listed_since__isnull=True)
    return orders.update(not_listed_since=now)


def forget_absent(organization_id: str, iiko_order_ids: Collection[str]) -> None:
    """Take back what ``note_absent`` noted: the answer cannot be trusted."""
    orders = _named(organization_id, iiko_order_ids).open()
    orders.filter(not_listed_since__isnull=False).update(not_listed_since=None)


@transaction.atomic
def end_absent(organization_id: str, iiko_order_ids: Collection[str], *, now: datetime) -> int:
    """End the orders that two answers left out; returns how many."""
    orders = _named(organization_id, iiko_order_ids).open()
    return _set(orders.filter(not_listed_since__lte=now - AGAIN_AFTER), now, now=now)


@transaction.atomic
def note_listed(organization_id: str, iiko_order_ids: Collection[str], *, now: datetime) -> None:
    """Forget that these orders were left out: iiko lists them."""
    noted = _named(organization_id, iiko_order_ids).listed_nowhere()
    if noted.exists():
        noted.filter(unknown_to_iiko_at__isnull=True).update(not_listed_since=None)
        _set(noted.filter(unknown_to_iiko_at__isnull=False), None, now=now)


@transaction.atomic
def take_off_board(order_id: int, *, actor: str, now: datetime) -> bool:
    """End an open order that iiko no longer lists, because a person says so; the timeline names the person.

    False: iiko lists it, or it is over; nothing was changed. The next news of the order opens it again.
    """
    absent = Order.objects.open().filter(pk=order_id, not_listed_since__isnull=False)
    return _set(absent, now, now=now, actor=actor) == 1


def _named(organization_id: str, iiko_order_ids: Collection[str]) -> OrderQuerySet:
    return Order.objects.filter(organization_id=organization_id, iiko_order_id__in=iiko_order_ids)


def _set(orders: OrderQuerySet, unknown_since: datetime | None, *, now: datetime, actor: str = HUB) -> int:
    """Write it down as a change that integrators read, with its entry in the timeline."""
    locked = list(orders.select_for_update().order_by("pk"))
    times = change_times()
    for order in locked:
        before, order.unknown_to_iiko_at = order.unknown_to_iiko_at, unknown_since
        if unknown_since is None:
            order.not_listed_since = None
        order.updated_at, order.trace_id = next(times), trace.current_uuid()
        order.save(update_fields=["unknown_to_iiko_at", "not_listed_since", "trace_id", "updated_at"])
        TimelineEntry.objects.create(
            order=order,
            organization_id=order.organization_id,
            what=UNKNOWN_TO_IIKO,
            from_value=iso(before),
            to_value=iso(unknown_since),
            recorded_at=now,
            actor=actor[:100],
        )
        logger.warning("order.unknown_to_iiko" if unknown_since else "order.known_again", order_pk=order.pk)
    if locked:
        announce_change()
    return len(locked)
