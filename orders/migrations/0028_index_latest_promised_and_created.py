from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Lists are sorted by the promised time both ways and filtered by the day an order was first seen."""

    atomic = False
    dependencies = [("orders", "0027_let_groups_export_orders")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(models.F("promised_time").desc(nulls_last=True), name="orders_promised_latest"),
        ),
        AddIndexConcurrently("order", models.Index(models.F("created_at"), name="orders_created")),
    ]
