"""That an order was seen carries the restaurant of the order."""

from django.db import migrations

from core.database.parent_keys import ParentKey, carried

KEYS = (ParentKey("console_seen_orders", model="seenorder", link="order_id", parent="orders", pk="order_id"),)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("console", "0002_give_stage_times_to_orders")]

    operations = [
        carried(*KEYS),
    ]
