from django.db import migrations


class Migration(migrations.Migration):
    """The model goes to ``orders``; the table stays."""

    dependencies = [
        ("console", "0001_create_preferences_and_stage_times"),
        ("orders", "0029_take_stage_times_from_console"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="StageTimes")])
    ]
