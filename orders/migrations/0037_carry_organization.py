"""What belongs to an order carries its restaurant; the database fills it in."""

from importlib import import_module

from django.db import migrations

from core.database.parent_keys import ParentKey, carried

KEYS = (
    ParentKey("order_commands", model="ordercommand", link="order_id", parent="orders"),
    ParentKey("order_timeline", model="timelineentry", link="order_id", parent="orders"),
    ParentKey("order_terms", model="orderterms", link="order_id", parent="orders", pk="order_id"),
    ParentKey("orders_merged", model="mergedorder", link="order_id", parent="orders"),
)

WRITE = import_module("orders.migrations.0024_create_order_terms").WRITE.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1
)
# The trigger of the order has it at hand.
WRITE_WITH_KEY = WRITE.replace("(order_id, terms)", "(organization_id, order_id, terms)", 1).replace(
    "VALUES (", "VALUES (NEW.organization_id, ", 1
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0036_index_traces")]

    operations = [
        carried(*KEYS),
        migrations.RunSQL(WRITE_WITH_KEY, WRITE),
    ]
