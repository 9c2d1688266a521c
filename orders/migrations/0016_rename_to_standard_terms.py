from django.db import migrations, models


def _in_timeline(old: str, new: str) -> str:
    """Rename a key of what the timeline tells of commands."""
    changed = ", ".join(
        f"{column} = CASE WHEN {column} ? '{old}' "
        f"THEN ({column} - '{old}') || jsonb_build_object('{new}', {column}->'{old}') ELSE {column} END"
        for column in ("from_value", "to_value")
    )
    return f"UPDATE order_timeline SET {changed} WHERE what = 'command'"  # noqa: S608  # constants


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_add_acknowledgements")]

    operations = [
        migrations.RenameField("ordercommand", "wish", "params"),
        migrations.RenameField("ordercommand", "order_then", "order_snapshot"),
        migrations.RenameField("ordercommand", "proof", "confirmed_by"),
        migrations.RenameField("ordercommand", "looks", "poll_count"),
        migrations.RenameField("ordercommand", "held_until", "next_attempt_at"),
        migrations.RenameField("ordercommand", "saga", "state_data"),
        migrations.RenameField("order", "field_ranks", "field_precedence"),
        migrations.AlterField(
            "ordercommand", "params", models.JSONField(default=dict, verbose_name="params")
        ),
        migrations.RunSQL(_in_timeline("wish", "params"), _in_timeline("params", "wish")),
    ]
