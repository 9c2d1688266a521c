from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The page of a trace looks for its entries."""

    atomic = False
    dependencies = [("audit", "0003_add_trace_id")]

    operations = [
        AddIndexConcurrently(
            "auditentry", models.Index("trace_id", name="audit_trace", condition=Q(trace_id__isnull=False))
        )
    ]
