from django.db import migrations

# Permissions are made after the last migration, so here they may have to be made first.
PERMISSIONS = (
    ("subscription", "add_subscription", "Can add subscription"),
    ("subscription", "change_subscription", "Can change subscription"),
    ("subscription", "delete_subscription", "Can delete subscription"),
    ("subscription", "view_subscription", "Can view subscription"),
    ("subscription", "act_on_subscription", "Can send tests and send events again"),
    ("delivery", "view_delivery", "Can view delivery of a webhook"),
)


def let_set(apps, schema_editor):
    """A group that was deleted stays away."""
    database = schema_editor.connection.alias
    permissions = [_permission(apps, database, *one) for one in PERMISSIONS]
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name="Administrator"):
        group.permissions.add(*permissions)


def _permission(apps, database, model, codename, title):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="outbound", model=model)
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
        content_type__app_label="outbound",
        codename__in=[codename for _model, codename, _title in PERMISSIONS],
    )
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name="Administrator"):
        group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("outbound", "0002_capture_changes"),
        ("orders", "0003_create_groups"),
    ]

    operations = [migrations.RunPython(let_set, let_set_no_more)]
