from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0009_widen_external_ids")]

    operations = [
        migrations.AddField(
            "ordersync",
            "open_asked_at",
            models.DateTimeField(
                help_text="When iiko was last asked by id for open orders without news.", null=True
            ),
        ),
    ]
