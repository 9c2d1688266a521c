from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hall", "0004_index_phones_by_digits")]

    operations = [
        migrations.AlterField(
            model,
            "external_number",
            models.CharField(max_length=255, null=True, verbose_name="external number"),
        )
        for model in ("tableorder", "reserve")
    ]
