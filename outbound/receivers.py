"""What goes with a subscription that is deleted: its log, which may be millions of rows."""

from django.db import connection
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from outbound.models.subscriptions import Subscription

# Each statement is short, so that none runs into its time limit. Keys are checked at the commit.
_DELETE_BATCH = """
WITH batch AS (SELECT id FROM outbound_deliveries WHERE subscription_id = %s ORDER BY id LIMIT 10000),
attempts AS (DELETE FROM outbound_attempts USING batch WHERE delivery_id = batch.id)
DELETE FROM outbound_deliveries USING batch WHERE outbound_deliveries.id = batch.id
"""


@receiver(pre_delete, sender=Subscription)
def delete_log(instance: Subscription, **_: object) -> None:
    """Delete its deliveries and their attempts in the transaction of the subscription."""
    Subscription.objects.select_for_update().filter(pk=instance.pk).first()  # whoever sends waits, or is done
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_BATCH, [instance.pk])
        while cursor.rowcount:
            cursor.execute(_DELETE_BATCH, [instance.pk])
