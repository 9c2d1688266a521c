from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0012_note_whether_a_pos_answers"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClockSkew",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("host", models.CharField(max_length=200)),
                ("role", models.CharField(max_length=20)),
                ("skew_s", models.FloatField(help_text="Positive: ahead of the database.")),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "clock_skews",
                "constraints": [
                    models.UniqueConstraint(fields=("host", "role"), name="clock_skews_one_per_role")
                ],
            },
        ),
    ]
