from django.db import migrations

# As Django and the models call them; permissions are made after the last migration, so here they may
# have to be made first.
PERMISSIONS = (
    ("reserve", "view_reserve", "Can view reserve"),
    ("reserve", "view_personal_data", "Can see names and phones of guests of the hall"),
    ("tableorder", "view_tableorder", "Can view table order"),
)
GROUPS = ("Dispatcher", "Operator", "Administrator")


def let_see(apps, schema_editor):
    """Whoever sees the deliveries sees the hall; a group that was deleted stays away."""
    database = schema_editor.connection.alias
    permissions = [_permission(apps, database, *one) for one in PERMISSIONS]
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(*permissions)


def _permission(apps, database, model, codename, title):
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="hall", model=model)
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": title})
    )
    return permission


def let_see_no_more(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    for model, codename, _ in PERMISSIONS:
        found = permissions.filter(
            content_type__app_label="hall", content_type__model=model, codename=codename
        )
        for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
            group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("hall", "0001_create_table_orders_and_reserves"),
        ("orders", "0003_create_groups"),
    ]

    operations = [migrations.RunPython(let_see, let_see_no_more)]
