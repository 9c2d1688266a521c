from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0021_index_changes_of_commands")]

    operations = [
        migrations.AddField(
            "ordercommand",
            "confirmed_event_id",
            models.BigIntegerField(editable=False, null=True, verbose_name="confirming event"),
        )
    ]
