"""Commands that have a step to take are handed to the workers."""

from datetime import datetime

from django.dispatch import receiver

from orders.signals import command_due
from orders.tasks import enqueue


@receiver(command_due)
def hand_to_a_worker(*, command_id: int, at: datetime | None, **_: object) -> None:
    enqueue(command_id, at)
