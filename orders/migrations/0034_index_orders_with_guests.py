from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Retention looks for the oldest orders that still have their guests."""

    atomic = False
    dependencies = [("orders", "0033_note_removal_of_guests")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                "updated_at",
                "id",
                name="orders_with_guests",
                condition=models.Q(personal_data_removed_at__isnull=True),
            ),
        ),
    ]
