"""What belongs to an order follows it when its row is merged or it is reissued."""

from django.dispatch import receiver

from loyalty.models import LoyaltyOperation
from loyalty.wallets import holds
from orders.signals import order_merged, order_reissued


@receiver(order_merged)
def follow_the_survivor(*, duplicate_id: int, survivor_id: int, **_: object) -> None:
    LoyaltyOperation.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)


@receiver(order_reissued)
def follow_the_new_order(*, old_id: int, new_id: int, **_: object) -> None:
    holds.hand_over(old_id=old_id, new_id=new_id)
