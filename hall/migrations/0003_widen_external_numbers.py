from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hall", "0002_let_groups_see_the_hall")]

    operations = [
        migrations.AlterField(
            model,
            "external_number",
            models.CharField(max_length=255, null=True, verbose_name="external number"),
        )
        for model in ("tableorder", "reserve")
    ]
