from django.db import migrations, models


def _mark() -> models.DateTimeField:
    return models.DateTimeField(editable=False, null=True, verbose_name="guest removed")


class Migration(migrations.Migration):
    """Table orders and reserves say since when they have no guest."""

    dependencies = [("hall", "0008_rename_labels")]

    operations = [
        migrations.AddField("tableorder", "personal_data_removed_at", _mark()),
        migrations.AddField("reserve", "personal_data_removed_at", _mark()),
    ]
