from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The overview counts what was cancelled today, and lists are filtered by it."""

    atomic = False
    dependencies = [("orders", "0030_index_closed")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                "when_cancelled", name="orders_cancelled", condition=models.Q(when_cancelled__isnull=False)
            ),
        ),
    ]
