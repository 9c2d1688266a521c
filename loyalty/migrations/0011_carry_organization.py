"""Wallets, what the daily check found in them, and steps of operations carry their restaurant."""

from django.db import migrations

from core.database.parent_keys import ParentKey, carried

# Wallets first: differences take theirs from them.
KEYS = (
    ParentKey("loyalty_wallets", model="wallet", link="customer_id", parent="loyalty_customers"),
    ParentKey("loyalty_differences", model="balancedifference", link="wallet_id", parent="loyalty_wallets"),
    ParentKey(
        "loyalty_operation_steps", model="operationstep", link="operation_id", parent="loyalty_operations"
    ),
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("loyalty", "0010_index_traces")]

    operations = [
        carried(*KEYS),
    ]
