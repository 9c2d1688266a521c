from django.db import migrations, models


class Migration(migrations.Migration):
    """An entry belongs to the trace of its request."""

    dependencies = [("audit", "0002_let_administrators_see_it")]

    operations = [
        migrations.AddField(
            "auditentry", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
    ]
