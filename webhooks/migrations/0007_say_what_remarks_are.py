from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0006_name_more_reasons"),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhookevent",
            name="notes",
            field=models.JSONField(
                default=list,
                help_text="Fields that could not be read and are unknown now, or were not read just as they came.",
                verbose_name="remarks",
            ),
        ),
    ]
