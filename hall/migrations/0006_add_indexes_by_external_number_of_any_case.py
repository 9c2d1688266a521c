from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("hall", "0005_widen_external_numbers")]

    operations = [
        AddIndexConcurrently(
            model_name=model,
            index=models.Index(Upper("external_number"), name=name),
        )
        for model, name in (
            ("tableorder", "table_orders_external_upper"),
            ("reserve", "reserves_external_number_upper"),
        )
    ]
