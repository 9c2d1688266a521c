import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table stays as it is, name and rows; only the app that it belongs to is another one."""

    dependencies = [
        ("orders", "0028_index_latest_promised_and_created"),
        ("console", "0001_create_preferences_and_stage_times"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="StageTimes",
                    fields=[
                        (
                            "organization",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="stage_times",
                                serialize=False,
                                to="organizations.organization",
                                to_field="iiko_id",
                            ),
                        ),
                        ("accept_s", models.PositiveIntegerField(null=True)),
                        ("cook_s", models.PositiveIntegerField(null=True)),
                        ("wait_s", models.PositiveIntegerField(null=True)),
                        ("carry_s", models.PositiveIntegerField(null=True)),
                        ("orders", models.PositiveIntegerField()),
                        ("measured_at", models.DateTimeField()),
                    ],
                    options={"db_table": "console_stage_times"},
                )
            ]
        )
    ]
