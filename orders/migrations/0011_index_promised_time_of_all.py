from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The list of all orders is sorted and filtered by the promised time, not that of open ones alone."""

    atomic = False
    dependencies = [("orders", "0010_index_phones_by_digits")]

    operations = [
        AddIndexConcurrently("order", models.Index(models.F("promised_time"), name="orders_promised")),
    ]
