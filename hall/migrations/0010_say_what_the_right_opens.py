from django.db import migrations

BEFORE = "Can see names and phones of guests of the hall"
NOW = "Can see guests of the hall: names, phones, comments"


def _renames_to(name):
    def rename(apps, schema_editor):
        """Django does not rename permissions that are there."""
        rights = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
        of_hall = rights.filter(content_type__app_label="hall", codename="view_personal_data")
        of_hall.update(name=name)

    return rename


class Migration(migrations.Migration):
    dependencies = [
        ("hall", "0009_note_removal_of_guests"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="reserve",
            options={
                "ordering": ("-id",),
                "permissions": [("view_personal_data", NOW)],
                "verbose_name": "reserve",
                "verbose_name_plural": "reserves",
            },
        ),
        migrations.RunPython(_renames_to(NOW), _renames_to(BEFORE)),
    ]
