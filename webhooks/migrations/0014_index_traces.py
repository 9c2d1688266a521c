from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Webhooks are found by their time: they cost this index nothing."""

    atomic = False
    dependencies = [("webhooks", "0014_add_trace_id")]

    operations = [
        AddIndexConcurrently(
            "webhookevent",
            models.Index(
                "trace_id",
                name="webhook_events_trace",
                condition=Q(trace_id__isnull=False) & ~Q(source="webhook"),
            ),
        )
    ]
