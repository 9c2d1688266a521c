from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0010_note_when_open_orders_were_asked_for")]

    operations = [
        migrations.AlterField(
            "linkhealth",
            "state",
            models.CharField(
                choices=[
                    ("receiving", "webhooks come"),
                    ("quiet", "quiet hour"),
                    ("dead_webhook", "webhooks do not arrive"),
                    ("offline_till", "till is offline"),
                    ("blind", "silent, and iiko cannot be asked"),
                    ("not_registered", "webhook is not registered"),
                    ("no_login", "no API login"),
                ],
                max_length=20,
                verbose_name="state",
            ),
        ),
    ]
