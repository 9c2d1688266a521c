from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Analytics counts the commands that were asked for in an hour."""

    atomic = False
    dependencies = [("orders", "0031_index_cancelled")]

    operations = [
        AddIndexConcurrently(
            "ordercommand", models.Index(models.F("created_at"), name="order_commands_created")
        ),
    ]
