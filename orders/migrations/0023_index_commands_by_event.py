from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0022_name_event_that_confirmed")]

    operations = [
        AddIndexConcurrently(
            "ordercommand",
            models.Index(
                "confirmed_event_id",
                condition=Q(confirmed_event_id__isnull=False),
                name="order_commands_event",
            ),
        )
    ]
