from django.db import migrations

GROUPS = ("Dispatcher", "Operator", "Administrator")
PERMISSIONS = (
    ("stoplistitem", "view_stoplistitem", "Can view product on a stop list"),
    ("stoplistitem", "refresh_stoplistitem", "Can have stop lists read again"),
    ("shift", "view_shift", "Can view shift"),
)


def add_permissions(apps, schema_editor):
    """Those of the hub's own groups that are still there."""
    database = schema_editor.connection.alias
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    made = []
    for model, codename, name in PERMISSIONS:
        # Permissions are made after the last migration, so here they may have to be made first.
        content_type, _ = content_types.get_or_create(app_label="organizations", model=model)
        permission, _ = permissions.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )
        made.append(permission)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(*made)


def take_permissions(apps, schema_editor):
    database = schema_editor.connection.alias
    codenames = [codename for _, codename, _ in PERMISSIONS]
    taken = apps.get_model("auth", "Permission").objects.using(database)
    taken = taken.filter(content_type__app_label="organizations", codename__in=codenames)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.remove(*taken)


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0008_add_shifts"),
        ("orders", "0003_create_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_permissions, take_permissions)]
