from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0012_widen_external_ids")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(Upper("external_order_id"), name="orders_external_id_upper"),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                Upper("soi_external_id"),
                condition=models.Q(("soi_external_id__isnull", False)),
                name="orders_soi_external_id_upper",
            ),
        ),
    ]
