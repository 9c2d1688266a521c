"""Attempts carry the restaurant of their delivery; those of the hub itself have none."""

from django.db import migrations

from core.database.parent_keys import ParentKey, carried

KEYS = (
    ParentKey(
        "outbound_attempts",
        model="deliveryattempt",
        link="delivery_id",
        parent="outbound_deliveries",
        is_certain=False,
    ),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("outbound", "0005_index_traces")]

    operations = [
        carried(*KEYS),
    ]
