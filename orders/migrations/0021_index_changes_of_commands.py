"""The console asks every two seconds which commands began, went on or ended since a moment."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Greatest


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0020_relabel_commands")]

    operations = [
        AddIndexConcurrently(
            "ordercommand",
            models.Index(
                Greatest("created_at", "phase_at", "sent_at", "finished_at", "acknowledged_at"),
                name="order_commands_changed",
            ),
        ),
    ]
