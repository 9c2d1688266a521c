from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0008_rename_error_to_processing_error")]

    operations = [
        migrations.AlterField(
            "webhookevent",
            "order_external_id",
            models.CharField(blank=True, max_length=255, verbose_name="external order id"),
        ),
        migrations.AlterField(
            "webhookevent",
            "entity_key",
            models.CharField(blank=True, max_length=260, verbose_name="entity"),
        ),
    ]
