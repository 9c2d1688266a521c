"""What the attention list does when something changes under it."""

from django.dispatch import receiver

from attention.models.items import AttentionItem
from attention.tasks import nudge
from orders.signals import mirror_changed, order_merged


@receiver(order_merged)
def follow_the_survivor(*, duplicate_id: int, survivor_id: int, **_: object) -> None:
    """Move the items of a duplicate row; the watch then gives them the subject of the survivor."""
    AttentionItem.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)


@receiver(mirror_changed)
def look_soon(**_: object) -> None:
    nudge.give()
