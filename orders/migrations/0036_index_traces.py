from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of a trace looks for its commands."""

    atomic = False
    dependencies = [("orders", "0035_add_trace_ids")]

    operations = [
        AddIndexConcurrently(
            "ordercommand",
            models.Index("trace_id", name="order_commands_trace", condition=Q(trace_id__isnull=False)),
        )
    ]
