from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0003_let_keys_act"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiUse",
            fields=[
                ("caller", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("minute", models.BigIntegerField(help_text="Minutes since 1970.")),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "db_table": "api_uses",
            },
        ),
    ]
