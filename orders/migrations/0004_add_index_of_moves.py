from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0003_create_groups")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=GinIndex(
                condition=models.Q(("moved__isnull", False)),
                fields=["moved"],
                name="orders_moved",
                opclasses=["jsonb_path_ops"],
            ),
        )
    ]
