from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0006_name_more_reasons")]

    operations = [
        migrations.RenameField("webhookevent", "error", "processing_error"),
        migrations.AlterField(
            "webhookevent",
            "processing_error",
            models.TextField(blank=True, verbose_name="processing error"),
        ),
    ]
