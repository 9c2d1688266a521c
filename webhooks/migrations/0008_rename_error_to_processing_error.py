from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0007_say_what_remarks_are")]

    operations = [
        migrations.RenameField("webhookevent", "error", "processing_error"),
        migrations.AlterField(
            "webhookevent",
            "processing_error",
            models.TextField(blank=True, verbose_name="processing error"),
        ),
    ]
