from django.db import migrations

# Permissions are made after the last migration, so here they may have to be made first.
PERMISSIONS = (
    ("channel", "add_channel", "Can add notification channel"),
    ("channel", "change_channel", "Can change notification channel"),
    ("channel", "delete_channel", "Can delete notification channel"),
    ("channel", "view_channel", "Can view notification channel"),
    ("notification", "view_notification", "Can view notification"),
)


def let_set(apps, schema_editor):
    """A group that was deleted stays away."""
    database = schema_editor.connection.alias
    permissions = [_permission(apps, database, *one) for one in PERMISSIONS]
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name="Administrator"):
        group.permissions.add(*permissions)


def _permission(apps, database, model, codename, title):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="attention", model=model)
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": title})
    )
    return permission


def let_set_no_more(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    found = permissions.filter(
        content_type__app_label="attention",
        codename__in=[codename for _model, codename, _title in PERMISSIONS],
    )
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name="Administrator"):
        group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("attention", "0003_create_channels"),
        ("orders", "0003_create_groups"),
    ]

    operations = [migrations.RunPython(let_set, let_set_no_more)]
