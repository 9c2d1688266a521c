"""Give operations with a step to take to the workers; what belongs to an order follows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from loyalty.models import LoyaltyOperation
from loyalty.signals import balance_moved, holds_orphaned, operation_due
from loyalty.tasks import enqueue, read_guest, release_of_order
from loyalty.wallets import holds
from orders.signals import order_merged, order_reissued


@receiver(operation_due)
def hand_to_a_worker(*, operation_id: int, at: datetime, **_: Any) -> None:
    enqueue(operation_id, at)


@receiver(order_merged)
def follow_the_survivor(*, duplicate_id: int, survivor_id: int, **_: Any) -> None:
    LoyaltyOperation.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)


@receiver(order_reissued)
def follow_the_new_order(*, old_id: int, new_id: int, **_: Any) -> None:
    holds.hand_over(old_id=old_id, new_id=new_id)


@receiver(balance_moved)
def read_later(*, customer_id: int, **_: Any) -> None:
    read_guest.defer(customer_id=customer_id)


@receiver(holds_orphaned)
def release_later(*, order_id: int, **_: Any) -> None:
    release_of_order.defer(order_id=order_id)
