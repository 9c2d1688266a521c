"""What the inbox does when the mirror changes under it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from orders.signals import order_merged
from webhooks.models import WebhookEvent


@receiver(order_merged)
def follow_the_keeper(*, loser_id: int, keeper_id: int, **_: Any) -> None:
    """The events behind a row that is given up stand behind the one that stays."""
    WebhookEvent.objects.filter(order_id=loser_id).update(order_id=keeper_id)
