from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0004_add_reconciliation"),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhookevent",
            name="source",
            field=models.CharField(
                choices=[
                    ("webhook", "webhook"),
                    ("reconcile", "reconciliation"),
                    ("replay", "replay"),
                    ("command", "read after a command"),
                ],
                default="webhook",
                max_length=10,
                verbose_name="source",
            ),
        ),
    ]
