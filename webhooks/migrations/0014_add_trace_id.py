from django.db import migrations, models


class Migration(migrations.Migration):
    """An event belongs to the trace of the request that brought it."""

    dependencies = [("webhooks", "0013_rename_labels")]

    operations = [
        migrations.AddField(
            "webhookevent", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
    ]
