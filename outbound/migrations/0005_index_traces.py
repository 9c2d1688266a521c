from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of a trace looks for what was reported of it."""

    atomic = False
    dependencies = [("outbound", "0004_carry_trace_ids")]

    operations = [
        AddIndexConcurrently(
            "outboundevent",
            models.Index("trace_id", name="outbound_events_trace", condition=Q(trace_id__isnull=False)),
        )
    ]
