from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows that are here are null: not told. A replay of their last event fills them."""

    dependencies = [("orders", "0008_add_deletion")]

    operations = [
        migrations.AddField(
            "order", "phone_extension", models.CharField("phone extension", max_length=200, null=True)
        ),
        migrations.AddField(
            "order", "external_courier_service_id", models.TextField("outside courier service id", null=True)
        ),
        migrations.AddField(
            "order", "external_courier_service_name", models.TextField("outside courier service", null=True)
        ),
        migrations.AddField("order", "tracking_link", models.TextField("tracking link", null=True)),
    ]
