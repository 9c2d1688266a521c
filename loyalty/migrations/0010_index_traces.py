from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of a trace looks for its operations."""

    atomic = False
    dependencies = [("loyalty", "0009_add_trace_id")]

    operations = [
        AddIndexConcurrently(
            "loyaltyoperation",
            models.Index("trace_id", name="loyalty_operations_trace", condition=Q(trace_id__isnull=False)),
        )
    ]
