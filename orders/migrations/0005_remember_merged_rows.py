import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_add_index_of_moves")]

    operations = [
        migrations.CreateModel(
            name="MergedOrder",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_rows",
                        to="orders.order",
                    ),
                ),
            ],
            options={"db_table": "orders_merged"},
        )
    ]
