from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0017_add_restaurant_access")]

    operations = [
        migrations.AddField(
            "apicall", "command_id", models.BigIntegerField(null=True, verbose_name="command")
        )
    ]
