from django.db import migrations, models


class Migration(migrations.Migration):
    """Orders say since when they have no guest."""

    dependencies = [("orders", "0032_index_commands_by_time")]

    operations = [
        migrations.AddField(
            "order",
            "personal_data_removed_at",
            models.DateTimeField(editable=False, null=True, verbose_name="guest removed"),
        ),
    ]
