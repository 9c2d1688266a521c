from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0011_index_promised_time_of_all")]

    operations = [
        migrations.AlterField(
            "order",
            "external_order_id",
            models.CharField(max_length=255, null=True, verbose_name="external order id"),
        ),
        migrations.AlterField(
            "order",
            "soi_external_id",
            models.CharField(max_length=255, null=True, verbose_name="external order id (SOI)"),
        ),
    ]
