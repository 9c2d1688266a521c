from django.db import migrations, models


class Migration(migrations.Migration):
    """A call belongs to the trace of what it was made for."""

    dependencies = [("organizations", "0020_let_keys_expire")]

    operations = [
        migrations.AddField(
            "apicall", "trace_id", models.UUIDField(editable=False, null=True, verbose_name="trace")
        ),
    ]
