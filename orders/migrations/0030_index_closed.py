from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The overview counts what was closed today, and lists are filtered by it."""

    atomic = False
    dependencies = [("orders", "0029_take_stage_times_from_console")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index("when_closed", name="orders_closed", condition=models.Q(when_closed__isnull=False)),
        ),
    ]
