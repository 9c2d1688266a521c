from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of a trace looks for its calls."""

    atomic = False
    dependencies = [("organizations", "0021_add_trace_id")]

    operations = [
        AddIndexConcurrently(
            "apicall",
            models.Index("trace_id", name="iiko_api_calls_trace", condition=Q(trace_id__isnull=False)),
        )
    ]
