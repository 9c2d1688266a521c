"""What the inbox does when the mirror changes under it."""

from collections.abc import Sequence

from django.dispatch import receiver

from iiko_client.json_reader import JsonObject
from orders.signals import order_merged, order_read
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource, WebhookEvent
from webhooks.reconciliation.store import store_orders


@receiver(order_merged)
def follow_the_survivor(*, duplicate_id: int, survivor_id: int, **_: object) -> None:
    """Move the events of a duplicate row to the survivor."""
    WebhookEvent.objects.filter(order_id=duplicate_id).update(order_id=survivor_id)


@receiver(order_read)
def store_what_was_read(*, organization: Organization, infos: Sequence[JsonObject], **_: object) -> None:
    """Store what was read after a command; it enters the mirror through the inbox, as all does."""
    store_orders(organization.iiko_id, infos, source=EventSource.COMMAND)
