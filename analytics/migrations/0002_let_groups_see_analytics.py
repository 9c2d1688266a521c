from django.db import migrations

GROUPS = ("Operator", "Administrator")
VIEW = ("view_analytics", "Can see analytics")


def let_groups(apps, schema_editor):
    """Whoever answers for a restaurant may see its figures; groups that are gone stay so."""
    database = schema_editor.connection.alias
    # Permissions are made after the last migration, so here this one may have to be made first.
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    content_type, _ = content_types.get_or_create(app_label="analytics", model="periodfigures")
    codename, title = VIEW
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(database)
        .get_or_create(content_type=content_type, codename=codename, defaults={"name": title})
    )
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(permission)


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    for permission in permissions.filter(content_type__app_label="analytics", codename=VIEW[0]):
        for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
            group.permissions.remove(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0001_create_period_figures"),
        ("orders", "0003_create_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(let_groups, take_back)]
